//! Templates of what a person reads first.

use serde_json::Value;

use super::Facts;
use super::catalogue::find;

/// The most words a headline has; more are cut and marked.
const HEADLINE_WORDS: usize = 40;
/// The most characters a headline has.
const HEADLINE_CHARS: usize = 240;

/// The most characters of a headline that is to be shown within a budget of its own.
const FILLED_CHARS: usize = 2_000;

/// Fills a template with values as `written` has them: nothing but its length is changed.
pub(super) fn filled(
    template: Option<&str>,
    facts: &Facts<'_>,
    written: &dyn Fn(&str) -> Option<String>,
) -> String {
    let text = sentence(template, facts, written);
    match text.char_indices().nth(FILLED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Fills a template and cuts the result to the briefing's budget of words.
pub(super) fn headline(template: Option<&str>, facts: &Facts<'_>) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = sentence(template, facts, &|path| find(facts.arguments, path).map(plain));
    let words: Vec<_> = text.split_whitespace().collect();
    let mut short = words.iter().take(HEADLINE_WORDS).copied().collect::<Vec<_>>().join(" ");
    let is_cut = words.len() > HEADLINE_WORDS || short.chars().count() > HEADLINE_CHARS;
    if is_cut {
        short = short.chars().take(HEADLINE_CHARS).collect();
        short.push('…');
    }
    short
}

fn sentence(
    template: Option<&str>,
    facts: &Facts<'_>,
    value: &dyn Fn(&str) -> Option<String>,
) -> String {
    match template {
        Some(template) => fill(template, facts, value),
        None if facts.target.is_empty() => facts.tool.to_owned(),
        None => format!("{} on {}", facts.tool, facts.target),
    }
}

/// Fills `{tool}`, `{target}`, `{agent}` and `{args.name}`.
fn fill(template: &str, facts: &Facts<'_>, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len());
    for part in parts(template) {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Name("tool") => text.push_str(facts.tool),
            Part::Name("target") => text.push_str(facts.target),
            Part::Name("agent") => text.push_str(facts.agent),
            Part::Name(name) => {
                let value = name.strip_prefix("args.").and_then(value);
                text.push_str(value.as_deref().unwrap_or("(not given)"));
            }
        }
    }
    text
}

/// The arguments that a template shows, and what it names that does not exist.
pub(super) fn check(template: &str) -> Result<Vec<&str>, String> {
    let mut arguments = Vec::new();
    for part in parts(template) {
        match part {
            Part::Text(_) | Part::Name("tool" | "target" | "agent") => {}
            Part::Name(name) => match name.strip_prefix("args.").filter(|path| !path.is_empty()) {
                Some(path) => arguments.push(path),
                None => {
                    return Err(format!(
                        "`{{{name}}}` is unknown; there are `{{tool}}`, `{{target}}`, `{{agent}}` \
                         and `{{args.name}}`"
                    ));
                }
            },
        }
    }
    Ok(arguments)
}

enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let inside = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        if let Some((name, tail)) = inside {
            rest = tail;
            return Some(Part::Name(name));
        }
        let from = usize::from(rest.starts_with('{'));
        let end =
            rest.get(from..).and_then(|tail| tail.find('{')).map_or(rest.len(), |at| at + from);
        let (text, tail) = rest.split_at(end);
        rest = tail;
        Some(Part::Text(text))
    })
}
