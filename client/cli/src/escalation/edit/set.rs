//! `--set path=value`: replaces one value in a JSON text and nothing else.
//!
//! What was text stays text, and a member that is not there is not added, unless a
//! `+` in front of the path says so: a misspelt name must not pass.

use crate::exit::Failure;
use crate::output::escape::inline;
use crate::output::node::Node;

/// Replaces the value at the path of `path=value`; `+path=value` adds a member.
pub(super) fn set(json: &[u8], assignment: &str) -> Result<Vec<u8>, Failure> {
    let (path, value) = assignment
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("want PATH=VALUE, not {}", inline(assignment))))?;
    let text = std::str::from_utf8(json)
        .map_err(|_| Failure::usage("the arguments are not text; use --arguments"))?;
    let (path, may_add) = match path.strip_prefix('+') {
        Some(path) => (path, true),
        None => (path, false),
    };
    let keys: Vec<_> = path.split('.').collect();
    let mut reader = Reader { text, at: 0, may_add };
    let edited = reader.replace(&keys, value).ok_or_else(|| {
        let what = format!("the arguments have no {}", inline(path));
        Failure::usage(what).next(format!("To add it: --set +{}", inline(assignment)))
    })?;
    Ok(edited.into_bytes())
}

/// JSON stays JSON and everything else is text; in the place of a text everything
/// is text.
fn value_text(value: &str, former: Option<&str>) -> String {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
    let was_text = former.is_some_and(|former| former.starts_with('"'));
    let stays = is_json && (!was_text || value.trim_start().starts_with('"'));
    if stays { value.to_owned() } else { Node::text(value).to_line() }
}

/// Walks over JSON that was checked before.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    may_add: bool,
}

// === impl Reader ===

impl Reader<'_> {
    fn replace(&mut self, keys: &[&str], value: &str) -> Option<String> {
        let (key, deeper) = keys.split_first()?;
        self.skip_space();
        match self.peek()? {
            '{' => self.replace_member(key, deeper, value),
            '[' => self.replace_item(key.parse().ok()?, deeper, value),
            _ => None,
        }
    }

    fn replace_member(&mut self, key: &str, deeper: &[&str], value: &str) -> Option<String> {
        self.at += 1;
        let mut is_empty = true;
        loop {
            self.skip_space();
            if self.peek()? == '}' {
                break;
            }
            is_empty = false;
            let start = self.at;
            self.skip_value()?;
            let name: String = serde_json::from_str(self.text.get(start..self.at)?).ok()?;
            self.skip_space();
            self.at += 1;
            if name == key {
                return self.replace_here(deeper, value);
            }
            self.skip_value()?;
            self.skip_space();
            if self.peek()? == ',' {
                self.at += 1;
            }
        }
        if !deeper.is_empty() || !self.may_add {
            return None;
        }
        let value = value_text(value, None);
        let (before, after) = self.text.split_at_checked(self.at)?;
        let comma = if is_empty { "" } else { "," };
        let before = before.trim_end();
        Some(format!("{before}{comma}{}:{value}{after}", Node::text(key).to_line()))
    }

    fn replace_item(&mut self, wanted: usize, deeper: &[&str], value: &str) -> Option<String> {
        self.at += 1;
        for _ in 0..wanted {
            self.skip_value()?;
            self.skip_space();
            if self.peek()? != ',' {
                return None;
            }
            self.at += 1;
        }
        self.skip_space();
        if self.peek()? == ']' { None } else { self.replace_here(deeper, value) }
    }

    fn replace_here(&mut self, deeper: &[&str], value: &str) -> Option<String> {
        self.skip_space();
        if !deeper.is_empty() {
            return self.replace(deeper, value);
        }
        let start = self.at;
        self.skip_value()?;
        let value = value_text(value, self.text.get(start..self.at));
        Some(format!("{}{value}{}", self.text.get(..start)?, self.text.get(self.at..)?))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|letter| letter.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Skips one value with everything in it.
    fn skip_value(&mut self) -> Option<()> {
        self.skip_space();
        let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
        loop {
            let letter = self.peek();
            if in_text {
                let letter = letter?;
                in_text = letter != '"' || is_escaped;
                is_escaped = letter == '\\' && !is_escaped;
                self.at += letter.len_utf8();
                if !in_text && depth == 0 {
                    return Some(());
                }
                continue;
            }
            match letter {
                Some('"') => in_text = true,
                Some('{' | '[') => depth += 1,
                Some('}' | ']') if depth > 1 => depth -= 1,
                Some('}' | ']') if depth == 1 => {
                    self.at += 1;
                    return Some(());
                }
                // The end of a bare number or word.
                Some('}' | ']' | ',') | None if depth == 0 => return Some(()),
                Some(c) if depth == 0 && c.is_ascii_whitespace() => return Some(()),
                None => return None,
                Some(_) => {}
            }
            self.at += letter.map_or(0, char::len_utf8);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(json: &str, assignment: &str) -> Option<String> {
        set(json.as_bytes(), assignment).ok().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn one_value_changes_and_nothing_else() {
        let json = r#"{ "a": 1.0, "b": {"c": [1, {"d\"}": "x,]"}, 3]}, "e": true }"#;
        let cases = [
            ("a=3900.00", r#"{ "a": 3900.00, "b": {"c": [1, {"d\"}": "x,]"}, 3]}, "e": true }"#),
            ("e=false", r#"{ "a": 1.0, "b": {"c": [1, {"d\"}": "x,]"}, 3]}, "e": false }"#),
            ("b.c.2=9", r#"{ "a": 1.0, "b": {"c": [1, {"d\"}": "x,]"}, 9]}, "e": true }"#),
            ("b.c.1.d\"}=é", r#"{ "a": 1.0, "b": {"c": [1, {"d\"}": "é"}, 3]}, "e": true }"#),
            ("b=to her", r#"{ "a": 1.0, "b": "to her", "e": true }"#),
            ("+b.x=1", r#"{ "a": 1.0, "b": {"c": [1, {"d\"}": "x,]"}, 3],"x":1}, "e": true }"#),
        ];
        for (assignment, want) in cases {
            assert_eq!(edited(json, assignment).as_deref(), Some(want), "{assignment}");
        }
        assert_eq!(edited("{}", "+a=1").as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(edited("{ }", "+a=[1,2]").as_deref(), Some(r#"{"a":[1,2]}"#));
    }

    #[test]
    fn text_stays_text() {
        let cases = [("a=0", r#"{"a":"0"}"#), ("a=true", r#"{"a":"true"}"#)];
        for (assignment, want) in cases {
            assert_eq!(edited(r#"{"a":"3"}"#, assignment).as_deref(), Some(want));
        }
        assert_eq!(edited(r#"{"a":"3"}"#, r#"a="x\ny""#).as_deref(), Some(r#"{"a":"x\ny"}"#));
        assert_eq!(edited(r#"{"a":3}"#, "a=4.50").as_deref(), Some(r#"{"a":4.50}"#));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for assignment in ["b=1", "+c.0=1", "a.b=1", "c.0=1", "c.x=1", "x.y=1", "no value", "c.7=1"]
        {
            assert_eq!(edited(r#"{"a":1,"c":[]}"#, assignment), None, "{assignment}");
        }
    }

    proptest! {
        #[test]
        fn the_result_is_json_with_the_value(
            members in prop::collection::btree_map("[a-c\"\\\\{ ]{1,3}", any::<String>(), 1..5),
            pick: prop::sample::Index,
            value: String,
        ) {
            let key = members.keys().nth(pick.index(members.len())).unwrap().clone();
            prop_assume!(!key.contains('=') && !key.contains('.'));
            let json = serde_json::to_string_pretty(&members).unwrap();
            let literal = serde_json::to_string(&value).unwrap();
            let after = edited(&json, &format!("{key}={literal}")).unwrap();
            let mut want = members;
            want.insert(key, value);
            let read: std::collections::BTreeMap<String, String> =
                serde_json::from_str(&after).unwrap();
            prop_assert_eq!(read, want);
        }
    }
}
