//! `pointsman checkpoint`: the states of runs, what differs between them, and the way
//! back.

mod roll_back;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pointsman_api::v1;
use pointsman_client::{Checkpoints, Runs};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;

const PAGE: i32 = 500;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointVerb {
    /// List the checkpoints of a run, newest first
    #[command(after_help = "Example: pointsman checkpoint list run_01kb3… --good")]
    List(ListArguments),
    /// Show a checkpoint: where it is, with what it was saved, and what it holds
    #[command(after_help = "Example: pointsman checkpoint get cp_01kb3…")]
    Get(OneCheckpoint),
    /// Show what differs between two checkpoints of a run
    #[command(after_help = "Example: pointsman checkpoint diff cp_01kb3… cp_01kb4…")]
    Diff(DiffArguments),
    /// Say that a checkpoint is good to go back to, or take that back
    #[command(after_help = "Example: pointsman checkpoint mark cp_01kb3… --note 'all reconciled'")]
    Mark(MarkArguments),
    /// Put your own run on another path, from one of its checkpoints
    #[command(
        after_help = "Example: pointsman checkpoint branch run_01kb3… --from cp_01kb3… --reason 'dead end'"
    )]
    Branch(BranchArguments),
    /// List the paths of a run, oldest first
    #[command(after_help = "Example: pointsman checkpoint branches run_01kb3…")]
    Branches(OneRun),
    /// Show two paths of a run side by side
    #[command(after_help = "Example: pointsman checkpoint compare run_01kb3… 0 1")]
    Compare(CompareArguments),
    /// Take a run back to a checkpoint; shows what stays behind, and asks
    #[command(
        after_help = "Example: pointsman checkpoint rollback run_01kb3… --to cp_01kb3… --reason 'misread the form'"
    )]
    Rollback(roll_back::RollbackArguments),
    /// Write the state of a checkpoint of your own run
    #[command(after_help = "Example: pointsman checkpoint export cp_01kb3… --to state.json")]
    Export(ExportArguments),
}

/// Which checkpoints.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    run: String,
    /// Only those that are known to be good
    #[arg(long)]
    good: bool,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Which checkpoint.
#[derive(Debug, Args)]
pub(crate) struct OneCheckpoint {
    /// The checkpoint's id
    #[arg(value_name = "CP_ID")]
    id: String,
}

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct OneRun {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    run: String,
}

/// Which two checkpoints.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The one to begin with
    #[arg(value_name = "FROM_CP_ID")]
    from: String,
    /// The one to end with
    #[arg(value_name = "TO_CP_ID")]
    to: String,
}

/// Which checkpoint, and why.
#[derive(Debug, Args)]
pub(crate) struct MarkArguments {
    /// The checkpoint's id
    #[arg(value_name = "CP_ID")]
    id: String,
    /// Take the mark back
    #[arg(long)]
    undo: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value_t, hide_default_value = true)]
    note: String,
}

/// Which path to leave, and where to go on.
#[derive(Debug, Args)]
pub(crate) struct BranchArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    run: String,
    /// The checkpoint to go on from
    #[arg(long, value_name = "CP_ID")]
    from: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value_t, hide_default_value = true)]
    reason: String,
}

/// Which two paths.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    run: String,
    /// One branch; 0 is the path on which the run started
    #[arg(value_name = "N")]
    left: u32,
    /// Another one
    #[arg(value_name = "N")]
    right: u32,
}

/// Which state, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The checkpoint's id
    #[arg(value_name = "CP_ID")]
    id: String,
    /// The file, which must not be there; left out: standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: CheckpointVerb) -> Result<Exit, Failure> {
    let capacity = match &verb {
        CheckpointVerb::Branch(_) | CheckpointVerb::Export(_) => Capacity::Agent,
        CheckpointVerb::Mark(_) => Capacity::Reviewer,
        CheckpointVerb::Rollback(_) | CheckpointVerb::Diff(_) => Capacity::Supervisor,
        _ => Capacity::Admin,
    };
    let connection = context.connect(capacity).await?;
    let checkpoints = Checkpoints::new(connection.clone());
    match verb {
        CheckpointVerb::List(list) => self::list(context, &checkpoints, list).await,
        CheckpointVerb::Get(one) => {
            let found = checkpoints.get(one.id).await?;
            context.output.one(&node_of("Checkpoint", &found), || show::checkpoint(&found));
            Ok(Exit::Ok)
        }
        CheckpointVerb::Diff(diff) => {
            let diffed = checkpoints.diff(diff.from, diff.to).await?;
            let node = node_of("DiffCheckpointsResponse", &diffed);
            context.output.one(&node, || show::difference(&diffed, context.output.has_color));
            Ok(Exit::Ok)
        }
        CheckpointVerb::Mark(mark) => self::mark(context, &checkpoints, mark).await,
        CheckpointVerb::Branch(branch) => {
            let run = Runs::new(connection).get(&branch.run).await?;
            let (from, reason) = (branch.from, branch.reason);
            let made = checkpoints.branch(branch.run, run.branch, from, reason).await?;
            context.output.one(&node_of("Branch", &made), || show::branch(&made));
            Ok(Exit::Ok)
        }
        CheckpointVerb::Branches(one) => branches(context, &checkpoints, one).await,
        CheckpointVerb::Compare(compare) => {
            let found = checkpoints.compare(compare.run, compare.left, compare.right).await?;
            let node = node_of("CompareBranchesResponse", &found);
            context.output.one(&node, || show::compared(&context.output, &found));
            Ok(Exit::Ok)
        }
        CheckpointVerb::Rollback(back) => {
            let runs = Runs::new(connection);
            roll_back::roll_back(context, &checkpoints, &runs, back).await
        }
        CheckpointVerb::Export(export) => self::export(context, &checkpoints, export).await,
    }
}

async fn list(
    context: &Context,
    checkpoints: &Checkpoints,
    list: ListArguments,
) -> Result<Exit, Failure> {
    let mut request = v1::ListCheckpointsRequest {
        run_id: list.run,
        page_size: i32::try_from(list.limit).unwrap_or(PAGE).clamp(1, PAGE),
        page_token: String::new(),
        known_good: list.good,
    };
    let mut found = Vec::new();
    while found.len() < list.limit {
        let page = checkpoints.list(request.clone()).await?;
        found.extend(page.checkpoints);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(list.limit);
    let nodes = found.iter().map(|one| node_of("Checkpoint", one)).collect();
    context.output.many(nodes, || show::checkpoints_table(&context.output, &found));
    Ok(Exit::Ok)
}

async fn mark(
    context: &Context,
    checkpoints: &Checkpoints,
    mark: MarkArguments,
) -> Result<Exit, Failure> {
    let marked = checkpoints.mark(mark.id, !mark.undo, mark.note).await?;
    let id = inline(&marked.checkpoint_id);
    context.output.one(&node_of("Checkpoint", &marked), || match marked.known_good {
        Some(_) => format!("{id} is known to be good."),
        None => format!("{id} is not known to be good any more."),
    });
    Ok(Exit::Ok)
}

async fn branches(
    context: &Context,
    checkpoints: &Checkpoints,
    one: OneRun,
) -> Result<Exit, Failure> {
    let mut request =
        v1::ListBranchesRequest { run_id: one.run, page_size: PAGE, page_token: String::new() };
    let mut found = Vec::new();
    loop {
        let page = checkpoints.branches(request.clone()).await?;
        found.extend(page.branches);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let nodes = found.iter().map(|branch| node_of("Branch", branch)).collect();
    context.output.many(nodes, || show::branches_table(&context.output, &found));
    if found.is_empty() && context.output.is_for_people() {
        context.output.say("Its path was never changed.");
    }
    Ok(Exit::Ok)
}

async fn export(
    context: &Context,
    checkpoints: &Checkpoints,
    export: ExportArguments,
) -> Result<Exit, Failure> {
    let found = checkpoints.get(export.id).await?;
    if found.state.len() as u64 != found.state_bytes {
        let what = "its state is for the agent of its run only";
        return Err(Failure::new(Exit::NotPermitted, what));
    }
    let written = match &export.to {
        Some(file) => std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(file)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &found.state)),
        None => std::io::Write::write_all(&mut std::io::stdout().lock(), &found.state),
    };
    let to = export.to.as_ref().map_or_else(|| "-".to_owned(), |it| it.display().to_string());
    written.map_err(|cause| {
        Failure::new(Exit::Failure, format!("cannot write {}: {cause}", inline(&to)))
    })?;
    context.output.say(format!("{} bytes of {}", found.state_bytes, inline(&found.checkpoint_id)));
    Ok(Exit::Ok)
}
