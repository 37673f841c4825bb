//! `pointsman restore` and `pointsman doctor`: work on files, or on a database,
//! without a server; and a first look at a server.

use std::path::{Path, PathBuf};

use clap::Args;
use pointsman_api::v1;
use pointsman_client::Admin;
use pointsman_server::config::StoreUrl;
use pointsman_server::store::damage::OpenError;
use pointsman_server::store::embedded::{self, VerifyReport};
use pointsman_server::store::transfer::{self, DatabaseReport};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::{node_of, short_name};
use crate::output::time;
use crate::store::{progress, progress_bar};

/// A clock that is further off than this confuses people about due times.
const SKEW_LIMIT: i64 = 5;

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
#[command(after_help = "Examples: pointsman doctor
          pointsman doctor /var/lib/pointsman
          pointsman doctor postgres://db1/pointsman
Exit codes: 3 the data is damaged · 12 an unfinished copy · as elsewhere")]
pub(crate) struct DoctorArguments {
    /// A data directory that no server has open, a backup, or postgres://…, while its
    /// servers work; left out: looks at the server and at your token
    #[arg(value_name = "STORE")]
    store: Option<String>,
    /// Who signs the database's certificates (PEM); encrypts the connection
    #[arg(long, value_name = "FILE", requires = "store")]
    ca: Option<PathBuf>,
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
        ("commit", Node::number(restored.commit)),
        ("entries", Node::number(restored.entries)),
        ("bytes", Node::number(restored.bytes)),
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
    let Some(store) = arguments.store else {
        return look_at_server(context).await;
    };
    let url = StoreUrl::new(store.as_str());
    if url.is_database() {
        return look_at_database(context, &url, arguments.ca.as_deref()).await;
    }
    let dir = PathBuf::from(store);
    context.output.say(format!("checking {} …", dir.display()));
    let checked = dir.clone();
    let report = blocking(move || embedded::verify(&checked)).await?;
    let signed = report.signed_entries.map_or(Node::Null, Node::number);
    let node = Node::map([
        ("data_dir", Node::text(dir.display().to_string())),
        ("commits", Node::number(report.commits)),
        ("entries", Node::number(report.entries)),
        ("root", Node::text(report.root.to_string())),
        ("payloads", Node::number(report.payloads)),
        ("signed_entries", signed),
        ("has_torn_tail", Node::Bool(report.has_torn_tail)),
    ]);
    context.output.one(&node, || page(&report));
    Ok(Exit::Ok)
}

async fn look_at_database(
    context: &Context,
    url: &StoreUrl,
    ca_file: Option<&Path>,
) -> Result<Exit, Failure> {
    context.output.say(format!("checking {} …", inline(&url.to_string())));
    let bar = progress_bar();
    let checked = transfer::verify_database(url.expose(), ca_file, progress(&bar)).await;
    bar.finish_and_clear();
    let report = checked.map_err(|error| of_store(&error, error.to_string()))?;
    let DatabaseReport { commits, entries, payloads, root, state_digest } = report;
    let node = Node::map([
        ("store", Node::text(url.to_string())),
        ("commits", Node::number(commits)),
        ("entries", Node::number(entries)),
        ("root", Node::text(root.to_string())),
        ("payloads", Node::number(payloads)),
        ("state_digest", Node::text(state_digest.to_string())),
    ]);
    context.output.one(&node, || {
        format!(
            "journal     {commits} commits, {entries} entries: sound\n\
             payloads    {payloads}: all match their commitments\n\
             root        {root}, as the head says\n\
             state       {state_digest}, as the journal gives it"
        )
    });
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

async fn look_at_server(context: &Context) -> Result<Exit, Failure> {
    let connection = context.connect(Capacity::Admin).await?;
    let address = connection.address().to_owned();
    let info = Admin::new(connection).server_info().await?;
    let now = time::local_now();
    let skew = info.server_time.map(|server| now.seconds.saturating_sub(server.seconds));
    let node = Node::map([
        ("address", Node::text(&address)),
        ("server", node_of("GetServerInfoResponse", &info)),
        ("clock_skew_seconds", skew.map_or(Node::Null, Node::number)),
    ]);
    context.output.one(&node, || server_page(&address, &info, skew));
    Ok(Exit::Ok)
}

fn server_page(address: &str, info: &v1::GetServerInfoResponse, skew: Option<i64>) -> String {
    let roles: Vec<_> = info.roles().map(|role| short_name(role.as_str_name(), "ROLE_")).collect();
    let dev = if info.dev { ", dev: everybody knows its tokens" } else { "" };
    let skew = match skew {
        Some(seconds) if seconds.abs() > SKEW_LIMIT => {
            format!("! clock     this machine is {seconds} s off the server")
        }
        Some(_) => "✓ clock     agrees with the server".to_owned(),
        None => "! clock     the server does not tell the time".to_owned(),
    };
    format!(
        "✓ server    {address}, version {}, {} store{dev}\n\
         ✓ token     {} in {}: {}\n{skew}\n\
         ✓ journal   {} entries; newest sequence {}\n\
         ✓ policy    {}\n",
        inline(&info.version),
        inline(&info.store_engine),
        inline(&info.principal),
        inline(&info.tenant),
        roles.join(", "),
        info.entries,
        info.sequence,
        inline(&info.policy_revision_id),
    )
}

/// Runs file work aside and gives damage its exit code.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    done.map_err(|error| of_store(&error, error.to_string()))
}

/// What is wrong with a store, in some words, with its exit code.
pub(crate) fn of_store(error: &OpenError, words: String) -> Failure {
    match error {
        OpenError::Damaged(_) => Failure::new(Exit::NotFound, words)
            .next("Nothing was changed. A backup from before it: pointsman restore BACKUP DIR"),
        OpenError::Unfinished { .. } => Failure::new(Exit::NotVerified, words),
        OpenError::NoSpace { .. } => {
            Failure::new(Exit::DiskFull, words).next("Free some room, and try again.")
        }
        OpenError::Locked { .. } => {
            Failure::new(Exit::Conflict, words).next("Stop the server first.")
        }
        _ => Failure::new(Exit::Failure, words),
    }
}
