//! Shows what an edit changes, line by line.

use owo_colors::OwoColorize as _;
use similar::{ChangeTag, TextDiff};

use super::escape::inline;
use super::node::{Node, indent_json};
use super::reflect::{ShownBytes, shown_bytes};

/// How many lines around a change are shown.
const AROUND: usize = 3;

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
        push(&mut out, change.tag(), change.value(), has_color);
    }
    out
}

/// What differs between two texts, with a few lines around it; empty: nothing.
pub(crate) fn text_diff(before: &str, after: &str, has_color: bool) -> String {
    let mut out = String::new();
    let diff = TextDiff::from_lines(before, after);
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        out.push_str(&hunk.header().to_string());
        out.push('\n');
        for change in hunk.iter_changes() {
            push(&mut out, change.tag(), change.value(), has_color);
        }
    }
    out
}

fn push(out: &mut String, tag: ChangeTag, line: &str, has_color: bool) {
    let line = inline(line.trim_end_matches('\n'));
    let line = match tag {
        ChangeTag::Equal => format!("  {line}"),
        ChangeTag::Delete if has_color => format!("- {line}").red().to_string(),
        ChangeTag::Insert if has_color => format!("+ {line}").green().to_string(),
        ChangeTag::Delete => format!("- {line}"),
        ChangeTag::Insert => format!("+ {line}"),
    };
    out.push_str(&line);
    out.push('\n');
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

    #[test]
    fn of_two_texts_only_what_differs_is_shown() {
        let lines = |changed: &str| {
            (0..20)
                .map(|at| if at == 9 { format!("{changed}\n") } else { format!("{at}\n") })
                .collect::<String>()
        };
        let want = "@@ -7,7 +7,7 @@\n  6\n  7\n  8\n- old\n+ new\n  10\n  11\n  12\n";
        assert_eq!(text_diff(&lines("old"), &lines("new"), false), want);
        assert_eq!(text_diff(&lines("old"), &lines("old"), false), "");
    }
}
