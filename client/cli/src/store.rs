//! `pointsman store`: moves stores between directories and databases.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pointsman_server::config::StoreUrl;
use pointsman_server::store::damage::OpenError;
use pointsman_server::store::transfer::{self, CopyReport, Phase, Place, Progress, TransferError};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::offline::of_store;
use crate::output::escape::inline;
use crate::output::node::Node;

/// What to do with stores.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Copy a store, or one tenant of it, into an empty place, and verify the copy
    Copy(CopyArguments),
}

const AFTER_HELP: &str = "\
FROM is a data directory that no server has open, a backup, or a database; TO is a folder,
absent or empty, or an empty database. FROM is not changed. The copy has the same commits,
payloads, state and Merkle root, and a new life: watches and page tokens start over. Of a
database, what is committed later is not copied: stop its servers first.

With --tenant the commits are numbered anew, so the root is another one; the tenant's own
root is compared instead.

Exit codes: 3 FROM is damaged · 12 the copy does not verify, and nothing opens it
Example: pointsman store copy /var/lib/pointsman postgres://db1/pointsman";

/// What to copy, and where.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CopyArguments {
    /// A data directory, a backup, or postgres://…
    #[arg(value_name = "FROM")]
    from: String,
    /// A new folder, or postgres://… of an empty database
    #[arg(value_name = "TO")]
    to: String,
    /// Copy this tenant alone
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Who signs the certificates of the database FROM (PEM); encrypts the connection
    #[arg(long, value_name = "FILE")]
    from_ca: Option<PathBuf>,
    /// Who signs the certificates of the database TO (PEM); encrypts the connection
    #[arg(long, value_name = "FILE")]
    to_ca: Option<PathBuf>,
}

/// Works with stores.
pub(crate) async fn dispatch(context: &Context, verb: StoreVerb) -> Result<Exit, Failure> {
    match verb {
        StoreVerb::Copy(arguments) => copy(context, arguments).await,
    }
}

async fn copy(context: &Context, arguments: CopyArguments) -> Result<Exit, Failure> {
    let CopyArguments { from, to, tenant, from_ca, to_ca } = arguments;
    let (from, from_name) = place(&from, from_ca, "--from-ca")?;
    let (to, to_name) = place(&to, to_ca, "--to-ca")?;
    context.output.say(format!("copying {from_name} to {to_name} …"));
    let bar = progress_bar();
    let copied = transfer::copy(&from, &to, tenant.as_deref(), progress(&bar)).await;
    bar.finish_and_clear();
    let report = copied.map_err(|error| failure(&error))?;
    context.output.one(&node(&to_name, &report), || page(&to_name, &report));
    context.output.say("Watches and page tokens start over: the store has a new life.");
    if let Some(former) = &report.former_head {
        context.output.say(format!("a former signed head was kept as {}", former.display()));
    }
    Ok(Exit::Ok)
}

/// Reads a place; answers it with its name, which holds no password.
fn place(text: &str, ca_file: Option<PathBuf>, flag: &str) -> Result<(Place, String), Failure> {
    let url = StoreUrl::new(text);
    if url.is_database() {
        let place = Place::Database { url: url.expose().to_owned(), ca_file };
        return Ok((place, inline(&url.to_string())));
    }
    if ca_file.is_some() {
        return Err(Failure::usage(format!("{flag} is for a database, and `{text}` is a folder")));
    }
    Ok((Place::Folder(PathBuf::from(text)), inline(text)))
}

/// Shows on a terminal what goes on.
pub(crate) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} commits  {elapsed}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Tells a bar what goes on.
pub(crate) fn progress(bar: &ProgressBar) -> Progress {
    let bar = bar.clone();
    Arc::new(move |phase, commits| {
        bar.set_message(match phase {
            Phase::Copying => "copying",
            Phase::Checking => "checking",
        });
        bar.set_position(commits);
    })
}

fn node(to: &str, report: &CopyReport) -> Node {
    let tenant_root = report.tenant_root.map(|root| Node::text(root.to_string()));
    Node::map([
        ("store", Node::text(to)),
        ("commits", Node::number(report.commits)),
        ("entries", Node::number(report.entries)),
        ("payloads", Node::number(report.payloads)),
        ("bytes", Node::number(report.bytes)),
        ("root", Node::text(report.root.to_string())),
        ("tenant_root", tenant_root.unwrap_or(Node::Null)),
        ("state_digest", Node::text(report.state_digest.to_string())),
        ("incarnation", Node::text(report.incarnation.to_string())),
    ])
}

fn page(to: &str, report: &CopyReport) -> String {
    let CopyReport { commits, entries, payloads, bytes, root, state_digest, .. } = report;
    let roots = match &report.tenant_root {
        Some(tenant_root) => format!("root        {root}\ntenant root {tenant_root}, as in FROM"),
        None => format!("root        {root}, as in FROM"),
    };
    format!(
        "{to}: copied and verified\n\
         journal     {commits} commits, {entries} entries\n\
         payloads    {payloads}\n\
         bytes       {bytes} of records and payloads\n\
         {roots}\n\
         state       {state_digest}, as the journal gives it"
    )
}

/// A copy's failure with its exit code.
fn failure(error: &TransferError) -> Failure {
    const UNFINISHED: &str = "The copy is marked as unfinished, and nothing opens it: empty it.";
    match error {
        TransferError::Source(cause) => of_store(cause, error.to_string()),
        TransferError::Sink(OpenError::Damaged(_)) | TransferError::Differs { .. } => {
            Failure::new(Exit::NotVerified, error.to_string()).next(UNFINISHED)
        }
        TransferError::Sink(OpenError::Unfinished { .. }) => {
            Failure::new(Exit::Failure, error.to_string())
                .next("Drop the database, create it again, and copy again.")
        }
        TransferError::Sink(cause) => of_store(cause, error.to_string()),
        TransferError::NoTenant { .. } => Failure::new(Exit::NotFound, error.to_string()),
        TransferError::Mixed { .. } => Failure::new(Exit::Failure, error.to_string()),
    }
}
