//! The policy document: what operators write, checked and compiled.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::condition::Condition;
use crate::domain::escalation::SeverityTier;
use crate::domain::time::Span;

/// The most bytes a document may have.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// The most rules a document may have.
const MAX_RULES: usize = 500;
/// The version of the document's format that this server reads.
const FORMAT_VERSION: u32 = 1;
/// How long a person should take unless a rule says otherwise.
const DUE_DEFAULT: Span = Span::from_secs(30 * 60);
/// When a question closes unless a rule says otherwise: routine matters, 7 days.
const EXPIRE_DEFAULT: Span = Span::from_secs(7 * 24 * 60 * 60);
/// How deep delegation may go unless the document says otherwise.
const MAX_HOPS_DEFAULT: u32 = 8;
/// How long a redeemed action may go without an outcome.
const OUTCOME_TIMEOUT_DEFAULT: Span = Span::from_secs(10 * 60);

/// Why a document is refused: where, and what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy, {place}: {problem}")]
pub struct PolicyError {
    /// Which part of the document.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl PolicyError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// A rule's effect, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The action may run.
    Allow,
    /// The action waits for a person.
    Escalate,
    /// The action must not run.
    Deny,
}

/// What the document says of one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolTraits {
    /// Whether running it twice does no more than running it once.
    pub is_idempotent: bool,
    /// How long it may run without an outcome.
    pub outcome_timeout: Span,
}

impl Default for ToolTraits {
    fn default() -> Self {
        Self { is_idempotent: false, outcome_timeout: OUTCOME_TIMEOUT_DEFAULT }
    }
}

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// The rule's name, unique in the document.
    pub id: String,
    /// Which tools it is about: names, or patterns with `*`.
    pub tools: Vec<String>,
    /// When it applies; none: always.
    pub when: Option<Condition>,
    /// What it demands.
    pub effect: Effect,
    /// Why, for the agent and the reviewer.
    pub reason: String,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The priority lane.
    pub lane: Option<String>,
    /// How long a person should take.
    pub due: Option<Span>,
    /// After how long the question is closed.
    pub expire: Option<Span>,
    /// A template for the briefing's first sentence.
    pub headline: Option<String>,
}

impl Rule {
    /// Whether the rule is about the tool.
    pub fn matches_tool(&self, tool: &str) -> bool {
        self.tools.iter().any(|pattern| glob(pattern, tool))
    }
}

/// A compiled policy document.
#[derive(Debug)]
pub struct Policy {
    /// What happens where no rule matches.
    pub default: Effect,
    /// The lane of rules that name none.
    pub lane: String,
    /// The due time of rules that name none.
    pub due: Span,
    /// The expire time of rules that name none.
    pub expire: Span,
    /// How deep delegation may go.
    pub max_hops: u32,
    /// The rules, in the order of the document.
    pub rules: Vec<Rule>,
    tools: BTreeMap<String, ToolTraits>,
}

impl Policy {
    /// Reads, checks and compiles a document.
    pub fn parse(yaml: &str) -> Result<Self, PolicyError> {
        if yaml.len() > MAX_DOCUMENT_BYTES {
            let problem = format!("{} bytes, more than {MAX_DOCUMENT_BYTES}", yaml.len());
            return Err(PolicyError::new("the document", problem));
        }
        let document: Document = serde_norway::from_str(yaml)
            .map_err(|error| PolicyError::new("the document", error.to_string()))?;
        if document.version != FORMAT_VERSION {
            let problem =
                format!("{} is unknown; this server reads {FORMAT_VERSION}", document.version);
            return Err(PolicyError::new("version", problem));
        }
        if document.rules.len() > MAX_RULES {
            return Err(PolicyError::new("rules", format!("more than {MAX_RULES}")));
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(document.rules.len());
        for source in document.rules {
            if rules.iter().any(|rule| rule.id == source.id) {
                return Err(PolicyError::new(
                    format!("rule `{}`", source.id),
                    "the id is used twice",
                ));
            }
            rules.push(source.compile()?);
        }
        Ok(Self {
            default: document.default,
            lane: document.lane,
            due: duration("due", document.due.as_deref())?.unwrap_or(DUE_DEFAULT),
            expire: duration("expire", document.expire.as_deref())?.unwrap_or(EXPIRE_DEFAULT),
            max_hops: document.max_delegation_hops,
            rules,
            tools: tools(document.tools)?,
        })
    }

    /// What the document says of a tool, or the defaults.
    pub fn tool(&self, name: &str) -> ToolTraits {
        self.tools.get(name).copied().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default = "default_effect")]
    default: Effect,
    #[serde(default = "default_lane")]
    lane: String,
    due: Option<String>,
    expire: Option<String>,
    #[serde(default = "default_hops")]
    max_delegation_hops: u32,
    #[serde(default)]
    tools: BTreeMap<String, ToolSource>,
    #[serde(default)]
    rules: Vec<RuleSource>,
}

const fn default_effect() -> Effect {
    Effect::Escalate
}

fn default_lane() -> String {
    "default".to_owned()
}

const fn default_hops() -> u32 {
    MAX_HOPS_DEFAULT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolSource {
    #[serde(default)]
    idempotent: bool,
    outcome_timeout: Option<String>,
}

fn tools(
    sources: BTreeMap<String, ToolSource>,
) -> Result<BTreeMap<String, ToolTraits>, PolicyError> {
    let mut traits = BTreeMap::new();
    for (name, source) in sources {
        let place = format!("tool `{name}`, outcome_timeout");
        let outcome_timeout =
            duration(&place, source.outcome_timeout.as_deref())?.unwrap_or(OUTCOME_TIMEOUT_DEFAULT);
        traits.insert(name, ToolTraits { is_idempotent: source.idempotent, outcome_timeout });
    }
    Ok(traits)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSource {
    id: String,
    tools: Vec<String>,
    when: Option<String>,
    effect: Effect,
    reason: String,
    #[serde(default)]
    severity: SeverityTier,
    lane: Option<String>,
    due: Option<String>,
    expire: Option<String>,
    headline: Option<String>,
}

impl RuleSource {
    fn compile(self) -> Result<Rule, PolicyError> {
        let place = |part: &str| format!("rule `{}`, {part}", self.id);
        if !is_name(&self.id, 64) {
            return Err(PolicyError::new(place("id"), "want 1 to 64 of `A-Za-z0-9_.-`"));
        }
        if self.tools.is_empty() {
            return Err(PolicyError::new(place("tools"), "want at least one name or pattern"));
        }
        if let Some(lane) = self.lane.as_deref().filter(|lane| !is_name(lane, 32)) {
            let problem = format!("`{lane}`: want 1 to 32 of `A-Za-z0-9_.-`");
            return Err(PolicyError::new(place("lane"), problem));
        }
        let when = self
            .when
            .as_deref()
            .map(Condition::compile)
            .transpose()
            .map_err(|error| PolicyError::new(place("when"), error.to_string()))?;
        let due = duration(&place("due"), self.due.as_deref())?;
        let expire = duration(&place("expire"), self.expire.as_deref())?;
        Ok(Rule {
            id: self.id,
            tools: self.tools,
            when,
            effect: self.effect,
            reason: self.reason,
            severity: self.severity,
            lane: self.lane,
            due,
            expire,
            headline: self.headline,
        })
    }
}

fn is_name(text: &str, limit: usize) -> bool {
    (1..=limit).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Reads `90s`, `30m`, `24h` or `7d`; at least a second, at most ten years.
fn duration(place: &str, text: Option<&str>) -> Result<Option<Span>, PolicyError> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || PolicyError::new(place, format!("`{text}`: want such as 90s, 30m, 24h or 7d"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let count: i64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    let most = 10 * 366 * 24 * 60 * 60 / seconds;
    if !(1..=most).contains(&count) {
        return Err(wrong());
    }
    Ok(Some(Span::from_secs(count * seconds)))
}

/// Matches a name against a pattern in which `*` stands for any characters.
fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_shells_do() {
        for (pattern, name, expected) in [
            ("send_money", "send_money", true),
            ("send_money", "send_money2", false),
            ("send_*", "send_", true),
            ("*", "", true),
            ("*_order*", "modify_order_items", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn no_document_makes_the_parser_panic(text in "[ -~\n]{0,300}") {
            let _ = Policy::parse(&text);
        }

        #[test]
        fn durations_are_bounded(count: i64, unit in "[smhd]") {
            if let Ok(Some(span)) = duration("due", Some(&format!("{count}{unit}"))) {
                prop_assert!(span >= Span::from_secs(1));
            }
        }
    }
}
