//! `pointsman policy`: checks, puts and tries policies, and puts them in force.

use clap::{Args, Subcommand};
use pointsman_client::Policies;

use crate::context::{Capacity, Context};
use crate::escalation::text_or_file;
use crate::exit::{Exit, Failure};

mod backtest;
mod change;
mod evaluate;
mod explain;
mod figures;
mod lint;
mod profiles;
mod read;
mod shadow;
mod starter;
mod test;

pub(crate) use backtest::BacktestArguments;
pub(crate) use change::{ActivateArguments, PutArguments, RollBackArguments};
pub(crate) use evaluate::EvaluateArguments;
pub(crate) use explain::ExplainArguments;
pub(crate) use lint::LintArguments;
pub(crate) use profiles::LearnArguments;
pub(crate) use read::{DiffArguments, GuidanceArguments, ListArguments, ShowArguments};
pub(crate) use shadow::ShadowVerb;
pub(crate) use starter::{StarterVerb, find as find_starter};
pub(crate) use test::TestArguments;

const BACKTEST_HELP: &str = "\
An action is judged by what was counted then, and with what its run has heard by now. With
--trajectories no server is asked: recorded calls are judged by two policies, and `right`
counts the flips whose label agrees with POLICY, `wrong` those whose label agrees with
--against.

Examples:
  pointsman policy backtest tighter.yaml --actions 10000
  pointsman policy backtest tighter.yaml --trajectories calls.jsonl --tools tools.json \\
    --domain agentdojo/banking --against banking";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Check a policy on this machine, without a server
    #[command(after_help = "Example: pointsman policy lint policy.yaml")]
    Lint(LintArguments),
    /// Run a policy's own test cases on this machine, without a server
    #[command(after_help = "Example: pointsman policy test policy.yaml")]
    Test(TestArguments),
    /// Keep a policy on the server as a revision; it is not in force by that
    #[command(after_help = "Example: POL=$(pointsman policy put policy.yaml --note 'tighter')")]
    Put(PutArguments),
    /// List revisions, newest first
    #[command(after_help = "Example: pointsman policy list --limit 5")]
    List(ListArguments),
    /// List what was put in force, or asked to be, newest first
    #[command(after_help = "Example: pointsman policy history -o json")]
    History(ListArguments),
    /// Print a revision's document; left out: that of the one in force
    #[command(alias = "get", after_help = "Example: pointsman policy show > policy.yaml")]
    Show(ShowArguments),
    /// Show what a revision or a file changes
    #[command(after_help = "Example: pointsman policy diff policy.yaml")]
    Diff(DiffArguments),
    /// Put a revision in force, or ask a second person to
    #[command(after_help = "Example: pointsman policy activate pol_01kb3… --reason 'as agreed'")]
    Activate(ActivateArguments),
    /// Put in force what another admin asked for
    #[command(after_help = "Example: pointsman policy confirm pact_01kb3…")]
    Confirm(OneActivation),
    /// Take back, or refuse, what waits for a second person
    #[command(after_help = "Example: pointsman policy withdraw pact_01kb3…")]
    Withdraw(OneActivation),
    /// Put the former revision in force again
    #[command(after_help = "Example: pointsman policy rollback --reason 'nobody can keep up'")]
    Rollback(RollBackArguments),
    /// Say what a policy would decide of a tool call; nothing happens
    #[command(
        after_help = "Example: pointsman policy evaluate --tool refund --arguments '{\"amount\": 600}'"
    )]
    Evaluate(EvaluateArguments),
    /// Say why an action was decided as it was, or what another policy says of it
    #[command(after_help = "Example: pointsman policy explain act_01kb3… --policy tighter.yaml")]
    Explain(ExplainArguments),
    /// Say what a policy would have decided of the newest actions; nothing happens
    #[command(after_help = BACKTEST_HELP)]
    Backtest(BacktestArguments),
    /// Learn anew what agents are known to do; `novelty` is judged by it from then on
    #[command(after_help = "Example: pointsman policy learn")]
    Learn(LearnArguments),
    /// Say which novelty profiles are in force, and of whom
    #[command(after_help = "Example: pointsman policy profiles")]
    Profiles,
    /// Let a revision judge beside the one in force, without effect
    #[command(subcommand)]
    Shadow(ShadowVerb),
    /// Print what an agent's model is to be told of the policy in force
    #[command(after_help = "Example: pointsman policy guidance --run run_01kb3…")]
    Guidance(GuidanceArguments),
    /// Policies to begin with
    #[command(subcommand)]
    Starter(StarterVerb),
}

/// Which activation.
#[derive(Debug, Args)]
pub(crate) struct OneActivation {
    /// The activation's id
    #[arg(value_name = "PACT_ID")]
    id: String,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: PolicyVerb) -> Result<Exit, Failure> {
    match verb {
        PolicyVerb::Lint(lint) => lint::lint(context, &lint),
        PolicyVerb::Test(test) => test::test(context, &test),
        PolicyVerb::Put(put) => change::put(context, put).await,
        PolicyVerb::List(list) => read::list(context, list).await,
        PolicyVerb::History(list) => read::history(context, list).await,
        PolicyVerb::Show(show) => read::show(context, show).await,
        PolicyVerb::Diff(diff) => read::diff(context, diff).await,
        PolicyVerb::Activate(activate) => change::activate(context, activate).await,
        PolicyVerb::Confirm(one) => change::confirm(context, one).await,
        PolicyVerb::Withdraw(one) => change::withdraw(context, one).await,
        PolicyVerb::Rollback(back) => change::roll_back(context, back).await,
        PolicyVerb::Evaluate(evaluate) => evaluate::evaluate(context, evaluate).await,
        PolicyVerb::Explain(explain) => explain::explain(context, explain).await,
        PolicyVerb::Backtest(backtest) => backtest::backtest(context, backtest).await,
        PolicyVerb::Learn(learn) => profiles::learn(context, learn).await,
        PolicyVerb::Profiles => profiles::profiles(context).await,
        PolicyVerb::Shadow(verb) => shadow::dispatch(context, verb).await,
        PolicyVerb::Guidance(guidance) => read::guidance(context, guidance).await,
        PolicyVerb::Starter(verb) => starter::dispatch(context, &verb),
    }
}

async fn connect(context: &Context) -> Result<Policies, Failure> {
    Ok(Policies::new(context.connect(Capacity::Admin).await?))
}

/// Reads a document from a file; `-` is standard input.
fn read_document(file: &str) -> Result<String, Failure> {
    let bytes = text_or_file(&format!("@{file}"))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{file} is not text")))
}

/// Whether a word names a revision; everything else names a file.
fn is_revision(word: &str) -> bool {
    word.starts_with("pol_") && !std::path::Path::new(word).exists()
}
