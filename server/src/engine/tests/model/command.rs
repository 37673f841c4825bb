//! What may be asked next, given what there is.

use proptest::collection::SizeRange;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::reference::Model;

/// The most commands of one sequence.
const LONGEST: usize = 50;
/// Spans that reach past a lease, an outcome, a grant, a due time, an expiry.
const SPANS: [i64; 5] = [30, 61, 301, 1_801, 24 * 3_600 + 1];
/// New things are more interesting than old ones: only so many are asked about.
const RECENT: usize = 4;

/// What is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// Allowed; ten minutes for the outcome.
    Note,
    /// Allowed and idempotent; a minute for the outcome.
    Lookup,
    /// A person is asked; a minute for the outcome.
    Refund,
    /// Denied.
    TooMuch,
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Approve,
    Reject,
    Modify,
    Respond,
}

/// A command about things by their number, in the order of their making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    StartRun,
    FinishRun { run: usize },
    Propose { run: usize, tool: Tool, is_detached: bool, redeem: bool },
    Claim { question: usize, who: usize },
    Release { question: usize, who: usize, epoch: u64 },
    Resolve { question: usize, who: usize, epoch: u64, said: Said, is_stale: bool },
    Redeem { action: usize, grant: usize, is_tampered: bool },
    Report { action: usize },
    Resume { most: usize },
    Acknowledge { question: usize, epoch: u64 },
    Pass { seconds: i64 },
    Restart,
}

/// How long sequences are.
pub(super) fn lengths() -> impl Into<SizeRange> {
    1..LONGEST
}

/// Whether a command names only what there is: also after others were left out.
pub(super) fn is_possible(model: &Model, command: &Command) -> bool {
    match *command {
        Command::FinishRun { run } | Command::Propose { run, .. } => run < model.runs(),
        Command::Claim { question, .. }
        | Command::Release { question, .. }
        | Command::Resolve { question, .. }
        | Command::Acknowledge { question, .. } => question < model.questions(),
        Command::Redeem { action, grant, .. } => grant < model.grants_of(action),
        Command::Report { action } => action < model.actions(),
        Command::StartRun | Command::Resume { .. } | Command::Pass { .. } | Command::Restart => {
            true
        }
    }
}

/// The commands that make sense, by weight; the simplest first, because that is
/// what a failing sequence is made smaller to.
pub(super) fn next(model: &Model) -> BoxedStrategy<Command> {
    let mut choices = vec![
        (4, Just(Command::StartRun).boxed()),
        (6, select(&SPANS[..]).prop_map(|seconds| Command::Pass { seconds }).boxed()),
        (2, Just(Command::Restart).boxed()),
        (4, (1..4_usize).prop_map(|most| Command::Resume { most }).boxed()),
    ];
    choices.extend(about_runs(recent(model.runs())));
    choices.extend(about_actions(recent(model.actions()), model));
    choices.extend(about_questions(recent(model.questions()), model));
    Union::new_weighted(choices).boxed()
}

type Choice = (u32, BoxedStrategy<Command>);

fn recent(count: usize) -> Vec<usize> {
    (count.saturating_sub(RECENT)..count).collect()
}

fn about_runs(runs: Vec<usize>) -> Vec<Choice> {
    if runs.is_empty() {
        return Vec::new();
    }
    let tool = select(&[Tool::Refund, Tool::Lookup, Tool::Note, Tool::Refund, Tool::TooMuch][..]);
    let propose = (select(runs.clone()), tool, any::<bool>(), prop::bool::weighted(0.25));
    let propose = propose.prop_map(|(run, tool, is_detached, redeem)| Command::Propose {
        run,
        tool,
        is_detached,
        redeem,
    });
    let finish = select(runs).prop_map(|run| Command::FinishRun { run });
    vec![(15, propose.boxed()), (1, finish.boxed())]
}

fn about_actions(actions: Vec<usize>, model: &Model) -> Vec<Choice> {
    let mut choices = Vec::new();
    let granted: Vec<_> = actions
        .iter()
        .map(|action| (*action, model.grants_of(*action)))
        .filter(|(_, grants)| *grants > 0)
        .collect();
    if !granted.is_empty() {
        let which = (select(granted), mostly(), any::<prop::sample::Index>());
        let redeem = (which, prop::bool::weighted(1.0 / 7.0));
        let redeem = redeem.prop_map(|(((action, grants), is_last, any), is_tampered)| {
            let grant = if is_last { grants - 1 } else { any.index(grants) };
            Command::Redeem { action, grant, is_tampered }
        });
        choices.push((8, redeem.boxed()));
    }
    if !actions.is_empty() {
        let report = select(actions).prop_map(|action| Command::Report { action });
        choices.push((4, report.boxed()));
    }
    choices
}

fn about_questions(questions: Vec<usize>, model: &Model) -> Vec<Choice> {
    if questions.is_empty() {
        return Vec::new();
    }
    let claimed: Vec<_> = questions.iter().map(|at| (*at, model.epoch_of(*at))).collect();
    let offered: Vec<_> = questions.iter().map(|at| (*at, model.resumption_of(*at))).collect();
    let who = || 0..2_usize;
    let claim = (select(questions), who());
    let claim = claim.prop_map(|(question, who)| Command::Claim { question, who });
    let release = (right_or_next(claimed.clone()), who());
    let release =
        release.prop_map(|((question, epoch), who)| Command::Release { question, who, epoch });
    let said =
        select(&[Said::Approve, Said::Modify, Said::Reject, Said::Approve, Said::Respond][..]);
    let resolve = (right_or_next(claimed), who(), said, prop::bool::weighted(1.0 / 11.0));
    let resolve = resolve.prop_map(|((question, epoch), who, said, is_stale)| Command::Resolve {
        question,
        who,
        epoch,
        said,
        is_stale,
    });
    let acknowledge = right_or_next(offered)
        .prop_map(|(question, epoch)| Command::Acknowledge { question, epoch });
    vec![(4, claim.boxed()), (1, release.boxed()), (11, resolve.boxed()), (4, acknowledge.boxed())]
}

/// A thing with its epoch, or now and then with the one after it.
fn right_or_next(epochs: Vec<(usize, u64)>) -> impl Strategy<Value = (usize, u64)> {
    (select(epochs), mostly())
        .prop_map(|((at, epoch), is_right)| (at, if is_right { epoch } else { epoch + 1 }))
}

fn mostly() -> impl Strategy<Value = bool> {
    prop::bool::weighted(7.0 / 8.0)
}
