//! Pausing an agent: what it proposes is refused until somebody lets it in again.

use bytes::Bytes;
use uuid::Uuid;

use super::assignments::about;
use crate::domain::digest::FieldHasher;
use crate::domain::directory::{Entry, Pause};
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::EscalationId;
use crate::domain::payload::PayloadRef;
use crate::domain::principal::Principal;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;

/// Pauses an agent, or lets it in again.
#[derive(Clone, Debug, Default)]
pub struct SetPause {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The agent.
    pub agent: String,
    /// Whether it is to be paused.
    pub is_paused: bool,
    /// Why, in the caller's words.
    pub reason: String,
}

impl Operation for SetPause {
    type Output = Entry;
    const METHOD: &'static str = "SetPause";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.agent.as_bytes())
            .field(&[u8::from(self.is_paused)])
            .field(self.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Entry, Vec<Uuid>), Error> {
        let entry = tx.known_entry(&self.agent).await?;
        if entry.pause.is_some() == self.is_paused {
            return Ok((entry, Vec::new()));
        }
        let reason = tx.bytes(Bytes::copy_from_slice(self.reason.as_bytes()), None)?;
        if self.is_paused {
            return Ok((tx.pause(&self.agent, None, &[reason]).await?, Vec::new()));
        }
        // What it asked too much before is forgotten with the pause.
        tx.remove(keys::flood(tx.tenant(), &self.agent));
        let entry = tx.put_entry(Entry { pause: None, ..entry })?;
        tx.event_about(EventKind::AgentResumed, about(&self.agent), None, &[reason]);
        Ok((entry, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Entry, Error> {
        engine.known_principal(tenant, &self.agent).await
    }
}

impl Tx<'_> {
    /// Pauses an agent; one that is paused stays as it is.
    pub(in crate::engine) async fn pause(
        &mut self,
        agent: &str,
        card: Option<EscalationId>,
        reason: &[PayloadRef],
    ) -> Result<Entry, Error> {
        let entry = self.entry_or_new(agent).await?;
        if entry.pause.is_some() {
            return Ok(entry);
        }
        let pause = Pause { by: self.by.name().to_owned(), time: self.now, escalation: card };
        let entry = self.put_entry(Entry { pause: Some(pause), ..entry })?;
        let subjects = Subjects { escalation: card, ..about(agent) };
        self.event_about(EventKind::AgentPaused, subjects, None, reason);
        Ok(entry)
    }

    /// Refuses what a paused agent proposes.
    pub(in crate::engine) async fn require_not_paused(&mut self, agent: &str) -> Result<(), Error> {
        let people = self.people().await?;
        let Some(pause) = people.entry(agent).and_then(|entry| entry.pause.as_ref()) else {
            return Ok(());
        };
        Err(Error::AgentPaused {
            agent: agent.to_owned(),
            by: pause.by.clone(),
            at: pause.time,
            escalation: pause.escalation.map(|id| id.to_string()),
        })
    }
}

impl Engine {
    /// Pauses an agent, or lets it in again: from then on what it proposes is refused, or
    /// is not.
    pub async fn set_pause(
        &self,
        caller: &Principal,
        command: SetPause,
    ) -> Result<Answer<Entry>, Error> {
        let by = authorize::supervisor(caller)?;
        validate::principal("agent", &command.agent)?;
        validate::words("reason", &command.reason)?;
        self.transact(&by, &command.request_id, &command).await
    }
}
