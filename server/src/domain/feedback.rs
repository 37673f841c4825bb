//! Feedback: where people said something else than what an agent proposed or a policy
//! let run, as examples that may leave the server, with what may not leave replaced.
//!
//! What is replaced stands there as a mark: a salted digest, so that equal values of one
//! export can be told to be equal, and none can be guessed from its mark.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::FieldHasher;
use super::policy::glob;

const MARK_TAG: &str = "pointsman.redacted.v1";
/// How many hexadecimal digits of the digest a mark shows.
const MARK_DIGITS: usize = 16;

/// Why something is an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FeedbackKind {
    /// A person rejected the action.
    Rejected,
    /// A person let an edited action run in its place.
    Modified,
    /// A person answered in the tool's place.
    Responded,
    /// A person corrected it in words.
    Instructed,
    /// A person took it back.
    Reverted,
    /// A person found a mistake afterwards.
    Found,
}

/// What may be redacted beside arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the tool acts on.
    Target,
    /// The agent's words.
    Reasoning,
    /// What the run was to reach.
    Goal,
    /// The reviewer's words.
    Note,
    /// The answer in the tool's place.
    Response,
    /// The correction in words.
    Instruction,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] =
        [Self::Target, Self::Reasoning, Self::Goal, Self::Note, Self::Response, Self::Instruction];

    /// How the settings name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Target => "@target",
            Self::Reasoning => "@reasoning",
            Self::Goal => "@goal",
            Self::Note => "@note",
            Self::Response => "@response",
            Self::Instruction => "@instruction",
        }
    }
}

/// What does not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// A part of every example.
    Part(Part),
    /// A value in the arguments of some tools.
    Arguments {
        /// The tools: `*` stands for any characters.
        tool: String,
        /// The way to the value, key by key; `*` in a key stands for any characters, and
        /// a place in a list is its number.
        path: Vec<String>,
    },
}

impl Redaction {
    /// Reads `@PART`, `PATH` or `TOOL:PATH`; `None`: it is none of them.
    pub fn read(text: &str) -> Option<Self> {
        if text.starts_with('@') {
            return Part::ALL.into_iter().find(|part| part.name() == text).map(Self::Part);
        }
        let (tool, path) = text.rsplit_once(':').unwrap_or(("*", text));
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        let is_whole = !tool.is_empty() && path.iter().all(|key| !key.is_empty());
        is_whole.then(|| Self::Arguments { tool: tool.to_owned(), path })
    }
}

/// Replaces what may not leave, the same value by the same mark.
pub struct Redactor<'a> {
    rules: &'a [Redaction],
    salt: [u8; 32],
}

impl<'a> Redactor<'a> {
    /// Replaces what the rules say, with marks that nobody can guess without the salt.
    pub const fn new(rules: &'a [Redaction], salt: [u8; 32]) -> Self {
        Self { rules, salt }
    }

    fn mark(&self, value: &[u8]) -> String {
        let mut hasher = FieldHasher::new(MARK_TAG);
        hasher.field(&self.salt).field(value);
        let digits: String = hasher.finish().to_string().chars().take(MARK_DIGITS).collect();
        format!("[redacted {digits}]")
    }

    /// A part of an example, or its mark. What is empty says nothing and stays.
    pub fn part(&self, part: Part, text: &str) -> String {
        let is_named = self.rules.contains(&Redaction::Part(part));
        if is_named && !text.is_empty() { self.mark(text.as_bytes()) } else { text.to_owned() }
    }

    /// Replaces values in the arguments of a tool.
    pub fn arguments(&self, tool: &str, arguments: &mut Value) {
        for rule in self.rules {
            if let Redaction::Arguments { tool: of, path } = rule
                && glob(of, tool)
            {
                self.replace(arguments, path);
            }
        }
    }

    fn replace(&self, value: &mut Value, path: &[String]) {
        let Some((key, rest)) = path.split_first() else {
            *value = Value::String(self.mark(value.to_string().as_bytes()));
            return;
        };
        match value {
            Value::Object(fields) => {
                let named = fields.iter_mut().filter(|(name, _)| glob(key, name));
                named.for_each(|(_, field)| self.replace(field, rest));
            }
            Value::Array(items) => {
                let named = items.iter_mut().enumerate();
                let named = named.filter(|(place, _)| glob(key, &place.to_string()));
                named.for_each(|(_, item)| self.replace(item, rest));
            }
            _ => {}
        }
    }
}

/// What a person changed: a JSON patch (RFC 6902) from the one to the other.
pub fn patch(from: &Value, to: &Value) -> Value {
    serde_json::to_value(json_patch::diff(from, to)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rules(texts: &[&str]) -> Vec<Redaction> {
        texts.iter().map(|text| Redaction::read(text).unwrap()).collect()
    }

    #[test]
    fn what_is_named_is_replaced_and_nothing_else() {
        let rules = rules(&["refund:customer.iban", "*.secret", "items.*.name", "@note"]);
        let redactor = Redactor::new(&rules, [7; 32]);
        let arguments = json!({
            "customer": {"iban": "DE02", "secret": "x", "city": "Bonn"},
            "items": [{"name": "a", "count": 1}, {"name": "a", "count": 2}],
        });
        let mut shown = arguments.clone();
        redactor.arguments("refund", &mut shown);
        let text = shown.to_string();
        assert!(
            !text.contains("DE02") && !text.contains("\"x\"") && text.contains("Bonn"),
            "{text}"
        );
        assert_eq!(shown["items"][0]["name"], shown["items"][1]["name"], "equal stays equal");
        assert_eq!(shown["items"][1]["count"], 2);
        let mut other = arguments;
        redactor.arguments("lookup", &mut other);
        assert_eq!(other["customer"]["iban"], "DE02", "another tool's");
        assert!(redactor.part(Part::Note, "he called").starts_with("[redacted "));
        assert_eq!((&*redactor.part(Part::Note, ""), &*redactor.part(Part::Goal, "g")), ("", "g"));
    }

    #[test]
    fn what_is_no_redaction_is_refused() {
        for text in ["", "@nothing", "a..b", ":a", "refund:"] {
            assert_eq!(Redaction::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_patch_leads_from_the_one_to_the_other() {
        let (from, to) = (json!({"amount": 600, "to": "A"}), json!({"amount": 60, "note": "x"}));
        let mut patched = from.clone();
        let patch = patch(&from, &to);
        json_patch::patch(
            &mut patched,
            &serde_json::from_value::<json_patch::Patch>(patch).unwrap(),
        )
        .unwrap();
        assert_eq!(patched, to);
    }

    proptest! {
        /// With the salt unknown a mark says nothing: another salt gives another.
        #[test]
        fn marks_depend_on_the_salt_and_the_value(a: u64, b: u64) {
            let rules = rules(&["@goal"]);
            let mark = |salt: u8, value: u64| {
                Redactor::new(&rules, [salt; 32]).part(Part::Goal, &value.to_string())
            };
            prop_assert_eq!(mark(1, a) == mark(1, b), a == b);
            prop_assert_ne!(mark(1, a), mark(2, a));
        }
    }
}
