//! `pointsman policy lint`: whether the server would take a document.

use clap::Args;
use pointsman_server::domain::policy::Policy;

use super::read_document;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::node::Node;
use crate::output::table::{Field, Tone, table};

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// The policy; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Something that was found.
struct Finding {
    gravity: &'static str,
    tone: Tone,
    place: String,
    problem: String,
}

/// Checks a document. What is found is the verb's data, also where it is refused.
pub(super) fn lint(context: &Context, lint: &LintArguments) -> Result<Exit, Failure> {
    let document = read_document(&lint.file)?;
    let (is_valid, found) = match Policy::parse(&document) {
        Ok(_) => (true, Vec::new()),
        Err(error) => {
            let (place, problem) = (error.place, error.problem);
            (false, vec![Finding { gravity: "error", tone: Tone::Alarm, place, problem }])
        }
    };
    let node = Node::map([
        ("file", Node::text(&lint.file)),
        ("valid", Node::Bool(is_valid)),
        ("findings", Node::List(found.iter().map(node_of).collect())),
    ]);
    context.output.one(&node, || findings_table(&context.output, &found));
    context.output.say(match is_valid {
        true => "The server would take it.",
        false => "The server would refuse it.",
    });
    Ok(if is_valid { Exit::Ok } else { Exit::Usage })
}

fn node_of(finding: &Finding) -> Node {
    Node::map([
        ("gravity", Node::text(finding.gravity)),
        ("place", Node::text(&finding.place)),
        ("problem", Node::text(&finding.problem)),
    ])
}

fn findings_table(output: &Output, found: &[Finding]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let rows = found.iter().map(|finding| {
        [
            Field::toned(finding.gravity, finding.tone),
            Field::new(&finding.place),
            Field::new(&finding.problem),
        ]
    });
    table(output, ["GRAVITY", "PLACE", "PROBLEM"], rows.collect())
}
