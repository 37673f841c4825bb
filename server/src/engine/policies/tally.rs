//! What a backtest counts: what was decided, what would be, and what people had said.

use std::collections::BTreeMap;

use crate::domain::action::{Action, ActionState, Decision, DecisionEffect};
use crate::domain::escalation::{Escalation, EscalationState, Question, ResolutionKind};
use crate::domain::ids::ActionId;
use crate::domain::policy::Labels;
use crate::domain::time::{Span, Timestamp};
use crate::engine::limits::MAX_BACKTEST_EXAMPLES;

/// How decisions can flip, what is looser first.
const ORDER: [(DecisionEffect, DecisionEffect); 6] = [
    (DecisionEffect::Escalate, DecisionEffect::Allow),
    (DecisionEffect::Deny, DecisionEffect::Allow),
    (DecisionEffect::Deny, DecisionEffect::Escalate),
    (DecisionEffect::Allow, DecisionEffect::Escalate),
    (DecisionEffect::Allow, DecisionEffect::Deny),
    (DecisionEffect::Escalate, DecisionEffect::Deny),
];

/// Decisions by their effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Those that let the action run.
    pub allow: u32,
    /// Those that refuse it.
    pub deny: u32,
    /// Those that ask a person.
    pub escalate: u32,
}

/// What became of a question to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HumanAnswer {
    /// A person answered.
    Said(ResolutionKind),
    /// Nobody answered in time.
    Expired,
    /// It was withdrawn, or the run ended.
    Cancelled,
    /// Nobody has answered yet.
    Open,
}

/// What became of several questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Approved as shown.
    pub approved: u32,
    /// Rejected.
    pub rejected: u32,
    /// Approved with edits.
    pub modified: u32,
    /// Answered in the tool's place.
    pub responded: u32,
    /// Corrected in words.
    pub instructed: u32,
    /// Not answered in time.
    pub expired: u32,
    /// Withdrawn.
    pub cancelled: u32,
    /// Not answered yet.
    pub open: u32,
}

/// One action that would be decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The action.
    pub action: ActionId,
    /// Its tool.
    pub tool: String,
    /// The rule that decided then; none: the default.
    pub recorded_rule: Option<String>,
    /// The rule that would decide; none: the default.
    pub rule: Option<String>,
    /// What a person said, if one was asked.
    pub answer: Option<HumanAnswer>,
    /// When it was proposed.
    pub create_time: Timestamp,
}

/// The actions whose decisions flip in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// What was decided.
    pub recorded: DecisionEffect,
    /// What would be.
    pub said: DecisionEffect,
    /// How many.
    pub count: u32,
    /// What people had said of them.
    pub answers: Answers,
    /// The newest of them.
    pub examples: Vec<Example>,
}

/// What a policy says of a recorded action.
pub(super) struct Judged<'a> {
    pub(super) action: &'a Action,
    /// What asks about it, or did last.
    pub(super) escalation: Option<&'a Escalation>,
    /// Whether people said afterwards that it should have been decided otherwise.
    pub(super) is_mistake: bool,
    pub(super) effect: DecisionEffect,
    pub(super) rule: Option<String>,
}

/// The counts, as they grow: at most a number per action, and few examples.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) recorded: Side,
    pub(super) said: Side,
    pub(super) times: Option<(Timestamp, Timestamp)>,
    pub(super) labels: Labels,
    /// By their place in [`ORDER`].
    flips: BTreeMap<usize, Flip>,
    reviews: Vec<Span>,
}

// === impl Side ===

impl Side {
    fn add(&mut self, effect: DecisionEffect) {
        match effect {
            DecisionEffect::Allow => self.allow += 1,
            DecisionEffect::Deny => self.deny += 1,
            DecisionEffect::Escalate => self.escalate += 1,
        }
    }

    /// How many decisions there are.
    pub fn total(&self) -> u32 {
        self.allow + self.deny + self.escalate
    }
}

// === impl HumanAnswer ===

impl HumanAnswer {
    /// What became of the question whether an action may run. A later question
    /// about the same action, whether it may run again, means yes to the first.
    fn of(escalation: &Escalation) -> Self {
        if escalation.question == Question::ExecutionUnknown {
            return Self::Said(ResolutionKind::Approved);
        }
        match (escalation.state, &escalation.resolution) {
            (EscalationState::Resolved, Some(resolution)) => Self::Said(resolution.kind),
            (EscalationState::Expired, _) => Self::Expired,
            (EscalationState::Cancelled, _) => Self::Cancelled,
            (EscalationState::Resolved | EscalationState::Open, _) => Self::Open,
        }
    }
}

// === impl Answers ===

impl Answers {
    fn add(&mut self, answer: HumanAnswer) {
        *match answer {
            HumanAnswer::Said(ResolutionKind::Approved) => &mut self.approved,
            HumanAnswer::Said(ResolutionKind::Rejected) => &mut self.rejected,
            HumanAnswer::Said(ResolutionKind::Modified) => &mut self.modified,
            HumanAnswer::Said(ResolutionKind::Responded) => &mut self.responded,
            HumanAnswer::Said(ResolutionKind::Instructed) => &mut self.instructed,
            HumanAnswer::Expired => &mut self.expired,
            HumanAnswer::Cancelled => &mut self.cancelled,
            HumanAnswer::Open => &mut self.open,
        } += 1;
    }
}

// === impl Tally ===

impl Tally {
    pub(super) fn add(&mut self, judged: Judged<'_>) {
        let Judged { action, escalation, is_mistake, effect, rule } = judged;
        let Decision { effect: recorded, rule: recorded_rule, .. } = &action.decision;
        let time = action.create_time;
        self.times = Some(match self.times {
            Some((oldest, newest)) => (oldest.min(time), newest.max(time)),
            None => (time, time),
        });
        self.recorded.add(*recorded);
        self.said.add(effect);
        self.reviews.extend(escalation.and_then(review_time));
        // An allowed action has a question only after it ran.
        let asked = escalation.filter(|_| *recorded == DecisionEffect::Escalate);
        let answer = asked.map(HumanAnswer::of);
        self.label(action, answer, is_mistake, effect != DecisionEffect::Allow);
        if *recorded == effect {
            return;
        }
        let flip = self.flip(*recorded, effect);
        flip.count += 1;
        if let Some(answer) = answer {
            flip.answers.add(answer);
        }
        if flip.examples.len() < MAX_BACKTEST_EXAMPLES {
            flip.examples.push(Example {
                action: action.id,
                tool: action.tool.clone(),
                recorded_rule: recorded_rule.clone(),
                rule,
                answer,
                create_time: time,
            });
        }
    }

    /// Counts what people said of an action: by an answer, or by letting it run well
    /// without being asked; what they call a mistake afterwards counts before either.
    fn label(
        &mut self,
        action: &Action,
        answer: Option<HumanAnswer>,
        is_mistake: bool,
        is_gated: bool,
    ) {
        let ran_unasked = action.decision.effect == DecisionEffect::Allow
            && action.state == ActionState::Executed;
        let (count, gated) = match answer {
            _ if is_mistake => (&mut self.labels.wanted, &mut self.labels.wanted_gated),
            Some(HumanAnswer::Said(
                ResolutionKind::Rejected | ResolutionKind::Modified | ResolutionKind::Instructed,
            )) => (&mut self.labels.wanted, &mut self.labels.wanted_gated),
            Some(HumanAnswer::Said(ResolutionKind::Approved)) => {
                (&mut self.labels.routine, &mut self.labels.routine_gated)
            }
            None if ran_unasked => (&mut self.labels.routine, &mut self.labels.routine_gated),
            _ => return,
        };
        *count += 1;
        *gated += u32::from(is_gated);
    }

    fn flip(&mut self, recorded: DecisionEffect, said: DecisionEffect) -> &mut Flip {
        let place = ORDER.iter().position(|it| *it == (recorded, said)).unwrap_or(ORDER.len());
        let (answers, examples) = (Answers::default(), Vec::new());
        self.flips.entry(place).or_insert(Flip { recorded, said, count: 0, answers, examples })
    }

    /// The kinds of flips, what is looser first.
    pub(super) fn flips(&mut self) -> Vec<Flip> {
        std::mem::take(&mut self.flips).into_values().collect()
    }

    /// How many reviews are timed, and how long the middle one took.
    pub(super) fn reviews(&mut self) -> (u32, Option<Span>) {
        self.reviews.sort_unstable();
        let count = self.reviews.len();
        let median = self.reviews.get(count / 2).copied();
        (u32::try_from(count).unwrap_or(u32::MAX), median)
    }
}

/// From the claim to the answer of who claimed.
fn review_time(escalation: &Escalation) -> Option<Span> {
    let (claim, resolution) = (escalation.claim.as_ref()?, escalation.resolution.as_ref()?);
    let is_own = claim.holder == resolution.reviewer;
    let claimed = claim.claim_time.filter(|_| is_own)?;
    let is_live = resolution.resolve_time < claim.expire_time;
    is_live.then(|| resolution.resolve_time.since(claimed))
}
