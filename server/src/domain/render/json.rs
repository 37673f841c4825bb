//! Reads JSON for showing: numbers as written, texts with their escapes undone, and
//! where each value stands in the bytes.

use std::ops::Range;

use serde::de::IgnoredAny;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Its bytes.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) value: Value<'a>,
}

impl Node<'_> {
    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let Value::Fields(fields) = &self.value else { return None };
        fields.iter().find(|(known, _)| known == name).map(|(_, field)| field)
    }
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// `true`, `false` or `null`.
    Literal(&'a str),
    /// A number as written.
    Number(&'a str),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node<'a>>),
    /// An object: its fields in the order of the bytes.
    Fields(Vec<(String, Node<'a>)>),
}

/// Reads a value; none: the bytes are no JSON.
pub(super) fn read(bytes: &[u8]) -> Option<Node<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Checks the grammar and the depth; what follows relies on both.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Reader { text, at: 0 }.node()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes a sign if it is next.
    fn takes(&mut self, sign: u8) -> bool {
        self.skip_space();
        let is_next = self.peek() == Some(sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn node(&mut self) -> Option<Node<'a>> {
        self.skip_space();
        let start = self.at;
        let value = match self.peek()? {
            b'"' => Value::Text(self.string()?),
            b'[' => Value::List(self.list()?),
            b'{' => Value::Fields(self.fields()?),
            b't' | b'f' | b'n' => Value::Literal(self.word()?),
            _ => Value::Number(self.word()?),
        };
        Some(Node { span: start..self.at, value })
    }

    fn list(&mut self) -> Option<Vec<Node<'a>>> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.takes(b']') {
            items.push(self.node()?);
            self.takes(b',');
        }
        Some(items)
    }

    fn fields(&mut self) -> Option<Vec<(String, Node<'a>)>> {
        self.at += 1;
        let mut fields = Vec::new();
        while !self.takes(b'}') {
            let name = self.string()?;
            self.takes(b':');
            fields.push((name, self.node()?));
            self.takes(b',');
        }
        Some(fields)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let mut is_escaped = false;
        loop {
            self.at += 1;
            match self.peek()? {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => break,
                _ => {}
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn word(&mut self) -> Option<&'a str> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            self.at += 1;
        }
        self.text.get(start..self.at).filter(|word| !word.is_empty())
    }
}
