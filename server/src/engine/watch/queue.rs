//! Watching the queue: the open escalations, then every change of one.

use bytes::Bytes;

use super::{Follower, Found, Opening, Place, Shown, Subject};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::EventKind;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::engine::escalations::Filter;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Engine, authorize, read_error};
use crate::store::{CommitRecord, KeyRange, keys, records};

/// Where a watch of the queue starts and what it shows.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The cursor of the last message seen; empty: start with a snapshot.
    pub cursor: String,
    /// Which escalations.
    pub filter: Filter,
    /// How much of each.
    pub depth: Depth,
    /// The longest silence.
    pub heartbeat: Option<Span>,
}

/// What one commit changed in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueChange {
    /// The escalations as the commit left them.
    pub escalations: Vec<EscalationView>,
    /// The commit's events.
    pub events: Vec<EventKind>,
    /// Who did it.
    pub principal: String,
    /// When.
    pub commit_time: Timestamp,
    /// The tenant's sequence after the commit.
    pub sequence: u64,
}

/// The open escalations that a filter shows.
pub struct Queue {
    filter: Filter,
    depth: Depth,
}

/// A running watch of the queue.
pub type EscalationWatch = Follower<Queue>;

impl Engine {
    /// Begins to watch the queue.
    pub async fn watch_escalations(
        &self,
        caller: &Principal,
        watch: Watch,
    ) -> Result<EscalationWatch, Error> {
        authorize::overseer(caller)?;
        watch.filter.check()?;
        let Watch { cursor, filter, depth, heartbeat } = watch;
        let opening = Opening { cursor, heartbeat, tag: format!("{filter:?}") };
        self.begin_watch(caller, Queue { filter, depth }, opening).await
    }
}

impl Subject for Queue {
    type Item = EscalationView;
    type Change = QueueChange;

    fn lists(&self, tenant: &str) -> Vec<KeyRange> {
        vec![keys::queue(tenant)]
    }

    async fn item(
        &self,
        place: &Place<'_>,
        entry: &[u8],
    ) -> Result<Option<Found<EscalationView>>, Error> {
        let Some(id) = keys::listed_escalation(entry) else { return Ok(None) };
        let key = keys::escalation(place.tenant, id);
        let Some(read) = place.engine.0.store.read(&key).await.map_err(read_error)? else {
            return Ok(None);
        };
        let escalation: Escalation = records::decode(&read.value).map_err(read_error)?;
        if escalation.state != EscalationState::Open || !self.filter.shows(&escalation) {
            return Ok(None);
        }
        let item = place.engine.escalation_view(place.tenant, escalation, self.depth).await?;
        Ok(Some(Found { key, version: read.version, item }))
    }

    async fn change(
        &self,
        place: &Place<'_>,
        commit: &CommitRecord,
        shown: &Shown,
    ) -> Result<Option<QueueChange>, Error> {
        let mut escalations = Vec::new();
        for (key, value) in written(place.tenant, commit) {
            let escalation: Escalation = records::decode(value).map_err(read_error)?;
            if self.filter.shows(&escalation) && !shown.has(key, commit) {
                if escalation.revision == 1 {
                    let age = place.engine.now().since(escalation.create_time);
                    place.engine.0.stats.visible.observe(age);
                }
                escalations.push(escalation);
            }
        }
        if escalations.is_empty() {
            return Ok(None);
        }
        let views = place.engine.escalation_views(place.tenant, escalations, self.depth).await?;
        Ok(Some(QueueChange {
            escalations: views,
            events: commit.events.iter().map(|event| event.kind).collect(),
            principal: commit.principal.clone(),
            commit_time: commit.time,
            sequence: super::last_sequence(commit),
        }))
    }
}

/// The escalations that a commit wrote.
fn written<'a>(
    tenant: &'a str,
    commit: &'a CommitRecord,
) -> impl Iterator<Item = (&'a Bytes, &'a Bytes)> {
    let written = commit.writes.iter().filter(|write| keys::is_escalation(tenant, &write.key));
    written.filter_map(|write| Some((&write.key, write.value.as_ref()?)))
}
