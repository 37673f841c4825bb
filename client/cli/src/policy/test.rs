//! `pointsman policy test`: a policy's own test cases, without a server.

use clap::Args;
use pointsman_server::domain::policy::{CaseResult, Policy};

use super::read_document;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::table::{Field, Tone, table};

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The policy; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Runs the cases. What became of them is the verb's data, also where some fail.
pub(super) fn test(context: &Context, test: &TestArguments) -> Result<Exit, Failure> {
    let document = read_document(&test.file)?;
    let policy = Policy::parse(&document).map_err(|error| {
        let file = inline(&test.file);
        Failure::usage(error.to_string()).next(format!("See: pointsman policy lint {file}"))
    })?;
    let results = policy.run_cases();
    let failed = results.iter().filter(|result| result.problem.is_some()).count();
    let node = Node::map([
        ("file", Node::text(&test.file)),
        ("passed", Node::Bool(failed == 0)),
        ("failed_count", Node::number(failed)),
        ("results", Node::List(results.iter().map(node_of).collect())),
    ]);
    context.output.one(&node, || results_table(&context.output, &results));
    context.output.say(match (results.len(), failed) {
        (0, _) => "The policy has no test cases.".to_owned(),
        (all, 0) => format!("{all} of {all} passed."),
        (all, failed) => format!("{failed} of {all} failed: the server would not activate it."),
    });
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failure })
}

fn node_of(result: &CaseResult) -> Node {
    let problem = result.problem.as_ref();
    Node::map([
        ("name", Node::text(&result.name)),
        ("problem", problem.map_or(Node::Null, Node::text)),
    ])
}

fn results_table(output: &Output, results: &[CaseResult]) -> String {
    if results.is_empty() {
        return String::new();
    }
    let rows = results.iter().map(|result| {
        let (state, tone) = match result.problem {
            None => ("passed", Tone::Good),
            Some(_) => ("failed", Tone::Alarm),
        };
        [
            Field::toned(state, tone),
            Field::new(&result.name),
            Field::new(result.problem.as_deref().unwrap_or_default()),
        ]
    });
    table(output, ["STATE", "WHAT", "PROBLEM"], rows.collect())
}
