//! Shows what an edit changes, line by line.

use owo_colors::OwoColorize as _;
use similar::{ChangeTag, TextDiff};

use super::escape::inline;
use super::node::{Node, indent_json};
use super::reflect::{ShownBytes, shown_bytes};

/// How arguments are laid out for reading and comparing: one value per line.
pub(crate) fn laid_out(bytes: &[u8]) -> String {
    match shown_bytes(bytes) {
        Some(ShownBytes::Json(json)) => indent_json(&Node::Raw(json.to_owned()).to_line()),
        Some(ShownBytes::Text(text)) => super::escape::block(text),
        None => format!("{} bytes that are not text: {}", bytes.len(), hex::encode(bytes)),
    }
}

/// One value per line, without the commas: one that comes and goes at the end of a
/// line is no change.
fn lines(bytes: &[u8]) -> String {
    let lines = laid_out(bytes);
    let lines: Vec<_> = lines.lines().map(|line| line.strip_suffix(',').unwrap_or(line)).collect();
    lines.join("\n") + "\n"
}

/// Every line of both, those that go with `-` and those that come with `+`.
pub(crate) fn diff(before: &[u8], after: &[u8], has_color: bool) -> String {
    let (before, after) = (lines(before), lines(after));
    let mut out = String::new();
    for change in TextDiff::from_lines(&before, &after).iter_all_changes() {
        let line = inline(change.value().trim_end_matches('\n'));
        let line = match change.tag() {
            ChangeTag::Equal => format!("  {line}"),
            ChangeTag::Delete if has_color => format!("- {line}").red().to_string(),
            ChangeTag::Insert if has_color => format!("+ {line}").green().to_string(),
            ChangeTag::Delete => format!("- {line}"),
            ChangeTag::Insert => format!("+ {line}"),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_marked() {
        let (before, after) = (br#"{"a":1.0,"b":"x"}"#, br#"{"a":1.5,"b":"x","c":[]}"#);
        let want = "  {\n-   \"a\": 1.0\n+   \"a\": 1.5\n    \"b\": \"x\"\n+   \"c\": []\n  }\n";
        assert_eq!(diff(before, after, false), want);
    }
}
