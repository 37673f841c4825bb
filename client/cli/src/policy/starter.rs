//! `pointsman policy starter`: policies to begin with, part of the program.

use clap::Subcommand;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::node::Node;
use crate::output::table::{Field, table};

/// A policy to begin with.
pub(crate) struct Starter {
    name: &'static str,
    about: &'static str,
    pub(crate) document: &'static str,
}

/// Every one there is, in the order in which they are shown.
const STARTERS: [Starter; 5] = [
    Starter {
        name: "strict",
        about: "reading runs, everything else waits for a person",
        document: include_str!("../../../../policies/starters/strict.yaml"),
    },
    Starter {
        name: "general",
        about: "what the user asked for runs, if every name in it rests on what was said",
        document: include_str!("../../../../policies/starters/general.yaml"),
    },
    Starter {
        name: "retail-support",
        about: "customers' orders change once they are named and confirmed",
        document: include_str!("../../../../policies/starters/retail-support.yaml"),
    },
    Starter {
        name: "banking",
        about: "payments go to whom the user named or the account's records know",
        document: include_str!("../../../../policies/starters/banking.yaml"),
    },
    Starter {
        name: "workspace-chat",
        about: "messages run; people in and out, web pages and planted links wait",
        document: include_str!("../../../../policies/starters/workspace-chat.yaml"),
    },
];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum StarterVerb {
    /// List the policies to begin with
    #[command(after_help = "Example: pointsman policy starter list")]
    List,
    /// Print one, to be changed and put
    #[command(after_help = "Example: pointsman policy starter show strict > policy.yaml")]
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Does what a verb says.
pub(super) fn dispatch(context: &Context, verb: &StarterVerb) -> Result<Exit, Failure> {
    match verb {
        StarterVerb::List => {
            let node = |starter: &Starter| {
                Node::map([
                    ("name", Node::text(starter.name)),
                    ("about", Node::text(starter.about)),
                ])
            };
            let rows = STARTERS.iter().map(|it| [Field::new(it.name), Field::new(it.about)]);
            context.output.many(STARTERS.iter().map(node).collect(), || {
                table(&context.output, ["NAME", "WHAT"], rows.collect())
            });
        }
        StarterVerb::Show { name } => {
            let starter = find(name)?;
            let node = Node::map([
                ("name", Node::text(starter.name)),
                ("about", Node::text(starter.about)),
                ("document", Node::text(starter.document)),
            ]);
            context.output.one(&node, || starter.document.to_owned());
        }
    }
    Ok(Exit::Ok)
}

pub(crate) fn find(name: &str) -> Result<&'static Starter, Failure> {
    STARTERS.iter().find(|starter| starter.name == name).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no starter policy `{name}`"))
            .next("See: pointsman policy starter list")
    })
}

#[cfg(test)]
mod tests {
    use pointsman_server::domain::policy::Policy;

    use super::*;

    #[test]
    fn every_starter_is_a_policy() {
        for starter in &STARTERS {
            let parsed = Policy::parse(starter.document);
            assert!(parsed.is_ok(), "{}: {parsed:?}", starter.name);
        }
    }

    #[test]
    fn every_file_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/starters");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        let mut known: Vec<_> = STARTERS.iter().map(|starter| starter.name.to_owned()).collect();
        known.sort();
        assert_eq!(names, known);
    }
}
