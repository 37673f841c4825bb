//! Incidents: what went wrong without anybody having stopped it.
//!
//! A finding of a review opens one, a person, or a counter-action that does not undo what
//! it should. It is told at once, in the commit that opens it, and what is found wrong
//! becomes a label of the action: backtests and bounds count it as one that people wanted
//! to be asked about.

mod handle;
mod read;

pub use handle::{CloseIncident, RaiseIncident};
pub use read::{Filter, IncidentView};

use super::operation::Tx;
use super::{Engine, views};
use crate::domain::action::Action;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{ActionId, IncidentId};
use crate::domain::incident::{
    COMPENSATION_SEVERITY, Deed, Incident, IncidentKind, IncidentState, Label, Trouble,
};
use crate::domain::notice::NoticeKind;
use crate::store::keys;
use crate::store::records::{PolicyInForceRecord, PolicyRecord};

/// What an event about an incident is about.
fn subjects(incident: &Incident) -> Subjects {
    Subjects {
        run: Some(incident.run),
        action: Some(incident.action),
        review: incident.review,
        incident: Some(incident.id),
        policy: Some(incident.policy_revision),
        ..Subjects::default()
    }
}

/// What tells people of an incident.
const fn notice_of(kind: IncidentKind) -> NoticeKind {
    match kind {
        IncidentKind::Finding | IncidentKind::Raised => NoticeKind::IncidentOpened,
        IncidentKind::CompensationFailed => NoticeKind::CompensationFailed,
        IncidentKind::CompensationOverdue => NoticeKind::CompensationOverdue,
    }
}

fn not_found(id: IncidentId) -> Error {
    Error::not_found(Resource::Incident, id)
}

/// Opens an incident, tells of it, and labels the action.
pub(super) async fn open(
    tx: &mut Tx<'_>,
    action: &Action,
    trouble: Trouble,
) -> Result<Incident, Error> {
    let owners = owners(tx, action).await?;
    let opened = Deed { by: tx.by.name().to_owned(), time: tx.now };
    let reason = trouble.reason;
    let id = IncidentId::new(tx.next_id());
    let incident = Incident::of(id, action, trouble, owners, opened);
    let tenant = tx.tenant();
    tx.put(keys::incident(tenant, id), &incident)?;
    tx.mark(keys::incident_in(tenant, incident.state, id));
    let (kind, digest) = (EventKind::IncidentOpened, Some(action.digest));
    tx.event_about(kind, subjects(&incident), digest, reason.as_slice());
    if let Some(expected) = incident.expected() {
        let key = keys::label(tenant, action.id);
        let earlier = tx.get::<Label>(key.clone()).await?;
        let label = Label { expected, incident: id, time: tx.now };
        tx.put(key, &label.beside(earlier))?;
    }
    tx.notify_of(notice_of(incident.kind), &incident)?;
    Ok(incident)
}

/// Opens the incident of an action that is not undone as it should be.
pub(super) async fn of_compensation(
    tx: &mut Tx<'_>,
    undone: &Action,
    kind: IncidentKind,
) -> Result<(), Error> {
    let reason = undone.reversion.as_ref().map(|reversion| reversion.reason);
    let severity = COMPENSATION_SEVERITY;
    let trouble = Trouble { kind, severity, judgement: None, review: None, reason };
    open(tx, undone, trouble).await.map(|_| ())
}

/// Who wrote the revision that decided, and who put it in force if it still is.
async fn owners(tx: &mut Tx<'_>, action: &Action) -> Result<Vec<String>, Error> {
    let (engine, tenant) = (tx.engine, tx.tenant());
    let id = action.decision.policy_revision;
    let record = engine.read::<PolicyRecord>(&keys::policy(tenant, id)).await?;
    let mut owners: Vec<_> = record.map(|record| record.author).into_iter().collect();
    let in_force = engine.read::<PolicyInForceRecord>(&keys::policy_current(tenant)).await?;
    let activation = in_force.filter(|record| record.id == id).and_then(|it| it.activation);
    if let Some(id) = activation {
        let found = engine.read(&keys::policy_activation(tenant, id)).await?;
        owners.extend(found.map(|it: crate::domain::activation::Activation| it.requester));
    }
    owners.retain(|owner| !owner.is_empty());
    owners.dedup();
    Ok(owners)
}

/// Moves an incident in the lists of its state.
fn relist(tx: &mut Tx<'_>, before: IncidentState, incident: &Incident) -> Result<(), Error> {
    let tenant = tx.tenant();
    tx.remove(keys::incident_in(tenant, before, incident.id));
    tx.mark(keys::incident_in(tenant, incident.state, incident.id));
    tx.put(keys::incident(tenant, incident.id), incident)
}

impl Engine {
    /// An incident that another record names.
    async fn existing_incident(&self, tenant: &str, id: IncidentId) -> Result<Incident, Error> {
        let found = self.read(&keys::incident(tenant, id)).await?;
        found.ok_or_else(|| views::missing(Resource::Incident, &id))
    }

    /// What people say should have become of an action; none: nobody has.
    pub(super) async fn label_of(
        &self,
        tenant: &str,
        action: ActionId,
    ) -> Result<Option<Label>, Error> {
        self.read(&keys::label(tenant, action)).await
    }
}
