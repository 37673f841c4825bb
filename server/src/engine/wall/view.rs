//! What of a board is shown to one who looks: conditions, counts, and what needs a person.

use std::collections::{BTreeMap, HashMap};

use super::board::{Board, Tracked};
use super::spark::{SPANS, Spark};
use super::{MAX_GROUPS, WallFilter};
use crate::domain::action::ActionState;
use crate::domain::condition::{Asked, Budget, Condition, Known, Standing, Step};
use crate::domain::directory::Answerer;
use crate::domain::escalation::Escalation;
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::payload::PayloadRef;
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::domain::time::{Span, Timestamp};
use crate::engine::queue::audience;

/// One run on the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallRun {
    /// The run.
    pub run: RunId,
    /// Its agent.
    pub agent: String,
    /// How it does.
    pub standing: Standing,
    /// The question that is due first.
    pub question: Option<EscalationId>,
    /// By when somebody should answer it.
    pub due: Option<Timestamp>,
    /// What it asks, in safe text.
    pub headline: String,
    /// Where that is stored.
    pub(super) briefing: Option<PayloadRef>,
}

/// One run that is looked at closely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallFocus {
    /// The run.
    pub run: WallRun,
    /// What the agent is at, in one line.
    pub activity: String,
    /// The last tool that it called.
    pub tool: String,
    /// How that went; empty: there was none.
    pub outcome: &'static str,
    /// How long it took.
    pub took: Option<Span>,
    /// How many events it had in the last spans of time, the oldest first.
    pub counts: [u32; SPANS],
}

/// The runs of one agent that go on.
#[derive(Clone, Debug, PartialEq)]
pub struct WallGroup {
    /// The agent.
    pub agent: String,
    /// How many.
    pub runs: u32,
    /// How many of them are at work.
    pub working: u32,
    /// Of how many of its last actions a person was asked.
    pub escalation_rate: Option<f64>,
    /// How many of its last calls failed.
    pub error_rate: Option<f64>,
    /// The p95 of its last calls.
    pub step_p95: Option<Span>,
}

/// The wall.
#[derive(Clone, Debug, PartialEq)]
pub struct WallView {
    /// How many runs are in each condition, in their order.
    pub counts: [u32; Condition::ALL.len()],
    /// What somebody should look at.
    pub attention: Vec<WallRun>,
    /// How many more there are.
    pub attention_remainder: u32,
    /// What is looked at closely.
    pub focus: Vec<WallFocus>,
    /// The agents.
    pub groups: Vec<WallGroup>,
    /// How many more there are.
    pub groups_remainder: u32,
    /// How many runs are on no wall.
    pub unlisted: u64,
}

/// Who looks, and when.
pub(super) struct Look<'a> {
    pub(super) caller: &'a Principal,
    pub(super) known: &'a audience::Known,
    pub(super) now: Timestamp,
    /// The most text that a run may write, in bytes.
    pub(super) text_limit: u64,
}

/// The p95 of tools, worked out once for a look.
type Paces<'a> = HashMap<(&'a str, &'a str), Option<Span>>;

impl Look<'_> {
    fn may_answer(&self, question: &Escalation) -> bool {
        let who = Answerer { name: &self.caller.name, roles: &self.caller.roles };
        let claim = question.live_claim(self.now);
        claim.is_none_or(|claim| claim.holder == self.caller.name)
            && self.known.at(self.now).is_for(question, who)
    }

    fn standing<'a>(&self, board: &'a Board, it: &'a Tracked, paces: &mut Paces<'a>) -> Standing {
        let holds = board.holds_of(&it.run);
        let (state, _) = holds.shown(&it.run);
        let held = holds.stop_of(&it.run).or_else(|| holds.pause());
        let asked = it.open.values().map(|question| Asked {
            id: question.id,
            since: question.create_time,
            due: question.due_time,
            is_yours: self.may_answer(question),
        });
        let executing = it.executing.values().min_by_key(|(_, since)| *since);
        let tool = executing.map(|(tool, _)| tool.as_str());
        let p95 = tool.and_then(|tool| {
            let pace = || board.paces.get(&it.run.agent).and_then(|pace| pace.p95(Some(tool)));
            *paces.entry((&it.run.agent, tool)).or_insert_with(pace)
        });
        let waiting = it.answers.values().filter(|answer| answer.is_claimable(self.now));
        let is_paused = state == RunState::Paused;
        let pauses = holds.pauses(self.now).into_iter().map(|(_, until)| until);
        let pauses = pauses.filter(|_| !is_paused);
        let working_since = pauses.fold(it.working_since, Timestamp::max);
        let over_time = it.run.overdue_time.map(Budget::Time);
        let over_text = (it.written >= self.text_limit).then_some(Budget::Transcript(it.heard));
        let known = Known {
            state,
            held_since: held.map(|held| held.time),
            ended: it.run.finish_time,
            asked: asked.collect(),
            answered: waiting.map(|answer| answer.lease_expire_time.max(answer.create_time)).min(),
            working_since,
            heard: it.heard.max(working_since),
            step: Step { tool: tool.map(str::to_owned), p95 },
            attempts: it.attempts.clone(),
            over: over_time.or(over_text),
        };
        known.judge(self.now)
    }

    fn run(&self, it: &Tracked, standing: Standing) -> WallRun {
        let mine = |question: &&std::sync::Arc<Escalation>| {
            (standing.condition == Condition::NeedsYou) == self.may_answer(question)
        };
        let question = it.open.values().filter(mine).min_by_key(|it| it.due_time);
        WallRun {
            run: it.run.id,
            agent: it.run.agent.clone(),
            standing,
            question: question.map(|it| it.id),
            due: question.map(|it| it.due_time),
            headline: String::new(),
            briefing: question.map(|it| it.briefing),
        }
    }

    /// The condition of one run of the board; none: it is not on it.
    pub(super) fn one(&self, board: &Board, run: RunId) -> Option<Standing> {
        let it = board.runs.get(&run)?;
        Some(self.standing(board, it, &mut Paces::new()))
    }

    /// Everything but the words.
    pub(super) fn wall(&self, board: &Board, filter: &WallFilter, most: usize) -> WallView {
        let mut paces = Paces::new();
        let mut counts = [0; Condition::ALL.len()];
        let mut attention = Vec::new();
        let mut agents: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for it in board.runs.values().filter(|it| filter.holds(&it.run)) {
            let standing = self.standing(board, it, &mut paces);
            count(&mut counts, standing.condition);
            if !standing.condition.is_end() {
                let (runs, working) = agents.entry(&it.run.agent).or_default();
                *runs += 1;
                *working += u32::from(standing.condition == Condition::Working);
            }
            if standing.condition.wants_attention() {
                attention.push(self.run(it, standing));
            }
        }
        for (_, run) in board.ended.values().filter(|(_, run)| filter.holds(run)) {
            count(&mut counts, ended(run).condition);
        }
        attention.sort_by_key(|it| (rank(it), it.due.unwrap_or(it.standing.since), it.run));
        let attention_remainder = remainder(&mut attention, most);
        let mut groups: Vec<_> =
            agents.into_iter().map(|(agent, counts)| group(board, agent, counts)).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.runs));
        let groups_remainder = remainder(&mut groups, MAX_GROUPS);
        WallView {
            counts,
            attention,
            attention_remainder,
            focus: Vec::new(),
            groups,
            groups_remainder,
            unlisted: board.unlisted,
        }
    }

    /// A run that is looked at closely, without its words.
    pub(super) fn focus(&self, board: &Board, run: &Run) -> WallFocus {
        let tracked = board.runs.get(&run.id);
        let shown = match tracked {
            Some(it) => self.run(it, self.standing(board, it, &mut Paces::new())),
            None => WallRun {
                run: run.id,
                agent: run.agent.clone(),
                standing: ended(run),
                question: None,
                due: None,
                headline: String::new(),
                briefing: None,
            },
        };
        let last = tracked.and_then(|it| it.last.as_ref());
        WallFocus {
            run: shown,
            activity: String::new(),
            tool: last.map(|last| last.tool.clone()).unwrap_or_default(),
            outcome: last.map(|last| outcome(last.state)).unwrap_or_default(),
            took: last.and_then(|last| last.took),
            counts: board
                .sparks
                .get(&run.id)
                .map_or([0; SPANS], |spark: &Spark| spark.at(self.now)),
        }
    }
}

fn count(counts: &mut [u32], condition: Condition) {
    let place = Condition::ALL.iter().position(|it| *it == condition);
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count += 1;
    }
}

/// Those that need others come last.
const fn rank(it: &WallRun) -> u8 {
    match it.standing.condition {
        Condition::NeedsYou => 0,
        Condition::Stalled => 1,
        Condition::Retrying => 2,
        Condition::OverBudget => 3,
        _ => 4,
    }
}

/// Cuts a list; how many there were more.
fn remainder<T>(list: &mut Vec<T>, most: usize) -> u32 {
    let beyond = list.len().saturating_sub(most);
    list.truncate(most);
    u32::try_from(beyond).unwrap_or(u32::MAX)
}

/// The condition of a run that is on no board: it ended, or there was no room.
pub(super) fn ended(run: &Run) -> Standing {
    let known = Known {
        state: run.state,
        held_since: None,
        ended: run.finish_time,
        asked: Vec::new(),
        answered: None,
        working_since: run.create_time,
        heard: run.create_time,
        step: Step { tool: None, p95: None },
        attempts: None,
        over: run.overdue_time.map(Budget::Time),
    };
    known.judge(run.create_time)
}

const fn outcome(state: ActionState) -> &'static str {
    match state {
        ActionState::Executed => "ok",
        ActionState::Failed => "failed",
        ActionState::Redeemed => "running",
        ActionState::Denied | ActionState::Refused | ActionState::Cancelled => "refused",
        ActionState::Escalated | ActionState::Granted => "asked",
        ActionState::ExecutionUnknown => "unknown",
    }
}

fn group(board: &Board, agent: &str, (runs, working): (u32, u32)) -> WallGroup {
    let rate = |(all, some): (u32, u32)| (all > 0).then(|| f64::from(some) / f64::from(all));
    let pace = board.paces.get(agent);
    WallGroup {
        agent: agent.to_owned(),
        runs,
        working,
        escalation_rate: pace.and_then(|pace| rate(pace.proposed())),
        error_rate: pace.and_then(|pace| rate(pace.ended())),
        step_p95: pace.and_then(|pace| pace.p95(None)),
    }
}
