//! The command line. Every verb has an example in its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use pointsman_client::{ADDRESS_VARIABLE, TOKEN_VARIABLE};

use crate::auth::AuthVerb;
use crate::backup::BackupArguments;
use crate::bench::BenchArguments;
use crate::checkpoint::CheckpointVerb;
use crate::completion::CompletionArguments;
use crate::contexts::parse_name;
use crate::dev::DevArguments;
use crate::drill::DrillVerb;
use crate::escalation::{EscalationVerb, InboxArguments};
use crate::eval::EvalVerb;
use crate::feedback::FeedbackVerb;
use crate::gate::GateArguments;
use crate::incident::IncidentVerb;
use crate::notice::NoticeVerb;
use crate::offline::{DoctorArguments, RestoreArguments};
use crate::output::Format;
use crate::people::{AgentVerb, AuthorityVerb, PrincipalVerb, RoleVerb};
use crate::policy::PolicyVerb;
use crate::queue::QueueVerb;
use crate::replay::ReplayArguments;
use crate::review::ReviewVerb;
use crate::run::RunVerb;
use crate::serve::{MigrateArguments, ServeArguments};
use crate::span::parse_span;
use crate::store::StoreVerb;
use crate::token::TokenVerb;
use crate::top::TopArguments;

const AFTER_HELP: &str = "\
Exit codes: 0 done · 1 failed · 2 usage · 3 not found · 4 not authenticated ·
5 not permitted · 6 conflict · 7 expired · 8 timed out here, still open ·
9 disk full · 10 rejected · 11 stopped · 12 does not verify

First steps:
  pointsman dev                      a server on this machine
  pointsman inbox -w                 what waits for a person
  pointsman esc approve ESC_ID       shows it, asks, lets exactly that run";

/// Puts a person at the switch: agents ask before they act, people answer.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every verb understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Globals {
    /// Where the server is [default: http://127.0.0.1:7420]
    #[arg(long, global = true, env = ADDRESS_VARIABLE)]
    #[arg(value_name = "URL", help_heading = "Global options")]
    pub(crate) address: Option<String>,
    /// The bearer token; better in the environment, where no process list shows it
    #[arg(long, global = true, env = TOKEN_VARIABLE, hide_env_values = true)]
    #[arg(value_name = "TOKEN", help_heading = "Global options")]
    pub(crate) token: Option<String>,
    /// The server and the token that `auth login` kept by this name
    #[arg(long, global = true, env = "POINTSMAN_CONTEXT", value_parser = parse_name)]
    #[arg(value_name = "NAME", help_heading = "Global options")]
    pub(crate) context: Option<String>,
    /// Trust this certificate authority (PEM) and no other
    #[arg(long, global = true, env = "POINTSMAN_TLS_CA", value_name = "FILE")]
    #[arg(help_heading = "Global options")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Show this certificate chain (PEM) to the server
    #[arg(long, global = true, env = "POINTSMAN_CLIENT_CERT", value_name = "FILE")]
    #[arg(requires = "client_key", help_heading = "Global options")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key (PEM) of --client-cert
    #[arg(long, global = true, env = "POINTSMAN_CLIENT_KEY", value_name = "FILE")]
    #[arg(requires = "client_cert", help_heading = "Global options")]
    pub(crate) client_key: Option<PathBuf>,
    /// How long it may take: calls 10s, waiting for people without end
    #[arg(long, global = true, env = "POINTSMAN_TIMEOUT", value_parser = parse_span)]
    #[arg(value_name = "SPAN", help_heading = "Global options")]
    pub(crate) timeout: Option<Duration>,
    /// The form of the data
    #[arg(short, long, global = true, env = "POINTSMAN_OUTPUT", value_enum)]
    #[arg(default_value_t, help_heading = "Global options")]
    pub(crate) output: Format,
    /// Never ask: fail instead
    #[arg(long, global = true, env = "POINTSMAN_NO_INPUT", help_heading = "Global options")]
    pub(crate) no_input: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say what is going on
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    #[arg(help_heading = "Global options")]
    pub(crate) verbose: bool,
}

/// The groups of verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve agents, people and programs
    Serve(ServeArguments),
    /// Serve this machine for a try: ready tokens, example policy, demo agent
    Dev(DevArguments),
    /// The inbox and the runs on one screen, live, by keyboard
    Top(TopArguments),
    /// Show what waits for a person, most urgent first
    #[command(after_help = "Example: pointsman inbox -w")]
    Inbox(InboxArguments),
    /// Read and answer questions of agents
    #[command(subcommand, visible_alias = "esc")]
    Escalation(EscalationVerb),
    /// Start and read runs of agents
    #[command(subcommand)]
    Run(RunVerb),
    /// See the states of runs, and take runs back to them
    #[command(subcommand, visible_alias = "cp")]
    Checkpoint(CheckpointVerb),
    /// Run a command once a person, or the policy, has allowed it
    Gate(GateArguments),
    /// Check, put and try policies, and put them in force
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// See and change what is known of people and agents
    #[command(subcommand)]
    Principal(PrincipalVerb),
    /// Pause agents, and let them in again
    #[command(subcommand)]
    Agent(AgentVerb),
    /// Assign roles for a time
    #[command(subcommand)]
    Role(RoleVerb),
    /// Say up to where people may answer
    #[command(subcommand)]
    Authority(AuthorityVerb),
    /// See how the queue does, and who looks after it when
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Judge afterwards what was decided without a person
    #[command(subcommand)]
    Review(ReviewVerb),
    /// Practise on past cases, some with a planted defect
    #[command(subcommand)]
    Drill(DrillVerb),
    /// Take labelled examples out, of where people said something else
    #[command(subcommand)]
    Feedback(FeedbackVerb),
    /// See to what went wrong without anybody having stopped it
    #[command(subcommand)]
    Incident(IncidentVerb),
    /// Log in to servers, and ask what somebody may do
    #[command(subcommand)]
    Auth(AuthVerb),
    /// Manage the tokens of agents, reviewers and admins
    #[command(subcommand)]
    Token(TokenVerb),
    /// See and try what the server tells people by webhooks and programs
    #[command(subcommand)]
    Notice(NoticeVerb),
    /// Copy everything durable into a new folder on the server
    Backup(BackupArguments),
    /// Make a data directory of a backup
    Restore(RestoreArguments),
    /// Prepare a database for this version's servers
    Migrate(MigrateArguments),
    /// Move stores between data directories and databases
    #[command(subcommand)]
    Store(StoreVerb),
    /// Check every byte of a data directory, a backup or a database
    Doctor(DoctorArguments),
    /// Run recorded trajectories through a real server and simulated reviewers
    Replay(ReplayArguments),
    /// Judge recorded, labelled calls by a policy, without a server
    #[command(subcommand)]
    Eval(EvalVerb),
    /// Measure the server on this machine
    Bench(BenchArguments),
    /// Print the completion script of a shell
    Completion(CompletionArguments),
    /// Print the versions of this command and of the server
    #[command(after_help = "Example: pointsman version -o json")]
    Version,
}

#[cfg(test)]
mod tests;
