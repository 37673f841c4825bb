//! What is printed, where and in which form.
//!
//! Data goes to standard output, everything said about it to standard error. A
//! reader that closes the pipe ends the command quietly.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;

use self::node::Node;

pub(crate) mod diff;
pub(crate) mod escape;
pub(crate) mod node;
pub(crate) mod reflect;
pub(crate) mod table;
pub(crate) mod time;

/// The form of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// Indented JSON; lists as one array.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// YAML; lists as one sequence.
    Yaml,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Talk {
    /// Errors only.
    Quiet,
    /// What happened and what may be done next.
    Normal,
    /// Also what is going on.
    Verbose,
}

/// Where and how to print.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) talk: Talk,
    /// Whether a person looks at standard output.
    pub(crate) is_terminal: bool,
    pub(crate) has_color: bool,
    /// The width of the terminal; none: found out, or without limit.
    pub(crate) width: Option<u16>,
}

// === impl Output ===

impl Output {
    /// Finds out what standard output is.
    pub(crate) fn of_process(format: Format, talk: Talk) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_forced = is_set("CLICOLOR_FORCE");
        let has_color = !is_set("NO_COLOR") && (is_terminal || is_forced);
        Self { format, talk, is_terminal, has_color, width: None }
    }

    /// Whether data is laid out for people.
    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// Prints one thing: as data, or as `people` sees it.
    pub(crate) fn one(&self, node: &Node, people: impl FnOnce() -> String) {
        self.data(&match self.format {
            Format::Table => people(),
            Format::Json => node.to_json(),
            Format::Jsonl => node.to_line(),
            Format::Yaml => node.to_yaml(),
        });
    }

    /// Prints several things: as data, or as `people` sees them.
    pub(crate) fn many(&self, nodes: Vec<Node>, people: impl FnOnce() -> String) {
        match self.format {
            Format::Jsonl => {
                for node in nodes {
                    self.data(&node.to_line());
                }
            }
            _ => self.one(&Node::List(nodes), people),
        }
    }

    /// Prints lines of data. Nothing at all for empty text.
    pub(crate) fn data(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
        if written.is_err() {
            // Nobody reads any more; there is nobody to tell either.
            std::process::exit(0);
        }
    }

    /// Says something about what happened or may be done next.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if self.talk >= Talk::Normal {
            write_error(text.as_ref());
        }
    }

    /// Says something that only those want to know who look for a fault.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.talk >= Talk::Verbose {
            write_error(text.as_ref());
        }
    }
}

/// Writes to standard error; if nobody reads it there is nobody to tell.
pub(crate) fn write_error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
