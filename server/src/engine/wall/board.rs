//! The board: what is known of a tenant's runs, in memory, by the records that commits
//! write.
//!
//! It decides nothing and is never stored. The same records make the same board, whether
//! they are read at the start or come one by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::spark::Spark;
use super::{ACTIONS_LOADED, ENDED_FOR, EVENTS_REPLAYED, MAX_RUNS};
use crate::domain::action::{Action, ActionState};
use crate::domain::checkpoint::Checkpoint;
use crate::domain::condition::{Attempts, Fact, Pace};
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{ActionId, EscalationId, RunId};
use crate::domain::overrides::{Hold, Holds, OverrideScope};
use crate::domain::resumption::Resumption;
use crate::domain::run::{Run, RunState};
use crate::domain::time::{Span, Timestamp};
use crate::engine::read_error;
use crate::store::keys::{self, Named};
use crate::store::records::{self, EntriesRecord, MessageRecord, TranscriptRecord};
use crate::store::{CommitRecord, Write};

/// The last tool call of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LastCall {
    id: ActionId,
    digest: Digest,
    pub(super) tool: String,
    pub(super) state: ActionState,
    create_time: Timestamp,
    /// How long it took; none: it has not ended.
    pub(super) took: Option<Span>,
}

/// What is known of a run that goes on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tracked {
    pub(super) run: Run,
    pub(super) open: BTreeMap<EscalationId, Arc<Escalation>>,
    /// Answers that nobody has taken up for good.
    pub(super) answers: BTreeMap<EscalationId, Resumption>,
    /// Calls that are redeemed and have no outcome: the tool, and since when.
    pub(super) executing: BTreeMap<ActionId, (String, Timestamp)>,
    pub(super) last: Option<LastCall>,
    pub(super) attempts: Option<Attempts>,
    /// When something last came from it.
    pub(super) heard: Timestamp,
    /// When an answer last let it go on; else when it started.
    pub(super) working_since: Timestamp,
    /// How many bytes of text it has written.
    pub(super) written: u64,
}

/// What is known of a tenant's runs.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) tenant: String,
    /// The last sequence that is in it.
    pub(super) sequence: u64,
    pub(super) runs: HashMap<RunId, Tracked>,
    /// How many more go on than there is room for.
    pub(super) unlisted: u64,
    pub(super) paces: HashMap<String, Pace>,
    holds: HashMap<Bytes, Hold>,
    pub(super) sparks: HashMap<RunId, Spark>,
    /// Runs that ended, and when.
    pub(super) ended: HashMap<RunId, (Timestamp, Run)>,
}

// === impl Tracked ===

impl Tracked {
    fn new(run: Run) -> Self {
        let (heard, working_since) = (run.create_time, run.create_time);
        Self {
            run,
            open: BTreeMap::new(),
            answers: BTreeMap::new(),
            executing: BTreeMap::new(),
            last: None,
            attempts: None,
            heard,
            working_since,
            written: 0,
        }
    }

    fn hear(&mut self, time: Timestamp) {
        self.heard = self.heard.max(time);
    }

    fn act(&mut self, action: Action) {
        self.hear(action.update_time);
        let redeemed = action.grant.and_then(|grant| grant.redeem_time);
        let (tool, is_running) = (action.tool.clone(), action.state == ActionState::Redeemed);
        match redeemed.filter(|_| is_running) {
            Some(since) => drop(self.executing.insert(action.id, (tool, since))),
            None => drop(self.executing.remove(&action.id)),
        }
        let is_known = self.last.as_ref().is_some_and(|last| {
            last.id != action.id && (last.create_time, last.id) > (action.create_time, action.id)
        });
        if is_known {
            return;
        }
        if self.last.as_ref().is_none_or(|last| last.id != action.id) {
            self.attempts = Some(self.attempt(&action));
        }
        if action.state == ActionState::Executed {
            self.attempts = None;
        }
        self.last = Some(LastCall {
            id: action.id,
            digest: action.digest,
            state: action.state,
            create_time: action.create_time,
            took: took(&action),
            tool: action.tool,
        });
    }

    /// Whether a new call is the one before again: the same in every byte, or the same
    /// tool that had failed.
    fn attempt(&self, action: &Action) -> Attempts {
        let last = self.last.as_ref().filter(|last| {
            let has_failed = last.tool == action.tool && last.state == ActionState::Failed;
            last.digest == action.digest || has_failed
        });
        let (tool, time) = (action.tool.clone(), action.create_time);
        match (last, &self.attempts) {
            (Some(_), Some(before)) => {
                let count = (before.count + 1).min(ACTIONS_LOADED as u32);
                Attempts { tool, count, first: before.first, last: time }
            }
            _ => Attempts { tool, count: 1, first: time, last: time },
        }
    }
}

/// How long the tool took.
fn took(action: &Action) -> Option<Span> {
    let redeemed = action.grant.and_then(|grant| grant.redeem_time)?;
    action.outcome.map(|outcome| outcome.report_time.since(redeemed))
}

fn decode<R: records::Record>(value: &Bytes) -> Result<R, Error> {
    records::decode(value).map_err(read_error)
}

// === impl Board ===

impl Board {
    pub(super) fn new(tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), ..Self::default() }
    }

    /// Takes in one commit.
    pub(super) fn fold(&mut self, commit: &CommitRecord) -> Result<(), Error> {
        self.sequence = commit.first_sequence + commit.events.len() as u64 - 1;
        for Write { key, value } in &commit.writes {
            match value {
                Some(value) => self.write(key, value)?,
                None => drop(self.holds.remove(key)),
            }
        }
        self.fold_pace(commit)
    }

    /// Takes in of a commit what tells how fast agents are, and how busy runs.
    pub(super) fn fold_pace(&mut self, commit: &CommitRecord) -> Result<(), Error> {
        for run in commit.events.iter().filter_map(|event| event.subjects.run) {
            self.sparks.entry(run).or_default().note(commit.time);
        }
        for Write { key, value } in &commit.writes {
            let Some(value) = value else { continue };
            if keys::named(&self.tenant, key) != Some(Named::Action) {
                continue;
            }
            let action: Action = decode(value)?;
            let about = |event: &&Event| event.subjects.action == Some(action.id);
            for event in commit.events.iter().filter(about) {
                if let Some(fact) = fact_of(event.kind, &action) {
                    let pace = self.paces.entry(action.agent.clone()).or_default();
                    pace.note(commit.first_sequence, fact);
                }
            }
        }
        Ok(())
    }

    /// Takes in one record.
    pub(super) fn write(&mut self, key: &Bytes, value: &Bytes) -> Result<(), Error> {
        match keys::named(&self.tenant, key) {
            Some(Named::Run) => self.put_run(decode(value)?),
            Some(Named::Action) => {
                let action: Action = decode(value)?;
                if let Some(it) = self.runs.get_mut(&action.run) {
                    it.act(action);
                }
            }
            Some(Named::Escalation) => self.ask(decode(value)?),
            Some(Named::Resumption) => {
                let answer: Resumption = decode(value)?;
                if let Some(it) = self.runs.get_mut(&answer.run) {
                    match answer.close_time {
                        None => drop(it.answers.insert(answer.escalation, answer)),
                        Some(_) => drop(it.answers.remove(&answer.escalation)),
                    }
                }
            }
            Some(Named::Hold) => drop(self.holds.insert(key.clone(), decode(value)?)),
            Some(Named::Checkpoint) => {
                let checkpoint: Checkpoint = decode(value)?;
                self.hear(checkpoint.run, checkpoint.create_time);
            }
            Some(Named::Transcript(run)) => {
                let head: TranscriptRecord = decode(value)?;
                if let Some(it) = self.runs.get_mut(&run) {
                    it.written = head.spent.bytes;
                }
            }
            Some(Named::Entries(run)) => {
                let entries: EntriesRecord = decode(value)?;
                self.hear(run, entries.until);
            }
            Some(Named::Message(run)) => {
                let message: MessageRecord = decode(value)?;
                self.hear(run, message.time);
            }
            None => {}
        }
        Ok(())
    }

    /// Takes in a run that has ended; one that goes on is taken in with what it does.
    pub(super) fn write_ended(&mut self, key: &Bytes, value: &Bytes) -> Result<(), Error> {
        let run: Run = decode(value)?;
        if run.state == RunState::Running { Ok(()) } else { self.write(key, value) }
    }

    fn hear(&mut self, run: RunId, time: Timestamp) {
        if let Some(it) = self.runs.get_mut(&run) {
            it.hear(time);
        }
    }

    fn put_run(&mut self, run: Run) {
        if run.state != RunState::Running {
            self.runs.remove(&run.id);
            let time = run.finish_time.unwrap_or(run.create_time);
            self.ended.insert(run.id, (time, run));
            return;
        }
        if let Some(it) = self.runs.get_mut(&run.id) {
            it.run = run;
        } else if self.runs.len() < MAX_RUNS {
            self.runs.insert(run.id, Tracked::new(run));
        } else {
            self.unlisted += u64::from(run.revision == 1);
        }
    }

    fn ask(&mut self, escalation: Escalation) {
        let Some(it) = self.runs.get_mut(&escalation.run) else { return };
        if escalation.state == EscalationState::Open {
            if escalation.question.ends_with_its_run() {
                it.open.insert(escalation.id, Arc::new(escalation));
            }
            return;
        }
        it.open.remove(&escalation.id);
        let closed = escalation.close_time.filter(|_| escalation.question.is_about_an_action());
        it.working_since = it.working_since.max(closed.unwrap_or(it.working_since));
    }

    /// Notes when an answer last let a run go on.
    pub(super) fn let_go_on(&mut self, run: RunId, time: Timestamp) {
        if let Some(it) = self.runs.get_mut(&run) {
            it.working_since = it.working_since.max(time);
        }
    }

    /// The holds that can cover a run.
    pub(super) fn holds_of(&self, run: &Run) -> Holds {
        let hold = |scope: &OverrideScope| {
            self.holds.get(&keys::hold(&self.tenant, scope)).cloned().unwrap_or_default()
        };
        Holds {
            own: hold(&OverrideScope::Run(run.id)),
            above: run.above().iter().map(|id| hold(&OverrideScope::Run(*id))).collect(),
            agent: hold(&OverrideScope::Agent(run.agent.clone())),
            fleet: hold(&OverrideScope::Fleet),
        }
    }

    /// Forgets what is too old to be shown.
    pub(super) fn prune(&mut self, now: Timestamp) {
        let oldest = self.sequence.saturating_sub(EVENTS_REPLAYED);
        self.paces.retain(|_, pace| pace.forget_before(oldest));
        let runs = &self.runs;
        self.sparks.retain(|run, _| runs.contains_key(run));
        self.ended.retain(|_, (time, _)| now.since(*time) < ENDED_FOR);
        if self.ended.len() > MAX_RUNS {
            let mut times: Vec<_> = self.ended.values().map(|(time, _)| *time).collect();
            times.sort_unstable();
            let from = times.get(times.len() - MAX_RUNS).copied().unwrap_or(now);
            self.ended.retain(|_, (time, _)| *time >= from);
        }
    }
}

/// What an event about an action tells of its agent's pace.
fn fact_of(kind: EventKind, action: &Action) -> Option<Fact> {
    match kind {
        EventKind::ActionAllowed | EventKind::ActionDenied => {
            Some(Fact::Proposed { is_escalated: false })
        }
        EventKind::ActionEscalated => Some(Fact::Proposed { is_escalated: true }),
        EventKind::OutcomeReported => {
            let (tool, is_failed) =
                (action.tool.as_str().into(), action.state == ActionState::Failed);
            Some(Fact::Ended { tool, took: took(action), is_failed })
        }
        _ => None,
    }
}
