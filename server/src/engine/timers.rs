//! Timers: what time does by itself. Stored, so that none is lost; fired by a
//! transaction on the timer, so that any server may try and one wins.

use futures::future::try_join_all;
use uuid::Uuid;

use super::operation::{Operation, Tx};
use super::runs::overdue_timer;
use super::{
    Authorized, Engine, branches, chain, closing, overrides, read_error, reverse, reviews,
    run_questions,
};
use crate::domain::action::{Action, ActionContent, ActionEvent, ActionState};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{
    Escalation, EscalationEvent, Opening, Question, Resolution, ResolutionKind, ResumeMode,
    SeverityTier,
};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{ActionId, EscalationId, OverrideId, RunId, WaitId};
use crate::domain::policy::{Ask, OnExpiry, Policy};
use crate::domain::run::{Run, RunState};
use crate::domain::time::{Span, Timestamp};
use crate::domain::{arguments, briefing};
use crate::store::keys::{self, Timer, TimerKind};
use crate::store::{Direction, Expectation};

/// How many timers one look fires.
const TIMERS_PER_LOOK: usize = 256;
/// How many of them are fired at once, so that their commits share a sync. No two of one
/// look belong to one escalation, and what time does to others has no order.
const FIRED_TOGETHER: usize = 32;
/// How long a run that waits for people is left alone at least before its time at
/// work is looked at again.
const OVERDUE_LOOK: Span = Span::from_secs(10);
/// How long to sleep when there is no timer at all.
const IDLE_SLEEP: Span = Span::from_secs(60);

struct Fire {
    timer: Timer,
    version: crate::store::Version,
}

impl Operation for Fire {
    type Output = ();
    const METHOD: &'static str = "timer";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(&self.timer.key());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let key = self.timer.key();
        tx.expect(Expectation::Key { key: key.clone(), version: Some(self.version) });
        tx.remove(key);
        match self.timer.kind {
            TimerKind::Due | TimerKind::Expire | TimerKind::Step | TimerKind::Claim => {
                chain::fire(tx, EscalationId::from_bytes(self.timer.id)).await?;
            }
            TimerKind::Run => run_overdue(tx, RunId::from_bytes(self.timer.id)).await?,
            TimerKind::Compensation => {
                reverse::overdue(tx, ActionId::from_bytes(self.timer.id)).await?;
            }
            TimerKind::Branch => branches::go_on(tx, RunId::from_bytes(self.timer.id)).await?,
            TimerKind::Override => {
                overrides::expire(tx, OverrideId::from_bytes(self.timer.id)).await?;
            }
            TimerKind::Settle => {
                overrides::settle(tx, OverrideId::from_bytes(self.timer.id)).await?;
            }
            TimerKind::Outcome => outcome_overdue(tx, ActionId::from_bytes(self.timer.id)).await?,
        }
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// A run's time may be up: waiting for people does not count, so that it may have
/// some left. If it has none a person is asked, whatever the agent does; and what it
/// proposes from here on is judged by its age.
async fn run_overdue(tx: &mut Tx<'_>, id: RunId) -> Result<(), Error> {
    let key = keys::run(tx.tenant(), id);
    let found = tx.get::<Run>(key.clone()).await?;
    let mut run = found.ok_or_else(|| super::views::missing(Resource::Run, &id))?;
    let Some(budget) = tx.policy().await?.policy.time_budget else { return Ok(()) };
    if run.state != RunState::Running {
        return Ok(());
    }
    let left = Span::from_micros(budget.as_micros() - tx.elapsed(&run).await?.as_micros());
    if left > Span::ZERO {
        let again = tx.now.plus(left.max(OVERDUE_LOOK));
        tx.mark(overdue_timer(tx.tenant(), id, again).key());
        return Ok(());
    }
    run.overdue_time = Some(tx.now);
    run.revision += 1;
    tx.put(key, &run)?;
    tx.event(EventKind::RunOverdue, Subjects { run: Some(id), ..Subjects::default() });
    run_questions::is_it_stuck(tx, &run, budget).await
}

/// No outcome came: nobody knows whether the action ran. It is never run again
/// by itself, unless its tool was declared idempotent; a person is asked.
async fn outcome_overdue(tx: &mut Tx<'_>, id: ActionId) -> Result<(), Error> {
    let key = keys::action(tx.tenant(), id);
    let found = tx.get::<Action>(key.clone()).await?;
    let mut action = found.ok_or_else(|| super::views::missing(Resource::Action, &id))?;
    if action.state != ActionState::Redeemed {
        return Ok(());
    }
    closing::advance(&mut action, ActionEvent::OutcomeOverdue, tx.now)?;
    let subjects = closing::action_subjects(&action, action.grant.map(|grant| grant.id));
    tx.event_about(EventKind::ExecutionUnknown, subjects, Some(action.digest), &[]);
    reviews::open_if_sampled(tx, &mut action).await?;
    let found = tx.get::<Run>(keys::run(tx.tenant(), action.run)).await?;
    let run = found.ok_or_else(|| super::views::missing(Resource::Run, &action.run))?;
    let policy = tx.policy().await?;
    // On a path that was left nothing runs again.
    if run.state == RunState::Running && run.branch == action.branch {
        let mut question = ask_again(tx, &action, &run, &policy.policy).await?;
        action.escalation = Some(question.id);
        if policy.policy.tool(&action.tool).is_idempotent {
            permit_again(tx, &mut action, &mut question)?;
        } else {
            closing::open(tx, &mut question).await?;
        }
    }
    tx.put(key, &action)
}

/// An idempotent tool may run again: the declaration answers in a person's
/// place, and any worker may take it up.
fn permit_again(
    tx: &mut Tx<'_>,
    action: &mut Action,
    question: &mut Escalation,
) -> Result<(), Error> {
    let grant = closing::approve_grant(tx, question.resume_mode);
    action.replace_grant(Some(grant));
    closing::advance(action, ActionEvent::Approved, tx.now)?;
    question.resolution = Some(Resolution {
        kind: ResolutionKind::Approved,
        reviewer: tx.by.name().to_owned(),
        resolve_time: tx.now,
        reason_code: Some("idempotent".to_owned()),
        content: None,
        action: Some(action.id),
        approvers: Vec::new(),
    });
    closing::close(tx, question, EscalationEvent::Resolve)?;
    let digest = Some(action.digest);
    tx.event_about(EventKind::EscalationApproved, closing::subjects(question), digest, &[]);
    closing::offer(tx, question, Some(action.id))
}

/// The question whether an action of unknown execution may run again.
async fn ask_again(
    tx: &mut Tx<'_>,
    action: &Action,
    run: &Run,
    policy: &Policy,
) -> Result<Escalation, Error> {
    let content = tx.engine.payload::<ActionContent>(&action.content).await?;
    let words = briefing::for_unknown_execution(&action.tool, &content);
    let rule = action.decision.rule.clone();
    // As strict as the question whether it may run at all.
    let ask = policy.ask_of(rule.as_deref().unwrap_or_default());
    let severity = ask.severity.max(SeverityTier::High);
    let ask = Ask { severity, on_expiry: OnExpiry::Cancel, ..ask };
    let arguments = arguments::parse("arguments", &content.arguments)?;
    let opening = Opening {
        id: EscalationId::new(tx.next_id()),
        wait: WaitId::new(tx.next_id()),
        question: Question::ExecutionUnknown,
        run,
        action: Some(action),
        digest: action.digest,
        ask: &ask,
        stake: policy.tool(&action.tool).stake(&arguments),
        rule,
        policy_revision: action.decision.policy_revision,
        briefing: tx.payload(&words, None)?,
        checkpoint: None,
        resume_mode: ResumeMode::Detached,
    };
    Ok(opening.at(tx.now))
}

fn timer_of(key: &[u8]) -> Result<Timer, Error> {
    let damaged = || Error::DataDamaged { cause: "a timer's key cannot be read".to_owned() };
    Timer::from_key(key).ok_or_else(damaged)
}

impl Engine {
    /// Fires timers as they come due, until the store stops.
    pub(super) async fn run_timers(&self) -> Result<(), Error> {
        loop {
            self.0.feed.wait_for_timer(None);
            let next = self.fire_due().await?;
            let wake = next.unwrap_or_else(|| self.now().plus(IDLE_SLEEP));
            self.0.feed.wait_for_timer(Some(wake));
            tokio::select! {
                () = self.0.feed.timers.notified() => {}
                () = self.0.clock.sleep_until(wake) => {}
            }
        }
    }

    /// Fires every timer that is due, those included that fired timers have set: what is
    /// late is done in order. Returns when the next one is.
    pub async fn fire_due(&self) -> Result<Option<Timestamp>, Error> {
        loop {
            let store = &self.0.store;
            let found = store.scan(keys::timers(), Direction::Ascending, TIMERS_PER_LOOK).await;
            let rows = found.map_err(read_error)?.rows;
            let Some((first, _)) = rows.first() else { return Ok(None) };
            let next = timer_of(first)?.time;
            if next > self.now() {
                return Ok(Some(next));
            }
            let mut due = Vec::new();
            for (key, row) in rows {
                let timer = timer_of(&key)?;
                if timer.time > self.now() {
                    break;
                }
                due.push(Fire { timer, version: row.version });
            }
            for together in due.chunks(FIRED_TOGETHER) {
                try_join_all(together.iter().map(|fire| self.fire(fire))).await?;
            }
        }
    }

    async fn fire(&self, fire: &Fire) -> Result<(), Error> {
        let by = Authorized::system(&fire.timer.tenant, "timer");
        match self.transact(&by, "", fire).await {
            Ok(_) => Ok(()),
            // Another server fired it, or its subject keeps changing: the next
            // look finds out which.
            Err(Error::Overloaded { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
