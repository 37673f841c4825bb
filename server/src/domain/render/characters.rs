//! Which characters must not be shown as they are, and what their marks say.

use unicode_general_category::{GeneralCategory, get_general_category};

use super::Trick;

/// Opens a mark.
pub(super) const OPEN: char = '‹';
/// Closes a mark.
pub(super) const CLOSE: char = '›';
/// Stands for a line break.
pub(super) const BREAK: char = '↵';

/// Why a character must not be shown as it is, wherever it stands; none: it may.
pub(super) fn trick(letter: char) -> Option<Trick> {
    use GeneralCategory as G;
    if matches!(letter, ' '..='~') {
        return None;
    }
    let code = u32::from(letter);
    if matches!(letter, OPEN | CLOSE | BREAK) {
        return Some(Trick::Imitation);
    }
    match code {
        0x061C | 0x200E..=0x200F | 0x202A..=0x202E | 0x2066..=0x2069 => {
            return Some(Trick::Direction);
        }
        0xE0000..=0xE007F => return Some(Trick::Tag),
        0x180B..=0x180D | 0x180F | 0xFE00..=0xFE0F | 0xE0100..=0xE01EF => {
            return Some(Trick::Variation);
        }
        // Letters by their category, and still nothing to see.
        0x034F | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x3164 | 0xFFA0 => {
            return Some(Trick::Invisible);
        }
        0x2800 => return Some(Trick::Space),
        _ => {}
    }
    match get_general_category(letter) {
        G::Control | G::LineSeparator | G::ParagraphSeparator => Some(Trick::Control),
        G::Format => Some(Trick::Invisible),
        G::SpaceSeparator => Some(Trick::Space),
        G::PrivateUse | G::Unassigned | G::Surrogate => Some(Trick::Unknown),
        // Musical and shorthand controls, and interlinear marks, are formats already.
        _ => None,
    }
}

/// Whether a character is drawn over the one before.
pub(super) fn is_combining(letter: char) -> bool {
    u32::from(letter) >= 0x0300
        && matches!(
            get_general_category(letter),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        )
}

/// Whether a character is drawn across or around the one before, and changes what it
/// seems to be.
pub(super) fn is_overlay(letter: char) -> bool {
    matches!(u32::from(letter), 0x0334..=0x0338 | 0x0488..=0x0489 | 0x20D0..=0x20FF)
        || get_general_category(letter) == GeneralCategory::EnclosingMark
}

/// Whether a letter is read from right to left.
pub(super) fn is_right_to_left(letter: char) -> bool {
    matches!(u32::from(letter),
        0x0590..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC
        | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
        && letter.is_alphabetic()
}

/// The mark of a character.
pub(super) fn mark(letter: char) -> String {
    match name(letter) {
        Some(name) => format!("{OPEN}U+{:04X} {name}{CLOSE}", u32::from(letter)),
        None => format!("{OPEN}U+{:04X}{CLOSE}", u32::from(letter)),
    }
}

/// The mark of a letter that looks like another.
pub(super) fn look_alike_mark(letter: char, seems: char) -> String {
    format!("{OPEN}U+{:04X} LOOKS LIKE {seems}{CLOSE}", u32::from(letter))
}

/// The mark of a byte that is no text.
pub(super) fn byte_mark(byte: u8) -> String {
    format!("{OPEN}BYTE {byte:02X}{CLOSE}")
}

/// The Unicode name of a character that deceives often, or what kind it is.
fn name(letter: char) -> Option<&'static str> {
    let code = u32::from(letter);
    let found = NAMES.binary_search_by_key(&code, |(code, _)| *code).ok();
    let known = found.and_then(|place| NAMES.get(place)).map(|(_, name)| *name);
    known.or_else(|| match code {
        0xE0020..=0xE007E => Some("TAG CHARACTER"),
        0xFE00..=0xFE0F | 0xE0100..=0xE01EF | 0x180B..=0x180F => Some("VARIATION SELECTOR"),
        _ => match get_general_category(letter) {
            GeneralCategory::Control => Some("CONTROL"),
            GeneralCategory::Format => Some("FORMAT"),
            GeneralCategory::SpaceSeparator => Some("SPACE"),
            GeneralCategory::PrivateUse => Some("PRIVATE USE"),
            GeneralCategory::Unassigned => Some("UNASSIGNED"),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => Some("COMBINING"),
            _ => None,
        },
    })
}

/// In order of the code points.
const NAMES: [(u32, &str); 63] = [
    (0x0000, "NULL"),
    (0x0007, "BELL"),
    (0x0008, "BACKSPACE"),
    (0x0009, "TAB"),
    (0x000A, "LINE FEED"),
    (0x000B, "VERTICAL TAB"),
    (0x000C, "FORM FEED"),
    (0x000D, "CARRIAGE RETURN"),
    (0x001B, "ESCAPE"),
    (0x007F, "DELETE"),
    (0x0085, "NEXT LINE"),
    (0x009B, "CONTROL SEQUENCE INTRODUCER"),
    (0x00A0, "NO-BREAK SPACE"),
    (0x00AD, "SOFT HYPHEN"),
    (0x034F, "COMBINING GRAPHEME JOINER"),
    (0x061C, "ARABIC LETTER MARK"),
    (0x115F, "HANGUL CHOSEONG FILLER"),
    (0x1160, "HANGUL JUNGSEONG FILLER"),
    (0x180E, "MONGOLIAN VOWEL SEPARATOR"),
    (0x2000, "EN QUAD"),
    (0x2001, "EM QUAD"),
    (0x2002, "EN SPACE"),
    (0x2003, "EM SPACE"),
    (0x2007, "FIGURE SPACE"),
    (0x2009, "THIN SPACE"),
    (0x200A, "HAIR SPACE"),
    (0x200B, "ZERO WIDTH SPACE"),
    (0x200C, "ZERO WIDTH NON-JOINER"),
    (0x200D, "ZERO WIDTH JOINER"),
    (0x200E, "LEFT-TO-RIGHT MARK"),
    (0x200F, "RIGHT-TO-LEFT MARK"),
    (0x2028, "LINE SEPARATOR"),
    (0x2029, "PARAGRAPH SEPARATOR"),
    (0x202A, "LEFT-TO-RIGHT EMBEDDING"),
    (0x202B, "RIGHT-TO-LEFT EMBEDDING"),
    (0x202C, "POP DIRECTIONAL FORMATTING"),
    (0x202D, "LEFT-TO-RIGHT OVERRIDE"),
    (0x202E, "RIGHT-TO-LEFT OVERRIDE"),
    (0x202F, "NARROW NO-BREAK SPACE"),
    (0x2039, "SINGLE LEFT ANGLE QUOTATION MARK"),
    (0x203A, "SINGLE RIGHT ANGLE QUOTATION MARK"),
    (0x205F, "MEDIUM MATHEMATICAL SPACE"),
    (0x2060, "WORD JOINER"),
    (0x2061, "FUNCTION APPLICATION"),
    (0x2062, "INVISIBLE TIMES"),
    (0x2063, "INVISIBLE SEPARATOR"),
    (0x2064, "INVISIBLE PLUS"),
    (0x2066, "LEFT-TO-RIGHT ISOLATE"),
    (0x2067, "RIGHT-TO-LEFT ISOLATE"),
    (0x2068, "FIRST STRONG ISOLATE"),
    (0x2069, "POP DIRECTIONAL ISOLATE"),
    (0x206A, "INHIBIT SYMMETRIC SWAPPING"),
    (0x21B5, "DOWNWARDS ARROW WITH CORNER LEFTWARDS"),
    (0x2800, "BRAILLE PATTERN BLANK"),
    (0x3000, "IDEOGRAPHIC SPACE"),
    (0x3164, "HANGUL FILLER"),
    (0xFEFF, "ZERO WIDTH NO-BREAK SPACE"),
    (0xFFA0, "HALFWIDTH HANGUL FILLER"),
    (0xFFF9, "INTERLINEAR ANNOTATION ANCHOR"),
    (0xFFFA, "INTERLINEAR ANNOTATION SEPARATOR"),
    (0xFFFB, "INTERLINEAR ANNOTATION TERMINATOR"),
    (0xE0001, "LANGUAGE TAG"),
    (0xE007F, "CANCEL TAG"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_so_that_they_are_found() {
        assert!(NAMES.is_sorted_by(|one, next| one.0 < next.0));
        assert_eq!(mark('\u{202e}'), "‹U+202E RIGHT-TO-LEFT OVERRIDE›");
        assert_eq!(mark('\u{e0041}'), "‹U+E0041 TAG CHARACTER›");
        assert_eq!(mark('\u{e000}'), "‹U+E000 PRIVATE USE›");
    }

    #[test]
    fn everyday_writing_is_not_marked() {
        for letter in "Grüße, Łódź: 4 812,00 € – „ja“ … naïve Привет 東京 한국 שלום ²½™ 😀".chars()
        {
            assert_eq!(trick(letter), None, "{letter}");
        }
    }
}
