//! What differs between two JSON values, field by field, or between two byte strings.
//!
//! Lists are compared from both ends: what was put in or taken out in one place is one
//! change each, and the rest is compared in pairs. The cost is linear in the values.

use serde_json::Value;

/// The most changes that are told.
pub const MAX_CHANGES: usize = 1_000;
/// How many bytes of a value are told.
pub const MAX_VALUE_BYTES: usize = 512;

/// What happened to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is there by now.
    Added,
    /// It is gone.
    Removed,
    /// It holds something else.
    Changed,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Where: a JSON Pointer.
    pub path: String,
    /// What happened.
    pub kind: ChangeKind,
    /// What it held, as JSON that may be cut; empty: nothing.
    pub before: String,
    /// What it holds.
    pub after: String,
}

/// Changes, as many as are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that are told, in the order of the values.
    pub list: Vec<StateChange>,
    /// Whether there are more.
    pub is_truncated: bool,
}

/// Where byte strings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteChange {
    /// How many bytes at the beginning are the same.
    pub same_before: u64,
    /// How many at the end.
    pub same_after: u64,
    /// How many there were between them.
    pub bytes_before: u64,
    /// How many there are.
    pub bytes_after: u64,
}

impl ByteChange {
    /// Compares two byte strings; none: they are the same.
    pub fn between(before: &[u8], after: &[u8]) -> Option<Self> {
        if before == after {
            return None;
        }
        let (start, end) = common_ends(before, after);
        Some(Self {
            same_before: start as u64,
            same_after: end as u64,
            bytes_before: (before.len() - start - end) as u64,
            bytes_after: (after.len() - start - end) as u64,
        })
    }
}

/// How much two lists have in common at the beginning, and then at the end.
fn common_ends<T: PartialEq>(before: &[T], after: &[T]) -> (usize, usize) {
    let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let rest = before.iter().skip(start).rev().zip(after.iter().skip(start).rev());
    (start, rest.take_while(|(a, b)| a == b).count())
}

impl Changes {
    /// Adds what differs between two values that stand at `path`.
    pub fn compare(&mut self, path: &str, before: &Value, after: &Value) {
        if before == after || self.is_truncated {
            return;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (name, value) in before {
                    let path = format!("{path}/{}", escaped(name));
                    match after.get(name) {
                        Some(now) => self.compare(&path, value, now),
                        None => self.tell(path, Some(value), None),
                    }
                }
                for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                    self.tell(format!("{path}/{}", escaped(name)), None, Some(value));
                }
            }
            (Value::Array(before), Value::Array(after)) => self.lists(path, before, after),
            _ => self.tell(path.to_owned(), Some(before), Some(after)),
        }
    }

    fn lists(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let (start, end) = common_ends(before, after);
        let old = before.get(start..before.len() - end).unwrap_or_default();
        let new = after.get(start..after.len() - end).unwrap_or_default();
        let both = old.len().min(new.len());
        for (place, (was, is)) in old.iter().zip(new).enumerate() {
            self.compare(&format!("{path}/{}", start + place), was, is);
        }
        for (place, value) in old.iter().enumerate().skip(both) {
            self.tell(format!("{path}/{}", start + place), Some(value), None);
        }
        for (place, value) in new.iter().enumerate().skip(both) {
            self.tell(format!("{path}/{}", start + place), None, Some(value));
        }
    }

    fn tell(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        if self.list.len() == MAX_CHANGES {
            self.is_truncated = true;
            return;
        }
        let kind = match (before, after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let (before, after) = (before.map(shown), after.map(shown));
        self.list.push(StateChange {
            path,
            kind,
            before: before.unwrap_or_default(),
            after: after.unwrap_or_default(),
        });
    }

    /// Leaves out what the places hold.
    pub fn hide_values(&mut self) {
        for change in &mut self.list {
            change.before.clear();
            change.after.clear();
        }
    }
}

/// A name as a JSON Pointer spells it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > MAX_VALUE_BYTES {
        let end = (0..=MAX_VALUE_BYTES).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
