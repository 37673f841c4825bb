//! The shapes of credentials, as those who issue them publish them.
//!
//! A shape begins with what its issuer chose so that it can be told from anything else,
//! or stands behind a name that says what it is. Names alone count only with a value that
//! looks drawn at random: an honest text may speak of a token.

use regex::bytes::Captures;

/// One shape.
pub(super) struct Rule {
    /// What it is, in words.
    pub(super) kind: &'static str,
    /// How it looks. The group `secret`, where there is one, is the secret; otherwise
    /// everything is.
    pub(super) pattern: &'static str,
    /// Whether what looks like it is one.
    pub(super) holds: fn(&[u8]) -> bool,
}

impl Rule {
    /// Where a match has its secret, if it holds one.
    pub(super) fn place(&self, found: &Captures<'_>) -> Option<usize> {
        let secret = found.name("secret").or_else(|| found.get(0))?;
        (self.holds)(secret.as_bytes()).then(|| secret.start())
    }
}

const fn always(_: &[u8]) -> bool {
    true
}

const fn rule(kind: &'static str, pattern: &'static str) -> Rule {
    Rule { kind, pattern, holds: always }
}

const fn drawn(kind: &'static str, pattern: &'static str) -> Rule {
    Rule { kind, pattern, holds: is_drawn }
}

/// Bits per byte from which on a value looks drawn at random: English words and names of
/// fields have about 3, drawn letters and digits of this length 4 and more.
const DRAWN_BITS: f64 = 3.3;

/// Whether a value looks drawn at random: letters and digits, and hardly the same twice.
fn is_drawn(value: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && entropy(value) >= DRAWN_BITS
}

/// The Shannon entropy of a value's bytes, in bits per byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = value.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    shares.map(|share| -share * share.log2()).sum()
}

/// Whether the password in an address is one, and not what stands for it.
fn is_password(value: &[u8]) -> bool {
    let stands_for = [&b"password"[..], b"passwd", b"pass", b"pwd", b"secret", b"token"];
    let is_masked = value.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.'));
    let is_named = matches!(value.first(), Some(b'$' | b'<' | b'{' | b'%'));
    !is_masked && !is_named && !stands_for.iter().any(|it| value.eq_ignore_ascii_case(it))
}

/// Every shape that is looked for.
pub(super) const RULES: &[Rule] = &[
    rule("private key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY( BLOCK)?-----"),
    rule("private key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    rule("AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    drawn(
        "AWS secret key",
        r#"(?i)aws.{0,24}(?:secret|key)[^A-Za-z0-9/+]{1,6}(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
    ),
    rule("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    rule("GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{40,255}\b"),
    rule("GitLab token", r"\bgl(?:pat|dt|rt|ptt|ft|soat|cbt)-[A-Za-z0-9_-]{20,}"),
    rule("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{16,}"),
    rule("Slack token", r"\bxapp-[A-Za-z0-9-]{20,}"),
    rule("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/+]{40,}"),
    rule("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    rule("Google client secret", r"\bGOCSPX-[A-Za-z0-9_-]{24,}"),
    rule("Google access token", r"\bya29\.[A-Za-z0-9_-]{20,}"),
    drawn("Google refresh token", r"\b1//0[A-Za-z0-9_-]{30,}"),
    drawn("Azure client secret", r"[A-Za-z0-9_~.-]\dQ~[A-Za-z0-9_~.-]{31,34}"),
    rule("Azure storage key", r"(?i)\b(?:account|shared\s?access)key\s*=\s*[A-Za-z0-9/+]{40,88}="),
    rule("Azure shared access signature", r"[?&]sig=[A-Za-z0-9%/+]{40,}"),
    rule(
        "HubSpot token",
        r"\bpat-(?:na|eu|ap)\d-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b",
    ),
    rule("Salesforce access token", r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{40,}"),
    rule("Salesforce refresh token", r"\b5Aep861[A-Za-z0-9._]{40,}"),
    rule("Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{20,}"),
    rule("webhook secret", r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    drawn("Twilio key", r"\bSK[0-9a-f]{32}\b"),
    rule("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    drawn("Mailgun key", r"\bkey-[0-9a-f]{32}\b"),
    drawn("Mailchimp key", r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    rule("model provider key", r"\bsk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{24,}"),
    rule("model provider key", r"\bsk-[A-Za-z0-9]{16,32}T3BlbkFJ[A-Za-z0-9]{16,32}\b"),
    rule("Hugging Face token", r"\b(?:hf|api_org)_[A-Za-z0-9]{32,}"),
    rule("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    rule("PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{40,}"),
    rule("RubyGems key", r"\brubygems_[0-9a-f]{48}\b"),
    rule("Docker token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{24,}"),
    rule("Databricks token", r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),
    rule("DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    rule("Shopify token", r"\bshp(?:at|ca|pa|ss|tka)_[0-9A-Fa-f]{32}\b"),
    rule("Square token", r"\b(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{56,})"),
    rule("Telegram token", r"\b\d{8,10}:AA[A-Za-z0-9_-]{32,34}\b"),
    drawn(
        "Discord token",
        r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}\b",
    ),
    rule("Vault token", r"\bhv[bsr]\.[A-Za-z0-9_-]{24,}"),
    rule("Terraform token", r"[A-Za-z0-9]\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    rule("Doppler token", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}"),
    rule("Linear key", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    rule("Notion token", r"\b(?:secret|ntn)_[A-Za-z0-9]{43,50}\b"),
    rule("Postman key", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b"),
    rule("Atlassian token", r"\bAT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{32,}"),
    rule("New Relic key", r"\bNRAK-[A-Z0-9]{27}\b"),
    rule("Grafana token", r"\bgl(?:sa|c)_[A-Za-z0-9_+/=]{32,}"),
    rule("Sentry token", r"\bsntry[su]_[A-Za-z0-9_+/=]{40,}"),
    rule("PlanetScale token", r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    rule("Heroku key", r"\bHRKU-[A-Za-z0-9_-]{36,}"),
    rule("Airtable token", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    rule("Dropbox token", r"\bsl\.[A-Za-z0-9_-]{60,}"),
    rule(
        "Plaid token",
        r"\b(?:access|public)-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    ),
    rule("JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{8,}"),
    rule("bearer token", r"(?i)\bbearer\s+(?P<secret>[A-Za-z0-9._~+/=-]{24,})"),
    drawn(
        "basic credentials",
        r"(?i)\bauthorization\W{1,6}basic\s+(?P<secret>[A-Za-z0-9+/]{12,}={0,2})",
    ),
    Rule {
        kind: "password in an address",
        pattern: r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@?#\x22']{1,64}:(?P<secret>[^\s:/@\x22']{4,256})@[A-Za-z0-9]",
        holds: is_password,
    },
    rule("Pointsman token", r"\bpmt_[A-Za-z0-9_-]{40,}"),
    drawn("value of a key that names a secret", NAMED),
    drawn("value of a key that names a secret", PACKED),
];

/// A name that says what it is, and its value, in JSON, YAML, an INI file or a program.
const NAMED: &str = concat!(
    r#"(?i)(?:^|[^A-Za-z0-9])(?:"#,
    r#"(?:access|refresh|id|auth|session|bearer|api|csrf|x-api)[_-]?(?:token|key)"#,
    r#"|(?:client|api|app|consumer|shared|signing|webhook|jwt)[_-]?secret(?:[_-]?key)?"#,
    r#"|(?:secret|private|encryption|master|signing|account|subscription)[_-]?(?:access[_-]?)?key"#,
    r#"|pass(?:word|wd|phrase)|pwd|credentials?)"#,
    r#"\\{0,3}["']?\s{0,4}(?::|=|=>)\s{0,4}\\{0,3}["']?"#,
    r#"(?P<secret>[A-Za-z0-9._~+/=@!$%^&*-]{16,512})"#
);

/// The same in a binary form, MessagePack, CBOR or a pickle: between name and value stands
/// how long the value is.
const PACKED: &str = concat!(
    r"(?is)(?:access_token|refresh_token|id_token|auth_token|api_key|client_secret|secret_key|private_key)",
    r"\x94?(?:[\xa0-\xbf]|[\xd9\x78\x8c].|[\xda\x79]..|[\xdb\x58\x7a].{4})",
    r"(?P<secret>[A-Za-z0-9._~+/=-]{16,512})"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_at_random_differs_from_words() {
        for value in ["Zk3v9Qx7LmT2bW8s", "9f8e7d6c5b4a39281706f5e4", "pk7-Qw9zX2.vB4nM"] {
            assert!(is_drawn(value.as_bytes()), "{value}");
        }
        for value in ["aaaaaaaaaaaaaaa1", "transaction_history", "1111222233334444", "new_password"]
        {
            assert!(!is_drawn(value.as_bytes()), "{value}");
        }
    }
}
