//! `pointsman policy lint`: whether the server would take a document.

use clap::Args;
use pointsman_server::domain::policy::{Finding, Gravity, Policy, PolicyError};

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

/// Something that was found, as it is shown.
struct Shown {
    gravity: &'static str,
    tone: Tone,
    place: String,
    problem: String,
}

/// Checks a document. What is found is the verb's data, also where it is refused.
pub(super) fn lint(context: &Context, lint: &LintArguments) -> Result<Exit, Failure> {
    let document = read_document(&lint.file)?;
    let (is_valid, found) = match Policy::parse(&document) {
        Ok(policy) => (true, policy.lint().into_iter().map(Shown::from).collect()),
        Err(error) => (false, vec![Shown::from(error)]),
    };
    let node = Node::map([
        ("file", Node::text(&lint.file)),
        ("valid", Node::Bool(is_valid)),
        ("findings", Node::List(found.iter().map(Shown::node).collect())),
    ]);
    context.output.one(&node, || findings_table(&context.output, &found));
    context.output.say(match is_valid {
        true => "The server would take it.",
        false => "The server would refuse it.",
    });
    Ok(if is_valid { Exit::Ok } else { Exit::Usage })
}

impl Shown {
    fn node(&self) -> Node {
        Node::map([
            ("gravity", Node::text(self.gravity)),
            ("place", Node::text(&self.place)),
            ("problem", Node::text(&self.problem)),
        ])
    }
}

impl From<Finding> for Shown {
    fn from(finding: Finding) -> Self {
        let tone = match finding.gravity {
            Gravity::Notice => Tone::Plain,
            Gravity::Warning => Tone::Warning,
        };
        let (gravity, place, problem) = (finding.gravity.name(), finding.place, finding.problem);
        Self { gravity, tone, place, problem }
    }
}

impl From<PolicyError> for Shown {
    fn from(error: PolicyError) -> Self {
        let (place, problem) = (error.place, error.problem);
        Self { gravity: "error", tone: Tone::Alarm, place, problem }
    }
}

fn findings_table(output: &Output, found: &[Shown]) -> String {
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
