//! Which arguments say who or where, and which addresses free text holds.

use serde_json::{Map, Value};

use super::Lexicon;
use super::request::is_one_of;
use super::tool::words_of;

/// The most identifiers of one call; a call with more has only these looked at.
pub const MAX_IDENTIFIERS: usize = 256;
/// The most addresses taken from one text.
pub const MAX_ADDRESSES: usize = 64;
/// How deep arguments are looked into.
const MAX_DEPTH: usize = 8;
/// A longer value is text, whatever it looks like.
const LONGEST_ADDRESS: usize = 512;

/// What an argument is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It says who or where.
    Identifier,
    /// Words for people to read.
    Text,
    /// How much money.
    Amount,
    /// How many, or when.
    Plain,
}

impl Lexicon {
    /// The paths of the arguments that say who or where, with dots between names;
    /// at most [`MAX_IDENTIFIERS`].
    pub fn identifier_paths(&self, arguments: &Map<String, Value>) -> Vec<String> {
        self.paths(arguments, Kind::Identifier)
    }

    /// The paths of the arguments that are words for people to read.
    pub fn text_paths(&self, arguments: &Map<String, Value>) -> Vec<String> {
        self.paths(arguments, Kind::Text)
    }

    /// The paths of the arguments that say how much money.
    pub fn amount_paths(&self, arguments: &Map<String, Value>) -> Vec<String> {
        self.paths(arguments, Kind::Amount)
    }

    /// Whether the name of an argument says that it holds the id of a record, and
    /// not who or where.
    pub fn is_record_id(&self, path: &str) -> bool {
        let words = words_of(path.rsplit('.').next().unwrap_or(path));
        words.last().is_some_and(|word| matches!(word.as_str(), "id" | "ids" | "uuid"))
    }

    fn paths(&self, arguments: &Map<String, Value>, wanted: Kind) -> Vec<String> {
        let mut found = Vec::new();
        self.walk(arguments, "", 0, &mut |path, kind| {
            if kind == wanted && found.len() < MAX_IDENTIFIERS {
                found.push(path.to_owned());
            }
        });
        found
    }

    fn walk(
        &self,
        arguments: &Map<String, Value>,
        prefix: &str,
        depth: usize,
        see: &mut dyn FnMut(&str, Kind),
    ) {
        for (name, value) in arguments {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Object(inner) if depth < MAX_DEPTH => {
                    self.walk(inner, &path, depth + 1, see);
                }
                _ => see(&path, self.kind_of(name, value)),
            }
        }
    }

    fn kind_of(&self, name: &str, value: &Value) -> Kind {
        let words = words_of(name);
        let known = &self.entries.arguments;
        let last = words.last().map_or("", String::as_str);
        if is_one_of(&known.identifiers, last) {
            let is_count = value.is_number() && is_one_of(&known.counted, last);
            return if is_count { Kind::Plain } else { Kind::Identifier };
        }
        if words.iter().any(|word| is_one_of(&known.texts, word)) {
            return Kind::Text;
        }
        if value.is_number() && is_one_of(&known.amounts, last) {
            return Kind::Amount;
        }
        if is_one_of(&known.plain, last) {
            return Kind::Plain;
        }
        match value {
            _ if holds_address(value) => Kind::Identifier,
            Value::String(text) if text.split_whitespace().count() > 1 => Kind::Text,
            _ => Kind::Plain,
        }
    }
}

/// Whether the value, or one in it, is an address and nothing else.
fn holds_address(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= LONGEST_ADDRESS && is_address(text.trim()),
        Value::Array(values) => values.iter().take(MAX_IDENTIFIERS).any(|value| match value {
            Value::String(text) => text.len() <= LONGEST_ADDRESS && is_address(text.trim()),
            _ => false,
        }),
        _ => false,
    }
}

/// The e-mail addresses, links and bank accounts in a text; at most
/// [`MAX_ADDRESSES`].
pub fn addresses_in(text: &str) -> Vec<&str> {
    let is_border = |sign: char| sign.is_whitespace() || "\"'<>()[]{},;|`*“”‘’".contains(sign);
    text.split(is_border)
        .map(|word| word.trim_end_matches(['.', ':', '!', '?', '/']).trim_start_matches([':', '=']))
        .filter(|word| is_address(word))
        .take(MAX_ADDRESSES)
        .collect()
}

fn is_address(word: &str) -> bool {
    is_email(word) || is_link(word) || is_bank_account(word)
}

fn is_email(word: &str) -> bool {
    let Some((local, host)) = word.rsplit_once('@') else { return false };
    !local.is_empty() && !word.contains(char::is_whitespace) && is_host(host)
}

fn is_link(word: &str) -> bool {
    let is_marked = ["http://", "https://", "ftp://", "www."].iter().any(|start| {
        let head = word.get(..start.len()).filter(|_| word.len() > start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    });
    is_marked && !word.contains(char::is_whitespace)
        || word.split_once('/').is_some_and(|(host, _)| is_host(host))
            && !word.contains(char::is_whitespace)
}

/// A name of a host with a top level of letters.
fn is_host(host: &str) -> bool {
    let Some((name, top)) = host.rsplit_once('.') else { return false };
    let is_sign = |sign: char| sign.is_alphanumeric() || sign == '-' || sign == '.';
    !name.is_empty()
        && name.chars().all(is_sign)
        && top.chars().count() >= 2
        && top.chars().all(char::is_alphabetic)
}

/// Two letters, two digits, and 11 to 30 more of either, spaces left out.
fn is_bank_account(word: &str) -> bool {
    let code: Vec<char> = word.chars().filter(|sign| *sign != ' ').take(40).collect();
    let at = |index: usize, is: fn(&char) -> bool| code.get(index).is_some_and(is);
    (15..=34).contains(&code.len())
        && at(0, char::is_ascii_uppercase)
        && at(1, char::is_ascii_uppercase)
        && at(2, char::is_ascii_digit)
        && at(3, char::is_ascii_digit)
        && code.iter().all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit())
}
