//! Checks of request fields; every refusal names the field.

use super::limits;
use crate::domain::error::Error;
use crate::domain::secrets::refuse_secrets;
use crate::domain::time::Span;

/// Refuses text over `limit` bytes.
pub(super) fn length(field: &str, bytes: &[u8], limit: usize) -> Result<(), Error> {
    if bytes.len() > limit {
        return Err(Error::field(field, format!("{} bytes, more than {limit}", bytes.len())));
    }
    Ok(())
}

/// Refuses empty content.
pub(super) fn required(field: &str, bytes: &[u8]) -> Result<(), Error> {
    if bytes.is_empty() {
        return Err(Error::field(field, "required"));
    }
    Ok(())
}

/// Words of a person, if there are any: not too long, and no secret in them.
pub(super) fn note(field: &str, text: &str) -> Result<(), Error> {
    length(field, text.as_bytes(), limits::MAX_NOTE_BYTES)?;
    refuse_secrets(field, text.as_bytes())
}

/// Words of a person that there must be.
pub(super) fn words(field: &str, text: &str) -> Result<(), Error> {
    required(field, text.trim().as_bytes())?;
    note(field, text)
}

fn name(field: &str, text: &str, limit: usize, extra: &[u8]) -> Result<(), Error> {
    required(field, text.as_bytes())?;
    length(field, text.as_bytes(), limit)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte));
    if !is_plain {
        let extra = String::from_utf8_lossy(extra);
        return Err(Error::field(field, format!("want letters, digits and `{extra}`")));
    }
    Ok(())
}

/// A tool's name.
pub(super) fn tool(field: &str, text: &str) -> Result<(), Error> {
    name(field, text, limits::MAX_TOOL_BYTES, b"_-./:")
}

/// A pattern of names in which `*` stands for any characters.
pub(super) fn pattern(field: &str, text: &str) -> Result<(), Error> {
    name(field, text, limits::MAX_TOOL_BYTES, b"_-./:*")
}

/// A name of a team, a skill, or of what else an operator names.
pub(super) fn word(field: &str, text: &str) -> Result<(), Error> {
    name(field, text, limits::MAX_LANE_BYTES, b"_.-")
}

/// A principal's name.
pub(super) fn principal(field: &str, text: &str) -> Result<(), Error> {
    name(field, text, limits::MAX_PRINCIPAL_BYTES, b"_.@:/-")?;
    if text.starts_with("system/") {
        return Err(Error::field(field, "`system/` is the server's own"));
    }
    Ok(())
}

/// A backup's name: one plain path component.
pub(super) fn file_name(field: &str, text: &str) -> Result<(), Error> {
    name(field, text, 64, b"_.-")?;
    if text.starts_with('.') {
        return Err(Error::field(field, "must not begin with a dot"));
    }
    Ok(())
}

/// A reason code.
pub(super) fn reason_code(field: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Ok(());
    }
    name(field, text, 64, b"_.-")?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Error::field(field, "want lower case"));
    }
    Ok(())
}

/// A request id: empty, or a UUID in its usual form.
pub(super) fn request_id(text: &str) -> Result<Option<&str>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() != 36 || uuid::Uuid::try_parse(text).is_err() {
        return Err(Error::field(
            "request_id",
            "want a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057",
        ));
    }
    Ok(Some(text))
}

/// A number from 0 to 1.
pub(super) fn confidence(value: Option<f64>) -> Result<(), Error> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(Error::field("confidence", "want a number from 0 to 1"))
        }
        _ => Ok(()),
    }
}

/// A span that may be absent; out of bounds it is an error, not a guess.
pub(super) fn span(
    field: &str,
    value: Option<Span>,
    default: Span,
    bounds: std::ops::RangeInclusive<Span>,
) -> Result<Span, Error> {
    let value = value.unwrap_or(default);
    if !bounds.contains(&value) {
        let seconds = |span: &Span| span.as_micros() / 1_000_000;
        let (least, most) = (seconds(bounds.start()), seconds(bounds.end()));
        return Err(Error::field(field, format!("want {least} to {most} seconds")));
    }
    Ok(value)
}

/// A page size: 0 means the default, too large means the most.
pub(super) fn page_size(value: i32) -> Result<usize, Error> {
    match usize::try_from(value) {
        Ok(0) => Ok(limits::DEFAULT_PAGE),
        Ok(size) => Ok(size.min(limits::MAX_PAGE)),
        Err(_) => Err(Error::field("page_size", "must not be negative")),
    }
}

/// How many actions a backtest judges: 0 means the default, too large means the
/// most.
pub(super) fn backtest_size(value: i32) -> Result<usize, Error> {
    match usize::try_from(value) {
        Ok(0) => Ok(limits::DEFAULT_BACKTEST_ACTIONS),
        Ok(size) => Ok(size.min(limits::MAX_BACKTEST_ACTIONS)),
        Err(_) => Err(Error::field("max_actions", "must not be negative")),
    }
}
