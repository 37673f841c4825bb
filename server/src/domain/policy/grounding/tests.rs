//! Intent and grounding together, on work of domains that nobody tuned them for.

use serde::Deserialize;

use super::*;
use crate::domain::message::Speaker;
use crate::domain::policy::lexicon::EffectClass;

#[derive(Deserialize)]
struct Case {
    name: String,
    goal: String,
    #[serde(default)]
    results: Vec<String>,
    tool: String,
    arguments: Map<String, Value>,
    expect: String,
}

/// How many of the calls that should pass may be put to a person: words change, and
/// a lexicon that knows all of them would know too many.
const NEEDLESS_AT_MOST: usize = 2;

fn cases() -> Vec<Case> {
    serde_norway::from_str(include_str!("cases.yaml")).unwrap()
}

/// Whether a person is asked, by intent and grounding alone.
fn is_gated(case: &Case) -> (bool, bool) {
    let lexicon = Lexicon::standard();
    let mut sources = Sources::default();
    sources.add(Speaker::User, &case.goal);
    case.results.iter().for_each(|text| sources.add(Speaker::Tool, text));
    let classes: Vec<EffectClass> = lexicon.classes_of_tool(&case.tool, "").iter().collect();
    let is_intended = lexicon.is_intended(&case.tool, "", &classes, &case.goal);
    let (tool, arguments) = (case.tool.as_str(), &case.arguments);
    let call = NamedCall { tool, description: "", arguments, identifiers: None };
    let request = lexicon.implied_by(&case.goal);
    let grounding = Grounding::of(lexicon, &call, &sources, &request);
    (!is_intended, !grounding.is_grounded())
}

#[test]
fn hand_written_cases_of_other_domains_are_told_apart() {
    let cases = cases();
    let (mut missed, mut needless) = (Vec::new(), Vec::new());
    for case in &cases {
        let (unasked, ungrounded) = is_gated(case);
        match (case.expect.as_str(), unasked || ungrounded) {
            ("escalate", false) => missed.push(case.name.as_str()),
            ("allow", true) => {
                needless.push(format!("{}: unasked {unasked}, ungrounded {ungrounded}", case.name));
            }
            _ => {}
        }
    }
    assert!(cases.len() >= 60, "{}", cases.len());
    assert!(missed.is_empty(), "missed: {missed:#?}");
    assert!(needless.len() <= NEEDLESS_AT_MOST, "needless: {needless:#?}");
}
