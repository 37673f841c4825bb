//! Watches of what agents think.

use pointsman_api::v1;
use pointsman_api::v1::watch_reasoning_request::Density as WireDensity;
use pointsman_api::v1::watch_reasoning_response::Event;

use super::{duration, id, known, span, time};
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::transcript::density::{Density, Mark, Piece};
use crate::domain::transcript::{Kind, SafeEntry};
use crate::engine::transcripts::{ReasoningItem, WatchReasoning, WatchedReasoning};
use crate::telemetry::trace;

/// Reads what to watch.
pub(in crate::rpc) fn read(message: v1::WatchReasoningRequest) -> Result<WatchReasoning, Error> {
    let run: RunId = id("run_id", &message.run_id)?;
    trace::run(&run);
    let density = match known("density", message.density)? {
        WireDensity::Unspecified | WireDensity::Digest => Density::Digest,
        WireDensity::Headline => Density::Headline,
        WireDensity::Full => Density::Full,
    };
    Ok(WatchReasoning {
        run: Some(run),
        cursor: message.cursor,
        from: message.from_entry,
        last: message.last_entries.map(u64::from),
        density,
        words: message.watch_words,
        heartbeat: span(message.heartbeat),
    })
}

/// One message of a watch.
pub(in crate::rpc) fn item(item: ReasoningItem) -> v1::WatchReasoningResponse {
    let event = match item.event {
        WatchedReasoning::Piece(shown) => piece(shown),
        WatchedReasoning::Skipped { first, last } => {
            Event::Skip(v1::ReasoningSkip { first_entry: first, last_entry: last })
        }
        WatchedReasoning::SnapshotEnd { through } => {
            Event::SnapshotEnd(v1::ReasoningSnapshotEnd { through_entry: through })
        }
        WatchedReasoning::Heartbeat { next, agent_heard } => {
            Event::Heartbeat(v1::ReasoningHeartbeat {
                next_time: Some(time(next)),
                agent_heard_time: agent_heard.map(time),
            })
        }
    };
    let (cursor, server_time) = (item.cursor, Some(time(item.time)));
    v1::WatchReasoningResponse { cursor, server_time, event: Some(event) }
}

fn piece(piece: Piece) -> Event {
    match piece {
        Piece::Text { entry, first, marks } => Event::Text(text(entry, first, marks)),
        Piece::Section { first, last, kind: of, line, took, words, is_open, marked } => {
            Event::Section(v1::ReasoningSection {
                first_entry: first,
                last_entry: last,
                kind: kind(of).into(),
                line,
                duration: Some(duration(took)),
                word_count: words,
                open: is_open,
                marked_words: marked,
            })
        }
        Piece::Headline { entry, line, marked } => {
            Event::Headline(v1::ReasoningHeadline { entry, line, marked_words: marked })
        }
    }
}

fn text(entry: SafeEntry, first: u64, marks: Vec<Mark>) -> v1::ReasoningText {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let mark = |Mark { word, start, end }| {
        let (start, end) = (place(start), place(end));
        v1::WatchMark { word, start, end }
    };
    v1::ReasoningText {
        first_entry: first,
        last_entry: entry.through,
        kind: kind(entry.kind).into(),
        label: entry.label,
        text: entry.text,
        why: entry.why,
        failed: entry.is_failed,
        receive_time: Some(time(entry.time)),
        marks: marks.into_iter().map(mark).collect(),
    }
}

const fn kind(kind: Kind) -> v1::TranscriptKind {
    match kind {
        Kind::Reasoning => v1::TranscriptKind::Reasoning,
        Kind::Message => v1::TranscriptKind::Message,
        Kind::ToolCall => v1::TranscriptKind::ToolCall,
        Kind::ToolResult => v1::TranscriptKind::ToolResult,
        Kind::Step => v1::TranscriptKind::Step,
        Kind::Intent => v1::TranscriptKind::Intent,
        Kind::Cut => v1::TranscriptKind::Truncation,
    }
}
