//! Links from a briefing to the system that a tool acts on.

use std::fmt::Write as _;

/// Where the target stands in a link.
const TARGET: &str = "{target}";
/// The longest link, and the longest target of one.
const MAX_LINK_BYTES: usize = 512;

/// A link with a place for the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTemplate(String);

impl LinkTemplate {
    /// Checks a template: `https`, a host without anything to fill in, and `{target}`
    /// behind it.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        let wanted = "want `https://`, a host, a path, and `{target}` in it";
        let (fixed, _) = source.split_once(TARGET).ok_or(wanted)?;
        let (host, _) =
            fixed.strip_prefix("https://").and_then(|it| it.split_once('/')).ok_or(wanted)?;
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(format!("`{host}` is no host: {wanted}"));
        }
        let rest = source.replace(TARGET, "");
        if rest.contains(['{', '}']) || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("signs beside {TARGET} must be ASCII, without spaces and braces"));
        }
        if source.len() > MAX_LINK_BYTES {
            return Err(format!("{} bytes, more than {MAX_LINK_BYTES}", source.len()));
        }
        Ok(Self(source.to_owned()))
    }

    /// The same, of a template that need not have the target in it.
    pub(super) fn compile_open(source: &str) -> Result<Self, String> {
        if source.contains(TARGET) {
            return Self::compile(source);
        }
        let checked = format!("{}{TARGET}", source.trim_end_matches('/').to_owned() + "/");
        Self::compile(&checked).map(|_| Self(source.to_owned()))
    }

    /// The link to a target; none for a target that could lead elsewhere.
    pub fn to(&self, target: &str) -> Option<String> {
        let is_step = target.bytes().all(|byte| byte == b'.');
        if is_step || target.len() > MAX_LINK_BYTES {
            return None;
        }
        let mut encoded = String::with_capacity(target.len());
        for byte in target.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        Some(self.0.replace(TARGET, &encoded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stays_where_the_template_puts_it() {
        let link = LinkTemplate::compile("https://crm.example/customers/{target}?tab=1").unwrap();
        for (target, expected) in [
            ("C-9", Some("https://crm.example/customers/C-9?tab=1")),
            ("../x?y#z", Some("https://crm.example/customers/..%2Fx%3Fy%23z?tab=1")),
            ("a\nb é", Some("https://crm.example/customers/a%0Ab%20%C3%A9?tab=1")),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(link.to(target).as_deref(), expected, "{target}");
        }
    }

    #[test]
    fn an_open_template_may_lead_to_one_place() {
        let link = LinkTemplate::compile_open("https://wiki.example/refunds").unwrap();
        assert_eq!(link.to("C-9").as_deref(), Some("https://wiki.example/refunds"));
        for template in ["http://wiki.example/x", "https://", "https://a b/", "javascript:x"] {
            assert!(LinkTemplate::compile_open(template).is_err(), "{template}");
        }
    }

    #[test]
    fn templates_that_could_lead_elsewhere_are_refused() {
        for template in [
            "http://crm.example/{target}",
            "https://{target}/x",
            "https://crm.example",
            "https://crm.example/x",
            "https://user@crm.example/{target}",
            "https:///{target}",
            "https://crm.example/{args.id}/{target}",
            "https://crm.example/a b/{target}",
            "javascript:alert({target})",
        ] {
            assert!(LinkTemplate::compile(template).is_err(), "{template}");
        }
    }
}
