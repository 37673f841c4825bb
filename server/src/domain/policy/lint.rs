//! Looking a policy over: what is allowed but is hardly meant, and what a reader
//! of the policy must know.

use std::collections::BTreeSet;
use std::fmt;

use super::rule::{Rule, RuleKind, glob};
use super::{Effect, Lexicon, Policy, template};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Worth knowing: a gate that is relaxed.
    Notice,
    /// Hardly meant.
    Warning,
}

impl Gravity {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub gravity: Gravity,
    /// Which part of the document.
    pub place: String,
    /// What is the matter, and what to do about it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.gravity.name(), self.place, self.problem)
    }
}

fn notice(place: String, problem: String) -> Finding {
    Finding { gravity: Gravity::Notice, place, problem }
}

fn warning(place: String, problem: String) -> Finding {
    Finding { gravity: Gravity::Warning, place, problem }
}

impl Policy {
    /// Looks the policy over, whichever server will judge by it. A document that
    /// cannot be read at all does not come this far.
    pub fn lint(&self) -> Vec<Finding> {
        let mut findings = self.lint_document();
        for (name, fact) in &self.facts {
            let problem = format!(
                "it is missing, and asks a person, unless the server has `facts.providers.{}`",
                fact.provider
            );
            findings.push(notice(format!("fact `{name}`"), problem));
        }
        findings
    }

    /// Looks the policy over for a server that can ask the providers that
    /// `is_registered` knows.
    pub fn lint_for(&self, is_registered: impl Fn(&str) -> bool) -> Vec<Finding> {
        let mut findings = self.lint_document();
        for (name, fact) in self.facts.iter().filter(|(_, it)| !is_registered(&it.provider)) {
            let problem = format!(
                "this server has no provider `{}`: the fact is missing every time, and its \
                 conditions ask a person; register it as `facts.providers.{0}`",
                fact.provider
            );
            findings.push(warning(format!("fact `{name}`"), problem));
        }
        findings
    }

    fn lint_document(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let written = self.rules.iter().filter(|rule| {
            matches!(rule.kind, RuleKind::Constraint | RuleKind::Rule | RuleKind::Trigger)
        });
        for rule in written {
            self.lint_relaxations(rule, &mut findings);
            self.lint_tools(rule, &mut findings);
            self.lint_paths(rule, &mut findings);
        }
        self.lint_catalogue(&mut findings);
        self.lint_unused(&mut findings);
        self.lint_unanswered(&mut findings);
        self.lint_lexicon(&mut findings);
        if self.default <= Effect::Sample {
            let problem = "what no rule knows runs without anybody being asked".to_owned();
            findings.push(warning("default".to_owned(), problem));
        }
        findings
    }

    /// Words of the document that ask for something else as well: whoever uses them
    /// seems to ask for both.
    fn lint_lexicon(&self, findings: &mut Vec<Finding>) {
        for (class, words) in self.lexicon().added().into_iter().flat_map(|it| &it.words) {
            for verb in &words.verbs {
                let known = Lexicon::standard().classes_of_verb(verb);
                let others: Vec<_> = known.iter().filter(|it| it != class).collect();
                let others: Vec<_> = others.iter().map(|it| it.name()).collect();
                if !others.is_empty() {
                    let (class, others) = (class.name(), others.join(" and "));
                    let problem = format!(
                        "`{verb}` asks for {others} already; whoever says it will count as asking for \
                         `{class}` too. Name the tools in a rule, or use a narrower word"
                    );
                    findings.push(warning(format!("lexicon, words, {class}"), problem));
                }
            }
        }
    }

    /// Every gate that a rule relaxes, and for which tools.
    fn lint_relaxations(&self, rule: &Rule, findings: &mut Vec<Finding>) {
        let place = || format!("rule `{}`, relaxes", rule.id);
        for gated in &rule.relaxes {
            let class = gated.name();
            let gated = self.tools.iter().filter(|(_, tool)| tool.effects.contains(gated));
            let concerned: Vec<_> =
                gated.map(|(name, _)| name.as_str()).filter(|name| rule.is_about(name)).collect();
            findings.push(match (concerned.is_empty(), rule.condition()) {
                (true, _) => warning(
                    place(),
                    format!(
                        "no tool of the catalogue that it is about has effects of class `{class}`"
                    ),
                ),
                (false, None) => notice(
                    place(),
                    format!("`{class}` is not gated at all for {}", concerned.join(", ")),
                ),
                (false, Some(when)) => notice(
                    place(),
                    format!(
                        "`{class}` is not gated for {} when {}",
                        concerned.join(", "),
                        when.source()
                    ),
                ),
            });
        }
    }

    fn lint_tools(&self, rule: &Rule, findings: &mut Vec<Finding>) {
        // A constraint may well forbid what the catalogue does not name.
        if self.tools.is_empty() || rule.is_hard() {
            return;
        }
        for pattern in &rule.tools {
            if !self.tools.keys().any(|tool| glob(pattern, tool)) {
                let problem = format!("`{pattern}` matches no tool of the catalogue");
                findings.push(warning(format!("rule `{}`, tools", rule.id), problem));
            }
        }
    }

    /// Arguments that no schema of the rule's tools knows.
    fn lint_paths(&self, rule: &Rule, findings: &mut Vec<Finding>) {
        let read = rule.condition().into_iter().flat_map(|it| it.reads());
        let read = read.filter_map(|name| {
            name.strip_prefix("args.").or_else(|| name.strip_prefix("provenance:"))
        });
        let shown = rule.ask.headline.as_deref().and_then(|it| template::check(it).ok());
        let paths: BTreeSet<&str> = read.chain(shown.into_iter().flatten()).collect();
        let tools = || self.tools.iter().filter(|(name, _)| rule.is_about(name));
        for path in paths {
            let mut schemas = tools().filter_map(|(_, tool)| tool.arguments.as_ref()).peekable();
            if schemas.peek().is_some() && !schemas.any(|schema| schema.knows(path)) {
                let problem = format!("no tool that it is about has an argument `{path}`");
                findings.push(warning(format!("rule `{}`", rule.id), problem));
            }
        }
    }

    fn lint_catalogue(&self, findings: &mut Vec<Finding>) {
        for (name, tool) in &self.tools {
            let place = |part: &str| format!("tool `{name}`, {part}");
            if tool.writes && tool.effects.is_empty() {
                let problem = "it changes something and names no effect class: no gate holds it";
                findings.push(notice(place("effects"), problem.to_owned()));
            }
            if let Some(other) = &tool.compensation
                && !self.tools.contains_key(other)
            {
                findings.push(warning(
                    place("compensation"),
                    format!("`{other}` is not in the catalogue"),
                ));
            }
            let Some(schema) = &tool.arguments else { continue };
            let paths = [
                ("target", &tool.target),
                ("amount", &tool.amount),
                ("currency", &tool.currency),
                ("customer", &tool.customer),
                ("affected", &tool.affected),
            ];
            let named = paths.into_iter().filter_map(|(part, path)| Some((part, path.as_ref()?)));
            let identifiers = tool.identifiers.iter().flatten().map(|path| ("identifiers", path));
            for (part, path) in named.chain(identifiers) {
                if !schema.knows(path.as_str()) {
                    let problem = format!("its schema has no argument `{}`", path.as_str());
                    findings.push(warning(place(part), problem));
                }
            }
        }
    }

    /// What conditions ask for and nobody may be able to answer.
    fn lint_unanswered(&self, findings: &mut Vec<Finding>) {
        if self.reads_exactly("novelty") && !self.reads_exactly("profiled") {
            let problem = "every call of an agent whose profile was not learnt yet is new, and \
                           scores 1; `profiled` tells whether there is one";
            findings.push(notice("novelty".to_owned(), problem.to_owned()));
        }
    }

    /// What the document defines and never speaks of.
    fn lint_unused(&self, findings: &mut Vec<Finding>) {
        let is_read = |begins: &str, name: &str| {
            let (whole, part) = (format!("{begins}{name}"), format!("{begins}{name}."));
            self.reads_exactly(&whole) || self.reads(&part)
        };
        let mut unused = |what: &str, name: &String| {
            findings.push(warning(format!("{what} `{name}`"), "nothing speaks of it".to_owned()));
        };
        for name in self.parameters.keys().filter(|name| !is_read("params.", name)) {
            unused("parameter", name);
        }
        for name in self.variables.keys().filter(|name| !is_read("vars.", name)) {
            unused("variable", name);
        }
        let counts = |name: &str| is_read("rate:", name) || is_read("total:", name);
        for name in self.windows.keys().filter(|name| !counts(name)) {
            unused("window", name);
        }
        for name in self.facts.keys().filter(|name| !is_read("fact:", name)) {
            unused("fact", name);
        }
    }
}
