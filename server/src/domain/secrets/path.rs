//! Where in a JSON document a byte stands, as a path of names and numbers.

use std::fmt::Write as _;

/// The most bytes of a name that a path shows: names are content, too.
const MOST_NAME_BYTES: usize = 64;

/// A container that is open at a place.
enum Open {
    /// The name that is current.
    Object(String),
    /// The number of the current element.
    List(usize),
}

/// The path to the value in which a byte stands, such as `.messages[3].content`; none:
/// the bytes are no JSON object or list up to there.
pub(super) fn at(bytes: &[u8], offset: usize) -> Option<String> {
    let mut open: Vec<Open> = Vec::new();
    let mut place = 0;
    let mut names_next = false;
    while let Some(byte) = bytes.get(place).copied() {
        if place >= offset {
            break;
        }
        match byte {
            b'{' => {
                open.push(Open::Object(String::new()));
                names_next = true;
            }
            b'[' => {
                open.push(Open::List(0));
                names_next = false;
            }
            b'}' | b']' => {
                open.pop()?;
                names_next = false;
            }
            b',' => match open.last_mut()? {
                Open::Object(_) => names_next = true,
                Open::List(number) => *number += 1,
            },
            b':' => names_next = false,
            b'"' => {
                let end = end_of_text(bytes, place)?;
                if names_next && end < offset {
                    let name = bytes.get(place + 1..end.min(place + 1 + MOST_NAME_BYTES))?;
                    *open.last_mut()? = Open::Object(String::from_utf8_lossy(name).into_owned());
                }
                place = end;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b'-' | b'+' | b'.' | b'0'..=b'9' => {}
            b't' | b'r' | b'u' | b'e' | b'f' | b'a' | b'l' | b's' | b'n' | b'E' => {}
            _ => return None,
        }
        place += 1;
    }
    (!open.is_empty()).then(|| shown(&open))
}

/// Where the closing quote of a text stands that begins at a place; the end of everything
/// if there is none.
fn end_of_text(bytes: &[u8], begin: usize) -> Option<usize> {
    let mut place = begin + 1;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'\\' => place += 1,
            b'"' => return Some(place),
            _ => {}
        }
        place += 1;
    }
    None
}

fn shown(open: &[Open]) -> String {
    open.iter().fold(String::new(), |mut path, it| {
        match it {
            Open::Object(name) if name.is_empty() => path.push_str(".?"),
            Open::Object(name) => {
                let _ = write!(path, ".{}", name.escape_debug());
            }
            Open::List(number) => {
                let _ = write!(path, "[{number}]");
            }
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_document_is_a_path() {
        let text = r#"{"a": 1, "messages": [{"role": "user"}, {"content": "x , } ] HERE", "z": [true]}], "last": "END"}"#;
        let path = |what: &str| at(text.as_bytes(), text.find(what).unwrap());
        assert_eq!(path("HERE").as_deref(), Some(".messages[1].content"));
        assert_eq!(path("true").as_deref(), Some(".messages[1].z[0]"));
        assert_eq!(path("END").as_deref(), Some(".last"));
    }

    #[test]
    fn what_is_no_document_has_no_paths() {
        for bytes in [&b"plain words HERE"[..], b"\x93\xa5hello\xffHERE", b"12 HERE"] {
            let offset = bytes.windows(4).position(|it| it == b"HERE").unwrap();
            assert_eq!(at(bytes, offset), None);
        }
    }
}
