//! Tables without lines, as wide as the terminal. Colour is never alone: what it
//! says is also said by a shape or a word.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use pointsman_api::v1::SeverityTier;

use super::Output;
use super::escape::inline;

const GAP: u16 = 2;
/// The columns of words. What is in no other column makes sense in two parts.
const WRAPPING: [&str; 14] = [
    "WHAT",
    "AGENT",
    "HOLDER",
    "BY",
    "GOAL",
    "FOR",
    "TOOL",
    "TARGET",
    "PRINCIPAL",
    "ROLES",
    "NOTE",
    "REASON",
    "PROBLEM",
    "AUTHOR",
];

/// A cell and how it stands out.
pub(crate) struct Field(Cell);

/// How a field stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Like everything else.
    Plain,
    /// Critical or overdue.
    Alarm,
    /// High, or soon due.
    Warning,
    /// Done, verified.
    Good,
    /// Less important.
    Faint,
}

// === impl Field ===

impl Field {
    /// A field of the server's safe text: its marks stay marks.
    pub(crate) fn shown(text: &str) -> Self {
        Self(Cell::new(super::escape::shown(text)))
    }

    /// A field of text from anywhere: it is made safe here.
    pub(crate) fn new(text: &str) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// A field that stands out.
    pub(crate) fn toned(text: &str, tone: Tone) -> Self {
        let cell = Cell::new(inline(text));
        Self(match tone {
            Tone::Plain => cell,
            Tone::Alarm => cell.fg(Color::Red),
            Tone::Warning => cell.fg(Color::Yellow),
            Tone::Good => cell.fg(Color::Green),
            Tone::Faint => cell.fg(Color::DarkGrey),
        })
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

/// Lays rows out under their headers.
pub(crate) fn table<const N: usize>(
    output: &Output,
    headers: [&str; N],
    rows: Vec<[Field; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headers);
    for row in rows {
        table.add_row(row.map(|field| field.0));
    }
    for (column, header) in table.column_iter_mut().zip(headers) {
        column.set_padding((0, GAP));
        if output.is_terminal && !WRAPPING.contains(&header) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(width) = output.width {
        table.set_width(width);
    }
    if output.is_terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty();
    }
    if output.has_color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.trim_fmt()
}

/// The shape and the short word of a risk; unset is treated like high.
pub(crate) fn risk(severity: SeverityTier) -> (&'static str, Tone) {
    match severity {
        SeverityTier::Critical => ("◆ crit", Tone::Alarm),
        SeverityTier::High | SeverityTier::Unspecified => ("▲ high", Tone::Warning),
        SeverityTier::Medium => ("■ med", Tone::Plain),
        SeverityTier::Low => ("○ low", Tone::Faint),
    }
}
