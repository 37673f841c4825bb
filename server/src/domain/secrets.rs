//! Finds secrets in what is about to be stored, so that none is.
//!
//! Patterns have a literal beginning, so that one pass over the bytes finds the
//! few places worth a closer look. They are the published shapes of common
//! credentials; a high-entropy guess would refuse honest content.

use std::sync::LazyLock;

use super::error::Error;

/// A shape of credential: what it begins with and what must follow.
struct Pattern {
    name: &'static str,
    prefix: &'static [u8],
    min_tail: usize,
    tail: fn(u8) -> bool,
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

const fn base64url(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

const fn token68(byte: u8) -> bool {
    base64url(byte) || matches!(byte, b'~' | b'+' | b'/' | b'=')
}

const fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn anything(_: u8) -> bool {
    true
}

const PATTERNS: &[Pattern] = &[
    Pattern { name: "private key", prefix: b"-----BEGIN ", min_tail: 8, tail: anything },
    Pattern { name: "AWS access key", prefix: b"AKIA", min_tail: 16, tail: upper },
    Pattern { name: "AWS temporary key", prefix: b"ASIA", min_tail: 16, tail: upper },
    Pattern { name: "GitHub token", prefix: b"ghp_", min_tail: 36, tail: word },
    Pattern { name: "GitHub token", prefix: b"gho_", min_tail: 36, tail: word },
    Pattern { name: "GitHub token", prefix: b"ghs_", min_tail: 36, tail: word },
    Pattern { name: "GitHub token", prefix: b"github_pat_", min_tail: 40, tail: word },
    Pattern { name: "GitLab token", prefix: b"glpat-", min_tail: 20, tail: word },
    Pattern { name: "Slack token", prefix: b"xoxb-", min_tail: 20, tail: word },
    Pattern { name: "Slack token", prefix: b"xoxp-", min_tail: 20, tail: word },
    Pattern { name: "Slack token", prefix: b"xapp-", min_tail: 20, tail: word },
    Pattern { name: "Google API key", prefix: b"AIza", min_tail: 35, tail: word },
    Pattern { name: "Stripe key", prefix: b"sk_live_", min_tail: 20, tail: word },
    Pattern { name: "Stripe key", prefix: b"rk_live_", min_tail: 20, tail: word },
    Pattern { name: "model provider key", prefix: b"sk-ant-", min_tail: 24, tail: word },
    Pattern { name: "model provider key", prefix: b"sk-proj-", min_tail: 24, tail: word },
    Pattern { name: "npm token", prefix: b"npm_", min_tail: 36, tail: word },
    Pattern { name: "JSON web token", prefix: b"eyJ", min_tail: 40, tail: base64url },
    Pattern { name: "bearer token", prefix: b"Bearer ", min_tail: 24, tail: token68 },
    Pattern { name: "bearer token", prefix: b"bearer ", min_tail: 24, tail: token68 },
    Pattern { name: "Pointsman token", prefix: b"pmt_", min_tail: 40, tail: word },
];

impl Pattern {
    fn matches_at(&self, rest: &[u8]) -> bool {
        let Some(tail) = rest.strip_prefix(self.prefix) else {
            return false;
        };
        let run = tail.iter().take_while(|byte| (self.tail)(**byte)).count();
        let is_long_enough = run >= self.min_tail;
        // Three parts, or any word that begins with eyJ would count.
        let is_jwt = self.prefix != b"eyJ"
            || tail.get(..run).is_some_and(|t| t.iter().filter(|b| **b == b'.').count() >= 2);
        let is_private_key = self.prefix != b"-----BEGIN "
            || tail.get(..40.min(tail.len())).is_some_and(|t| contains(t, b"PRIVATE KEY"));
        is_long_enough && is_jwt && is_private_key
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// First bytes of all patterns: the one test most bytes fail.
static STARTS: LazyLock<[bool; 256]> = LazyLock::new(|| {
    let mut starts = [false; 256];
    for first in PATTERNS.iter().filter_map(|pattern| pattern.prefix.first()) {
        if let Some(start) = starts.get_mut(usize::from(*first)) {
            *start = true;
        }
    }
    starts
});

/// Refuses bytes that hold a secret; names the place and the kind, never the
/// secret.
pub fn refuse_secrets(place: &str, bytes: &[u8]) -> Result<(), Error> {
    let starts = &*STARTS;
    let mut previous = b' ';
    for (offset, byte) in bytes.iter().copied().enumerate() {
        let is_candidate = starts.get(usize::from(byte)).copied().unwrap_or(false);
        // Inside a word nothing begins: base64 bodies are full of such letters.
        if is_candidate && !word(previous) {
            let rest = bytes.get(offset..).unwrap_or_default();
            if let Some(pattern) = PATTERNS.iter().find(|pattern| pattern.matches_at(rest)) {
                return Err(Error::SecretFound {
                    place: format!("{place} at byte {offset}"),
                    pattern: pattern.name,
                });
            }
        }
        previous = byte;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_credentials_are_found_and_not_repeated() {
        let secrets = [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_0123456789abcdefghijABCDEFGHIJ012345",
            "xoxb-123456789012-abcdefghijkl",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        ];
        for secret in secrets {
            let text = format!(r#"{{"note":"see {secret} "}}"#);
            let error = refuse_secrets("arguments", text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("`arguments at byte "), "{error}");
            assert!(!error.contains(secret), "{error}");
        }
    }

    #[test]
    fn honest_content_passes() {
        let honest = [
            "the bearer of this letter may pass the northern gate",
            "-----BEGIN CERTIFICATE-----\nMIIB",
            "eyJust a name",
            "AKIA is a city; sk-8 is a plane; order sk_live_music",
            "vault:claims/api",
        ];
        for text in honest {
            assert_eq!(refuse_secrets("arguments", text.as_bytes()), Ok(()), "{text}");
        }
    }
}
