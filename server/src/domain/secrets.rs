//! Finds secrets in what is about to be stored, so that none is.
//!
//! What is looked for are the published shapes of credentials, and values that look drawn
//! at random behind a name that says what they are (`refresh_token`). Nothing else is
//! guessed at: a refusal of honest content would be learnt to be worked around.

mod path;
mod rules;

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::error::Error;
use rules::{RULES, Rule};

/// The most bytes of memory that all shapes together may take, ready to be looked for.
const MOST_COMPILED_BYTES: usize = 64 << 20;

/// Bytes, not text: states may be in any form.
const IS_UNICODE: bool = false;

struct Shapes {
    /// Tells in one pass which shapes there are; nearly always none.
    any: RegexSet,
    each: Vec<(&'static Rule, Regex)>,
}

#[expect(clippy::expect_used, reason = "the shapes are constants, and a test reads them all")]
static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let any = RegexSetBuilder::new(RULES.iter().map(|rule| rule.pattern))
        .unicode(IS_UNICODE)
        .size_limit(MOST_COMPILED_BYTES)
        .dfa_size_limit(MOST_COMPILED_BYTES)
        .build()
        .expect("invariant: every shape is a regular expression");
    let each = RULES.iter().map(|rule| {
        let built = RegexBuilder::new(rule.pattern).unicode(IS_UNICODE).build();
        (rule, built.expect("invariant: every shape is a regular expression"))
    });
    Shapes { any, each: each.collect() }
});

/// A secret in some bytes: what it is and where, never what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    kind: &'static str,
    offset: usize,
}

/// The first shape of the list that the bytes hold.
fn find(bytes: &[u8]) -> Option<Found> {
    let shapes = &*SHAPES;
    shapes.any.matches(bytes).into_iter().find_map(|number| {
        let (rule, pattern) = shapes.each.get(number)?;
        let offset = pattern.captures_iter(bytes).find_map(|found| rule.place(&found))?;
        Some(Found { kind: rule.kind, offset })
    })
}

/// Refuses bytes that hold a secret; names the place and the kind, never the secret. In
/// JSON the place is a path, elsewhere a byte.
pub fn refuse_secrets(place: &str, bytes: &[u8]) -> Result<(), Error> {
    let Some(Found { kind, offset }) = find(bytes) else { return Ok(()) };
    // A name of the path may hold another one.
    let path = path::at(bytes, offset).filter(|path| find(path.as_bytes()).is_none());
    let place = match path {
        Some(path) => format!("{place}{path}"),
        None => format!("{place} at byte {offset}"),
    };
    Err(Error::SecretFound { place, pattern: kind })
}

#[cfg(test)]
mod tests;
