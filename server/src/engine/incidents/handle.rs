//! Raising incidents, seeing to them, closing them.

use bytes::Bytes;
use uuid::Uuid;

use super::read::IncidentView;
use super::{not_found, open, relist, subjects};
use crate::domain::action::Action;
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, IncidentId};
use crate::domain::incident::{
    Deed, FINDING_SEVERITY, Incident, IncidentEvent, IncidentKind, Trouble, is_finding,
};
use crate::domain::principal::Principal;
use crate::domain::review::{Judgement, MAX_SEVERITY};
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, closing, validate};
use crate::store::keys;

/// Says that an action is a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaiseIncident {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The action.
    pub action: ActionId,
    /// What is wrong with it.
    pub judgement: Judgement,
    /// How grave it is, 1 to 3.
    pub severity: u32,
    /// Why.
    pub reason: String,
}

/// Closes an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseIncident {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The incident.
    pub incident: IncidentId,
    /// What was done about it.
    pub resolution: String,
}

struct Acknowledge(IncidentId);

impl Operation for RaiseIncident {
    type Output = Incident;
    const METHOD: &'static str = "RaiseIncident";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.action.as_bytes())
            .field(self.judgement.name().as_bytes())
            .field(&self.severity.to_be_bytes())
            .field(self.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Incident, Vec<Uuid>), Error> {
        let found = tx.get::<Action>(keys::action(tx.tenant(), self.action)).await?;
        let action = found.ok_or_else(|| Error::not_found(Resource::Action, self.action))?;
        let reason = tx.bytes(Bytes::copy_from_slice(self.reason.as_bytes()), None)?;
        let trouble = Trouble {
            kind: IncidentKind::Raised,
            severity: self.severity,
            judgement: Some(self.judgement),
            review: None,
            reason: Some(reason),
        };
        let incident = open(tx, &action, trouble).await?;
        let results = closing::result(incident.id.as_bytes());
        Ok((incident, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Incident, Error> {
        engine.existing_incident(tenant, IncidentId::new(result_at(results, 0)?)).await
    }
}

/// Moves an incident along.
async fn advance(
    tx: &mut Tx<'_>,
    id: IncidentId,
    event: IncidentEvent,
    resolution: Option<&str>,
) -> Result<Incident, Error> {
    let found = tx.get::<Incident>(keys::incident(tx.tenant(), id)).await?;
    let mut incident = found.ok_or_else(|| not_found(id))?;
    let before = incident.state;
    incident.advance(event, Deed { by: tx.by.name().to_owned(), time: tx.now })?;
    let words = match resolution {
        Some(words) => Some(tx.bytes(Bytes::copy_from_slice(words.as_bytes()), None)?),
        None => None,
    };
    incident.resolution = words;
    relist(tx, before, &incident)?;
    let kind = match event {
        IncidentEvent::Acknowledge => EventKind::IncidentAcknowledged,
        IncidentEvent::Close => EventKind::IncidentClosed,
    };
    tx.event_about(kind, subjects(&incident), None, words.as_slice());
    Ok(incident)
}

impl Operation for Acknowledge {
    type Output = Incident;
    const METHOD: &'static str = "AcknowledgeIncident";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Incident, Vec<Uuid>), Error> {
        Ok((advance(tx, self.0, IncidentEvent::Acknowledge, None).await?, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Incident, Error> {
        engine.existing_incident(tenant, self.0).await
    }
}

impl Operation for CloseIncident {
    type Output = Incident;
    const METHOD: &'static str = "CloseIncident";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.incident.as_bytes()).field(self.resolution.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Incident, Vec<Uuid>), Error> {
        let words = Some(self.resolution.as_str());
        Ok((advance(tx, self.incident, IncidentEvent::Close, words).await?, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Incident, Error> {
        engine.existing_incident(tenant, self.incident).await
    }
}

impl Engine {
    /// Opens an incident because the calling reviewer says that an action is a mistake.
    pub async fn raise_incident(
        &self,
        caller: &Principal,
        command: RaiseIncident,
    ) -> Result<Answer<IncidentView>, Error> {
        let by = authorize::reviewer(caller)?;
        validate::words("reason", &command.reason)?;
        if !(FINDING_SEVERITY..=MAX_SEVERITY).contains(&command.severity) {
            let problem = format!("want {FINDING_SEVERITY} to {MAX_SEVERITY}");
            return Err(Error::field("severity", problem));
        }
        if !is_finding(command.judgement, command.severity) {
            let problem =
                "want one that calls the action a mistake: should have escalated, or wrong";
            return Err(Error::field("judgement", problem));
        }
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let view = self.incident_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    /// Says that the caller sees to an incident.
    pub async fn acknowledge_incident(
        &self,
        caller: &Principal,
        request_id: &str,
        id: IncidentId,
    ) -> Result<Answer<IncidentView>, Error> {
        let by = authorize::incident_handler(caller)?;
        let answer = self.transact(&by, request_id, &Acknowledge(id)).await?;
        let view = self.incident_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    /// Says what was done about an incident, which is over by that.
    pub async fn close_incident(
        &self,
        caller: &Principal,
        command: CloseIncident,
    ) -> Result<Answer<IncidentView>, Error> {
        let by = authorize::incident_handler(caller)?;
        validate::words("resolution", &command.resolution)?;
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let view = self.incident_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
