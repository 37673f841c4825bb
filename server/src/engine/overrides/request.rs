//! Asking for an override.

use bytes::Bytes;
use uuid::Uuid;

use super::enforce::enforce;
use super::read::OverrideView;
use super::redirect::{redirect, withdraw_question};
use super::{put, subjects, timer};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, OverrideError, Resource};
use crate::domain::event::EventKind;
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{
    AtEnd, CONFIRM_WITHIN, Doing, Override, OverrideKind, OverrideScope, OverrideState, Progress,
    Redirect, TTL_DEFAULT, TTL_MAX, TTL_MIN,
};
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Span;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, closing, limits, read_error, validate};
use crate::store::keys::{self, TimerKind};
use crate::store::{CommitLane, Direction};

/// Asks for an override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOverride {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// What.
    pub kind: OverrideKind,
    /// To whom.
    pub scope: OverrideScope,
    /// Why, in the caller's words.
    pub reason: String,
    /// For how long it waits for the agent, and how long a pause lasts that ends by itself.
    pub ttl: Option<Span>,
    /// What becomes of a pause then.
    pub at_end: AtEnd,
    /// The etag of the run as it was shown; empty: whatever it is.
    pub run_etag: String,
    /// What a redirect tells the run; none: it is none.
    pub redirect: Option<Redirect>,
}

struct Requesting<'a> {
    command: &'a RequestOverride,
    scope: OverrideScope,
    ttl: Span,
}

impl Operation for Requesting<'_> {
    type Output = Override;
    const METHOD: &'static str = "RequestOverride";
    const LANE: CommitLane = CommitLane::Exempt;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        hasher
            .field(it.kind.name().as_bytes())
            .field(&keys::hold("", &self.scope))
            .field(&[u8::from(matches!(self.scope, OverrideScope::Tree(_)))])
            .field(it.reason.as_bytes())
            .field(&self.ttl.as_micros().to_be_bytes())
            .field(&[it.at_end as u8])
            .field(it.run_etag.as_bytes());
        if let Some(redirect) = &it.redirect {
            hasher.field(format!("{redirect:?}").as_bytes());
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Override, Vec<Uuid>), Error> {
        let agent = self.target(tx).await?;
        let needs_second = self.needs_second(tx);
        let reason = tx.bytes(Bytes::copy_from_slice(self.command.reason.as_bytes()), None)?;
        let (state, waits) = match needs_second {
            true => (OverrideState::Pending, CONFIRM_WITHIN),
            false => (OverrideState::Requested, self.ttl),
        };
        let id = OverrideId::new(tx.next_id());
        let mut it = Override {
            id,
            kind: self.command.kind,
            scope: self.scope.clone(),
            agent,
            reason,
            requester: tx.by.name().to_owned(),
            confirmer: None,
            create_time: tx.now,
            ttl: self.ttl,
            expire_time: tx.now.plus(waits),
            at_end: self.command.at_end,
            enforced_time: None,
            end_time: None,
            ended_by: None,
            progress: Progress::begun(state, tx.by.name(), tx.now),
            settlement: None,
            redirect: None,
            branch: None,
            question: None,
            revision: 1,
        };
        if needs_second {
            tx.mark(timer(tx.tenant(), TimerKind::Override, id, it.expire_time).key());
        } else if let Some(words) = &self.command.redirect {
            redirect(tx, &mut it, words).await?;
        } else {
            if !it.kind.is_stop() {
                withdraw_question(tx, &it.scope).await?;
            }
            enforce(tx, &mut it).await?;
        }
        tx.event_about(EventKind::OverrideRequested, subjects(&it), None, &[reason]);
        tx.mark(keys::scope_override(tx.tenant(), &it.scope, it.id));
        put(tx, &it)?;
        Ok((it, closing::result(id.as_bytes())))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Override, Error> {
        engine.existing_override(tenant, OverrideId::new(result_at(results, 0)?)).await
    }
}

impl Requesting<'_> {
    /// To let a whole fleet loose again takes two, and to stop it where the operator says
    /// so.
    fn needs_second(&self, tx: &Tx<'_>) -> bool {
        let is_fleet = self.scope == OverrideScope::Fleet;
        match self.command.kind {
            OverrideKind::Resume => is_fleet,
            kind if kind.is_stop() => is_fleet && tx.engine.0.limits.fleet_stop_needs_two,
            _ => false,
        }
    }

    /// Whose run it is, once it is clear that there is something to do to it. What is read
    /// is read as it is now: a run that changes meanwhile does not hold up a stop.
    async fn target(&self, tx: &mut Tx<'_>) -> Result<Option<String>, Error> {
        let id = match &self.scope {
            OverrideScope::Run(id) | OverrideScope::Tree(id) => *id,
            OverrideScope::Agent(agent) => return Ok(Some(agent.clone())),
            OverrideScope::Fleet => return Ok(None),
        };
        let (engine, tenant) = (tx.engine, tx.tenant());
        let found = engine.read::<Run>(&keys::run(tenant, id)).await?;
        let run = found.ok_or_else(|| Error::not_found(Resource::Run, id))?;
        let etag = run.revision.to_string();
        if !self.command.run_etag.is_empty() && self.command.run_etag != etag {
            let id = id.to_string();
            return Err(Error::EtagMismatch { resource: Resource::Run, id, etag });
        }
        self.require_sense(tx, &run).await?;
        Ok(Some(run.agent))
    }

    /// Refuses what would do nothing.
    async fn require_sense(&self, tx: &mut Tx<'_>, run: &Run) -> Result<(), Error> {
        let (engine, tenant) = (tx.engine, tx.tenant());
        if self.command.kind.is_stop() {
            let has_ended = !matches!(run.state, RunState::Running | RunState::Stopped);
            if has_ended && !engine.has_runs_below(tenant, run.id).await? {
                return run.require_running();
            }
            return Ok(());
        }
        if self.command.kind == OverrideKind::Resume {
            let holds = engine.holds_of(tenant, run).await?;
            if holds.own.pause.is_some() {
                return Ok(());
            }
            let by = holds.stop_of(run).or_else(|| holds.pause()).map(|held| held.by);
            let scope = self.scope.name();
            return Err(Error::Override(OverrideError::NotHeld { scope, by }));
        }
        if self.command.kind == OverrideKind::Redirect {
            return tx.require_free(run, Doing::Finish).await.map(|_| ());
        }
        let is_wide = matches!(self.scope, OverrideScope::Tree(_));
        if is_wide && run.state != RunState::Stopped {
            return Ok(());
        }
        tx.require_free(run, Doing::Finish).await.map(|_| ())
    }
}

impl Engine {
    async fn has_runs_below(&self, tenant: &str, run: RunId) -> Result<bool, Error> {
        let range = keys::runs_below(tenant, run);
        let found = self.0.store.scan(range, Direction::Ascending, 1).await.map_err(read_error)?;
        Ok(!found.rows.is_empty())
    }

    /// Does something to runs in flight for the calling supervisor or admin. Its part on
    /// the server is in force with the answer, unless a second person has to confirm it.
    pub async fn request_override(
        &self,
        caller: &Principal,
        command: RequestOverride,
    ) -> Result<Answer<OverrideView>, Error> {
        let by = authorize::overrider(caller)?;
        validate::words("reason", &command.reason)?;
        let ttl = validate::span("ttl", command.ttl, TTL_DEFAULT, TTL_MIN..=TTL_MAX)?;
        let etag = command.run_etag.as_bytes();
        validate::length("run_etag", etag, limits::MAX_SCHEMA_VERSION_BYTES)?;
        check_redirect(&command)?;
        if command.at_end == AtEnd::Resume && !command.kind.is_pause() {
            return Err(Error::field("at_end", "only a pause ends by itself"));
        }
        let scope = match (&command.scope, command.kind) {
            (OverrideScope::Run(run), kind) if kind.is_stop() => OverrideScope::Tree(*run),
            (OverrideScope::Agent(agent), _) => {
                validate::principal("scope.agent", agent)?;
                command.scope.clone()
            }
            (scope, _) => scope.clone(),
        };
        let operation = Requesting { command: &command, scope, ttl };
        let answer = self.transact(&by, &command.request_id, &operation).await?;
        self.ring(by.tenant(), &answer.value);
        let view = self.override_view(by.tenant(), answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}

/// A redirect, and nothing else, says what to do otherwise; and of one run.
fn check_redirect(command: &RequestOverride) -> Result<(), Error> {
    let is_redirect = command.kind == OverrideKind::Redirect;
    let Some(redirect) = &command.redirect else {
        let missing = Error::field("redirect", "want what the run is to do otherwise");
        return if is_redirect { Err(missing) } else { Ok(()) };
    };
    if !is_redirect {
        return Err(Error::field("redirect", "only a REDIRECT has one"));
    }
    if !matches!(command.scope, OverrideScope::Run(_)) {
        return Err(Error::field("scope", "one run is redirected, not many: name a run_id"));
    }
    redirect.check()?;
    validate::note("redirect.instruction", &redirect.instruction)?;
    for closing in &redirect.close {
        validate::pattern("redirect.close.tool", &closing.tool)?;
        if !closing.instead.is_empty() {
            validate::tool("redirect.close.instead", &closing.instead)?;
        }
    }
    redirect.open.iter().try_for_each(|name| validate::pattern("redirect.open", name))?;
    match redirect.team.as_str() {
        "" => Ok(()),
        team => validate::word("redirect.team", team),
    }
}
