//! `pointsman restore` and `pointsman doctor`: work on files, without a server.

use std::path::PathBuf;

use clap::Args;
use pointsman_server::store::damage::OpenError;
use pointsman_server::store::embedded::{self, VerifyReport};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::node::Node;

/// What to restore, and where.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman restore /backups/nightly /var/lib/pointsman")]
pub(crate) struct RestoreArguments {
    /// The backup's folder
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    /// The new data directory, absent or empty
    #[arg(value_name = "DIR")]
    into: PathBuf,
}

/// What to examine.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman doctor /var/lib/pointsman")]
pub(crate) struct DoctorArguments {
    /// A data directory that no server has open, or a backup
    #[arg(value_name = "DIR", default_value = "pointsman-data")]
    dir: PathBuf,
}

/// Makes a data directory of a backup, after checking all of it.
pub(crate) async fn restore(
    context: &Context,
    arguments: RestoreArguments,
) -> Result<Exit, Failure> {
    let into = arguments.into.clone();
    context.output.say(format!("checking {} …", arguments.from.display()));
    let restored = blocking(move || embedded::restore(&arguments.from, &arguments.into)).await?;
    let node = Node::map([
        ("data_dir", Node::text(into.display().to_string())),
        ("commit", Node::text(restored.commit.to_string())),
        ("entries", Node::text(restored.entries.to_string())),
        ("bytes", Node::text(restored.bytes.to_string())),
        ("incarnation", Node::text(restored.incarnation.to_string())),
    ]);
    context.output.one(&node, || {
        let (dir, entries) = (into.display(), restored.entries);
        format!("{dir}: {entries} entries restored and verified")
    });
    context.output.say("Watches of the former server start over: the store has a new life.");
    if let Some(former) = restored.former_head {
        context.output.say(format!("a former signed head was kept as {}", former.display()));
    }
    Ok(Exit::Ok)
}

/// Checks every frame, leaf, payload and signed head of a store.
pub(crate) async fn doctor(context: &Context, arguments: DoctorArguments) -> Result<Exit, Failure> {
    let dir = arguments.dir.clone();
    context.output.say(format!("checking {} …", dir.display()));
    let report = blocking(move || embedded::verify(&arguments.dir)).await?;
    let signed = report.signed_entries.map_or(Node::Null, |count| Node::text(count.to_string()));
    let node = Node::map([
        ("data_dir", Node::text(dir.display().to_string())),
        ("commits", Node::text(report.commits.to_string())),
        ("entries", Node::text(report.entries.to_string())),
        ("root", Node::text(report.root.to_string())),
        ("payloads", Node::text(report.payloads.to_string())),
        ("signed_entries", signed),
        ("has_torn_tail", Node::Bool(report.has_torn_tail)),
    ]);
    context.output.one(&node, || page(&report));
    Ok(Exit::Ok)
}

fn page(report: &VerifyReport) -> String {
    let VerifyReport { commits, entries, payloads, .. } = report;
    let signed = match report.signed_entries {
        Some(count) => format!("covers {count} entries, and they are the ones signed"),
        None => "none yet".to_owned(),
    };
    let tail = match report.has_torn_tail {
        true => "unfinished; the next start cuts what was never answered",
        false => "complete",
    };
    format!(
        "journal     {commits} commits, {entries} entries: sound\n\
         payloads    {payloads}: all match their commitments\n\
         head        {signed}\n\
         root        {}\n\
         tail        {tail}",
        report.root
    )
}

/// Runs file work aside and gives damage its exit code.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    done.map_err(|error| match &error {
        OpenError::Damaged(_) => Failure::new(Exit::NotFound, error.to_string())
            .next("Nothing was changed. A backup from before it: pointsman restore BACKUP DIR"),
        OpenError::Locked { .. } => {
            Failure::new(Exit::Conflict, error.to_string()).next("Stop the server first.")
        }
        _ => Failure::new(Exit::Failure, error.to_string()),
    })
}
