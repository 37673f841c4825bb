//! `pointsman run tree`: a run with every run below it.

use std::collections::BTreeMap;

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::run::State;
use pointsman_client::Runs;
use prost_types::Timestamp;

use super::{PAGE, condition_of};
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::time;

/// The most runs below one that are shown.
const MAX_SHOWN: usize = 5_000;

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct TreeArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    id: String,
}

/// Prints a run and what is below it.
pub(super) async fn tree(context: &Context, tree: TreeArguments) -> Result<Exit, Failure> {
    let runs = Runs::new(context.connect(Capacity::Reviewer).await?);
    let root = runs.get(&tree.id).await?;
    let mut request = v1::ListRunsRequest {
        page_size: i32::try_from(PAGE).unwrap_or_default(),
        tree_run_id: tree.id,
        ..v1::ListRunsRequest::default()
    };
    let mut below = Vec::new();
    let is_cut = loop {
        let page = runs.list(request.clone()).await?;
        below.extend(page.runs);
        if page.next_page_token.is_empty() || below.len() >= MAX_SHOWN {
            break !page.next_page_token.is_empty();
        }
        request.page_token = page.next_page_token;
    };
    let node = Node::map([
        ("run", node_of("Run", &root)),
        ("below", Node::List(below.iter().map(|run| node_of("Run", run)).collect())),
    ]);
    context.output.one(&node, || lines(&root, &below, &time::local_now()));
    if is_cut {
        context.output.say(format!("There are more than {MAX_SHOWN} below it; not all are shown."));
    }
    Ok(Exit::Ok)
}

/// The tree, a line for each run. A run whose parent is not there stands below the root, so
/// that none is left out.
fn lines(root: &v1::Run, below: &[v1::Run], now: &Timestamp) -> String {
    let known = |id: &str| id == root.run_id || below.iter().any(|run| run.run_id == id);
    let mut children: BTreeMap<&str, Vec<&v1::Run>> = BTreeMap::new();
    for run in below {
        let parent = run.parent_run_id.as_str();
        let parent = if known(parent) && parent != run.run_id { parent } else { &root.run_id };
        children.entry(parent).or_default().push(run);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|run| (run.create_time.map_or(0, |at| at.seconds), &run.run_id));
    }
    let mut out = line("", root, now);
    let mut open = Vec::new();
    let mut open_below = |open: &mut Vec<_>, id: &str, indent: &str| {
        let siblings = children.remove(id).unwrap_or_default();
        let last = siblings.len().saturating_sub(1);
        let next = siblings.into_iter().enumerate();
        open.extend(next.rev().map(|(at, run)| (run, indent.to_owned(), at == last)));
    };
    open_below(&mut open, &root.run_id, "");
    while let Some((run, indent, is_last)) = open.pop() {
        let (branch, rest) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        out += &line(&format!("{indent}{branch}"), run, now);
        open_below(&mut open, &run.run_id, &format!("{indent}{rest}"));
    }
    out
}

fn line(indent: &str, run: &v1::Run, now: &Timestamp) -> String {
    let icon = match run.state() {
        State::Running => "●",
        State::Paused => "‖",
        State::Stopped => "■",
        State::Failed => "✕",
        State::Succeeded => "✔",
        State::Cancelled => "–",
        State::Unspecified => "?",
    };
    let (condition, _) = condition_of(run);
    let standing = run.standing.as_ref().and_then(|it| it.since);
    let since = standing.or(run.finish_time).or(run.create_time);
    let since = time::since(since.as_ref(), now);
    let goal = if run.goal.is_empty() { String::new() } else { format!("  {}", inline(&run.goal)) };
    let (id, agent) = (inline(&run.run_id), inline(&run.agent));
    format!("{indent}{icon} {agent}  {condition}  {since}  {id}{goal}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, parent: &str, seconds: i64, state: State) -> v1::Run {
        v1::Run {
            run_id: id.into(),
            parent_run_id: parent.into(),
            agent: format!("agent-of-{id}"),
            goal: "a goal\n└─ ✔ approved".into(),
            state: state.into(),
            create_time: Some(Timestamp { seconds, nanos: 0 }),
            ..Default::default()
        }
    }

    #[test]
    fn every_run_stands_below_the_one_that_delegated_to_it() {
        let root = run("run_1", "", 0, State::Running);
        let below = [
            run("run_5", "run_3", 40, State::Failed),
            run("run_3", "run_1", 20, State::Succeeded),
            run("run_2", "run_1", 10, State::Paused),
            run("run_4", "run_2", 30, State::Stopped),
            run("run_9", "run_gone", 50, State::Running),
        ];
        let now = Timestamp { seconds: 100, nanos: 0 };
        insta::assert_snapshot!(lines(&root, &below, &now));
    }
}
