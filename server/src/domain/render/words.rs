//! Letters that look like others, by Unicode UTS #39: words of mixed scripts, whole
//! words that could be Latin, styled and wide forms, and signs that look like those
//! of addresses.

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization as _;
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _, skeleton};

use super::characters::is_combining;

/// The signs that give addresses, paths and sums their meaning.
const SIGNS: &str = "/\\.:@?#&=;";

/// A letter that is not what it seems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LookAlike {
    /// Where it stands, in bytes.
    pub(super) at: usize,
    /// What it looks like; none: it is of another script than its word.
    pub(super) seems: Option<char>,
}

/// The letters of a text that are not what they seem, in order.
pub(super) fn look_alikes(text: &str) -> Vec<LookAlike> {
    if text.is_ascii() {
        return Vec::new();
    }
    let has_digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let mut found: Vec<LookAlike> = text
        .char_indices()
        .filter(|(_, letter)| !letter.is_ascii() && seems_ascii_alone(*letter, has_digits))
        .map(|(at, letter)| LookAlike { at, seems: ascii_of(letter) })
        .collect();
    for (start, word) in words(text).filter(|(_, word)| !word.is_ascii()) {
        found.extend(strangers(start, word));
    }
    found.extend(whole_words(text));
    found.sort_by_key(|it| it.at);
    found.dedup_by_key(|it| it.at);
    found
}

/// The words of a text, with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_inner = |letter: char| letter.is_alphanumeric() || is_combining(letter);
    let mut rest = 0;
    std::iter::from_fn(move || {
        let tail = text.get(rest..)?;
        let start = rest + tail.find(is_inner)?;
        let word = text.get(start..)?;
        let length = word.find(|letter: char| !is_inner(letter)).unwrap_or(word.len());
        rest = start + length;
        Some((start, text.get(start..rest)?))
    })
}

/// Whether a character by itself passes for an ASCII one.
fn seems_ascii_alone(letter: char, has_digits: bool) -> bool {
    if u32::from(letter) < 0x100 || is_combining(letter) {
        return false;
    }
    let mut forms = letter.nfkc();
    if let (Some(form), None) = (forms.next(), forms.next())
        && form.is_ascii_graphic()
    {
        return !is_raised(letter);
    }
    if has_digits && get_general_category(letter) == GeneralCategory::DecimalNumber {
        return true;
    }
    let Some(seems) = ascii_of(letter) else { return false };
    let is_odd_letter = seems.is_ascii_alphanumeric() && !letter.identifier_allowed();
    (is_odd_letter && letter.is_alphanumeric()) || SIGNS.contains(seems)
}

/// Raised and lowered figures show what they are.
fn is_raised(letter: char) -> bool {
    matches!(u32::from(letter), 0x2070..=0x209C)
}

/// The ASCII character that a letter looks like, if it does.
fn ascii_of(letter: char) -> Option<char> {
    let mut buffer = [0; 4];
    let mut skeleton = skeleton(letter.encode_utf8(&mut buffer));
    let first = skeleton.next().filter(char::is_ascii_graphic)?;
    skeleton.next().is_none().then_some(first)
}

/// Letters of a word that are of another script than the rest of it.
fn strangers(start: usize, word: &str) -> Vec<LookAlike> {
    if word.is_single_script() {
        return Vec::new();
    }
    let script_of = |letter: char| match letter.script() {
        Script::Common | Script::Inherited | Script::Unknown => None,
        script => Some(script),
    };
    let bases = || word.char_indices().filter(|(_, letter)| !is_combining(*letter));
    let letters = || bases().filter_map(|(at, it)| Some((at, it, script_of(it)?)));
    let has_latin = letters().any(|(_, _, script)| script == Script::Latin);
    let home = match has_latin {
        true => Script::Latin,
        false => letters().next().map_or(Script::Latin, |(_, _, script)| script),
    };
    let mut strange = letters().filter(|(_, _, script)| *script != home).peekable();
    if has_latin && letters().all(|(_, _, script)| script == home || is_east_asian(script)) {
        return Vec::new();
    }
    if strange.peek().is_none() {
        return Vec::new();
    }
    strange.map(|(at, it, _)| LookAlike { at: start + at, seems: ascii_of(it) }).collect()
}

/// Scripts that stand beside Latin letters in one word every day, and look like none.
const fn is_east_asian(script: Script) -> bool {
    matches!(
        script,
        Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo
    )
}

/// The letters of a text whose every foreign letter passes for a Latin one: nothing
/// in it tells the reader that it is foreign.
fn whole_words(text: &str) -> Vec<LookAlike> {
    let is_foreign = |letter: char| {
        letter.is_alphabetic()
            && !matches!(letter.script(), Script::Latin | Script::Common | Script::Inherited)
    };
    let mut found = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| is_foreign(*letter)) {
        match ascii_of(letter).filter(char::is_ascii_alphanumeric) {
            Some(seems) => found.push(LookAlike { at, seems: Some(seems) }),
            None => return Vec::new(),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        let found = look_alikes(text);
        let shown = found.iter().map(|it| {
            let letter = text[it.at..].chars().next().unwrap();
            format!("{:04X}{}", u32::from(letter), it.seems.map(String::from).unwrap_or_default())
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn letters_that_pass_for_others_are_found() {
        for (text, expected) in [
            ("p\u{430}ypal.com", "0430a"),
            ("\u{430}\u{440}\u{440}\u{435}", "0430a 0440p 0440p 0435e"),
            ("\u{ff21}\u{ff22}", "FF21A FF22B"),
            ("\u{1d429}\u{1d41a}y", "1D429p 1D41Aa"),
            ("bank\u{2024}com", "2024."),
            ("a\u{2215}b", "2215/"),
            ("\u{251}ccount", "0251a"),
            ("12\u{663}4", "0663"),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }

    #[test]
    fn everyday_writing_is_left_alone() {
        for text in [
            "Grüße aus Łódź, naïve Çelik",
            "Он сказал: рос сор",
            "東京タワーへ行く iPhone手机",
            "한국어 텍스트",
            "Ελληνικά κείμενα",
            "שלום עולם",
            "السلام عليكم",
            "x² + ½ ≈ 3 µm – „ja“ …",
            "हिन्दी में",
        ] {
            assert_eq!(seen(text), "", "{text}");
        }
    }
}
