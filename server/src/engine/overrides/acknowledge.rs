//! What agents say of overrides. Nothing that is forbidden depends on it.

use uuid::Uuid;

use super::not_found;
use super::read::OverrideView;
use super::receive::step;
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{Account, Override, OverrideEvent, OverrideState};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::secrets::refuse_secrets;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize, runs, validate};
use crate::store::keys;

/// The most lines of what still runs.
const MAX_STILL_RUNNING: usize = 64;
/// The longest of them, in bytes.
const MAX_LINE_BYTES: usize = 256;

/// What an agent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It knows.
    Acknowledged,
    /// It has done it.
    Effective,
    /// It will not.
    Refused,
}

/// Says how far a run is with an override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The override.
    pub id: OverrideId,
    /// The run.
    pub run: RunId,
    /// How far it is.
    pub said: Said,
    /// What it was about to do and why, or why it refuses.
    pub words: String,
    /// What still runs.
    pub still_running: Vec<String>,
}

impl Said {
    const fn event(self) -> OverrideEvent {
        match self {
            Self::Acknowledged => OverrideEvent::Acknowledge,
            Self::Effective => OverrideEvent::TakeEffect,
            Self::Refused => OverrideEvent::Refuse,
        }
    }
}

impl Operation for Acknowledge {
    type Output = (Override, Run);
    const METHOD: &'static str = "AcknowledgeOverride";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.id.as_bytes())
            .field(self.run.as_bytes())
            .field(&[self.said as u8])
            .field(self.words.as_bytes());
        for line in &self.still_running {
            hasher.field(line.as_bytes());
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((Override, Run), Vec<Uuid>), Error> {
        let run = runs::own(tx, self.run).await?;
        let found = tx.get::<Override>(keys::overriding(tx.tenant(), self.id)).await?;
        let it = found.filter(|it| it.scope.covers(&run)).ok_or_else(|| not_found(self.id))?;
        let is_over = matches!(
            it.progress.state,
            OverrideState::Pending | OverrideState::Lapsed | OverrideState::Superseded
        );
        if is_over {
            return Err(it.closed());
        }
        let account =
            Account { words: self.words.clone(), still_running: self.still_running.clone() };
        let stepped = step(tx, self.id, &run, self.said.event(), |tx, progress| {
            if account != Account::default() {
                progress.account = Some(tx.payload(&account, None)?);
            }
            Ok(())
        });
        let it = stepped.await?.ok_or_else(|| it.closed())?;
        Ok(((it, run), Vec::new()))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        _: &[Uuid],
    ) -> Result<(Override, Run), Error> {
        let run = engine.existing_run(tenant, self.run).await?;
        Ok((engine.existing_override(tenant, self.id).await?, run))
    }
}

impl Acknowledge {
    fn check(&self) -> Result<(), Error> {
        validate::note("words", &self.words)?;
        if self.said == Said::Refused {
            validate::required("words", self.words.trim().as_bytes())?;
        }
        if self.still_running.len() > MAX_STILL_RUNNING {
            let problem = format!("want at most {MAX_STILL_RUNNING}");
            return Err(Error::field("still_running", problem));
        }
        for (place, line) in self.still_running.iter().enumerate() {
            let field = format!("still_running[{place}]");
            validate::required(&field, line.as_bytes())?;
            validate::length(&field, line.as_bytes(), MAX_LINE_BYTES)?;
            refuse_secrets(&field, line.as_bytes())?;
        }
        Ok(())
    }
}

impl Engine {
    /// Takes how far a run of the calling agent is with an override.
    pub async fn acknowledge_override(
        &self,
        caller: &Principal,
        command: Acknowledge,
    ) -> Result<Answer<OverrideView>, Error> {
        let by = authorize::agent(caller)?;
        command.check()?;
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let (it, run) = answer.value.clone();
        let view = self.override_for(by.tenant(), it, &run).await?;
        Ok(answer.map(|_| view))
    }
}
