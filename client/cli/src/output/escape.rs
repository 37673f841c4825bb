//! Makes text of agents, tools and people safe to show on a terminal.
//!
//! Whatever could move the cursor, hide, reorder or imitate is shown as its code
//! point, such as `‹U+202E›`. The marks themselves are escaped too, so that
//! nobody can write a mark that was not made here.

use std::fmt::Write as _;

/// How many combining marks one character may carry; more are shown as code points.
const MOST_COMBINING: usize = 3;
/// Opens a mark.
const OPEN: char = '‹';

/// Makes text safe for one line: line breaks and tabs become marks as well.
pub(crate) fn inline(text: &str) -> String {
    escape(text, |_| false)
}

/// Makes text safe and keeps its line breaks and tabs.
pub(crate) fn block(text: &str) -> String {
    escape(text, |letter| matches!(letter, '\n' | '\t'))
}

/// Makes safe text of the server's safe for a terminal once more, and keeps the marks
/// that the server made: nobody else can have written them there.
pub(crate) fn shown(text: &str) -> String {
    escape(text, |letter| letter == OPEN)
}

/// Whether a character must never reach a terminal as it is.
pub(crate) fn is_unsafe(letter: char) -> bool {
    letter.is_control() || is_invisible(letter) || is_private(letter)
}

fn escape(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut combining = 0;
    for letter in text.chars() {
        combining = if is_combining(letter) { combining + 1 } else { 0 };
        let is_mark = is_unsafe(letter) || letter == OPEN || combining > MOST_COMBINING;
        if is_mark && !is_kept(letter) {
            // Writing to a String cannot fail.
            let _ = write!(out, "‹U+{:04X}›", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

/// Characters that show nothing, or change how their neighbours are shown.
fn is_invisible(letter: char) -> bool {
    matches!(u32::from(letter),
        0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
        | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
        | 0x13430..=0x1345F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Characters that a terminal's font may draw as anything.
fn is_private(letter: char) -> bool {
    matches!(u32::from(letter),
        0xE000..=0xF8FF | 0xF_0000..=0xF_FFFF | 0x10_0000..=0x10_FFFF)
}

/// Characters that are drawn over the one before.
fn is_combining(letter: char) -> bool {
    matches!(u32::from(letter),
        0x0300..=0x036F | 0x0483..=0x0489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF
        | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

#[cfg(test)]
mod tests;
