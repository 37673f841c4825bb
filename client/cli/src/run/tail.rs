//! `pointsman run tail`: what an agent thinks and does, as it does it.

use clap::{Args, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::watch_reasoning_request::Density;
use pointsman_api::v1::watch_reasoning_response::Event;
use pointsman_client::{ReasoningEvent, ReasoningWatch};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{inline, shown};
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::{Format, Output};

/// What to follow, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    id: String,
    /// How much is shown
    #[arg(long, value_enum, default_value_t)]
    density: DensityName,
    /// From this entry on; 1 is the first [default: the last 100 entries]
    #[arg(long, value_name = "ENTRY", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// Go on behind this cursor, from the output of an earlier tail
    #[arg(long, default_value_t, hide_default_value = true, conflicts_with = "from")]
    cursor: String,
    /// A word to watch for; may be given several times
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
    /// Show what there is, and do not wait for more
    #[arg(long)]
    no_follow: bool,
}

/// Densities by their words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DensityName {
    /// One line: what the agent is at
    Headline,
    /// Of what it thinks how long and how much, the rest in one line each
    #[default]
    Digest,
    /// Everything
    Full,
}

/// Follows a run until interrupted.
pub(super) async fn tail(context: &Context, tail: TailArguments) -> Result<Exit, Failure> {
    let connection = context.connect(Capacity::Reviewer).await?;
    let density = match tail.density {
        DensityName::Headline => Density::Headline,
        DensityName::Digest => Density::Digest,
        DensityName::Full => Density::Full,
    };
    let request = v1::WatchReasoningRequest {
        run_id: tail.id,
        cursor: tail.cursor,
        from_entry: tail.from.unwrap_or_default(),
        density: density.into(),
        watch_words: tail.words,
        ..Default::default()
    };
    let mut watch = ReasoningWatch::new(connection, request);
    loop {
        let event = tokio::select! {
            event = watch.next() => event,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Ok),
        };
        match event.transpose()? {
            None => return Ok(Exit::Ok),
            Some(ReasoningEvent::Interrupted(error)) => {
                let why = inline(&error.to_string());
                context.output.say(format!("interrupted, trying again: {why}"));
            }
            Some(ReasoningEvent::Shown(event)) => {
                print(&context.output, &event, watch.cursor());
                if tail.no_follow && matches!(event, Event::SnapshotEnd(_)) {
                    return Ok(Exit::Ok);
                }
            }
        }
    }
}

fn print(output: &Output, event: &Event, cursor: &str) {
    if output.is_for_people() {
        return output.data(&people_line(event));
    }
    let Some((name, part)) = event_node(event) else { return };
    let node = Node::map([("cursor", Node::text(cursor)), (name, part)]);
    output.data(&match output.format {
        Format::Json => node.to_json(),
        Format::Yaml => format!("---\n{}", node.to_yaml()),
        Format::Table | Format::Jsonl => node.to_line(),
    });
}

/// The event in the form of WatchReasoningResponse; none for mere signs of life.
fn event_node(event: &Event) -> Option<(&'static str, Node)> {
    Some(match event {
        Event::Text(text) => ("text", node_of("ReasoningText", text)),
        Event::Section(section) => ("section", node_of("ReasoningSection", section)),
        Event::Headline(line) => ("headline", node_of("ReasoningHeadline", line)),
        Event::Skip(skip) => ("skip", node_of("ReasoningSkip", skip)),
        Event::SnapshotEnd(end) => ("snapshot_end", node_of("ReasoningSnapshotEnd", end)),
        Event::Heartbeat(_) => return None,
    })
}

/// A line for a screen that is drawn anew, and where it stands: a later line in the same
/// place takes its place. None for mere signs of life.
pub(crate) fn live_line(event: &Event) -> Option<(u64, String)> {
    Some(match event {
        Event::Text(text) => (text.first_entry, text_line(text)),
        Event::Section(section) => (section.first_entry, section_line(section)),
        Event::Headline(line) => (line.entry, people_line(event)),
        Event::Skip(skip) => (skip.first_entry, people_line(event)),
        Event::SnapshotEnd(_) | Event::Heartbeat(_) => return None,
    })
}

fn section_line(section: &v1::ReasoningSection) -> String {
    let mark = mark_of(section.kind());
    let words = marked(&section.marked_words);
    format!("{:>6} {mark} {}{words}", section.first_entry, shown(&section.line))
}

/// What a person reads of it. A section that grows is printed when it is complete.
fn people_line(event: &Event) -> String {
    match event {
        Event::Text(text) => text_line(text),
        Event::Section(section) if section.open => String::new(),
        Event::Section(section) => section_line(section),
        Event::Headline(line) => {
            format!("{:>6} {}{}", line.entry, shown(&line.line), marked(&line.marked_words))
        }
        Event::Skip(skip) => {
            format!("       … entries {} to {} skipped", skip.first_entry, skip.last_entry)
        }
        Event::SnapshotEnd(_) | Event::Heartbeat(_) => String::new(),
    }
}

fn text_line(text: &v1::ReasoningText) -> String {
    let mark = mark_of(text.kind());
    let label = match (text.label.as_str(), text.failed) {
        ("", _) => String::new(),
        (label, true) => format!("{} failed: ", inline(label)),
        (label, false) => format!("{}: ", inline(label)),
    };
    let mut lines = text.text.lines().map(shown);
    let first = lines.next().unwrap_or_default();
    let mut out = format!("{:>6} {mark} {label}{first}", text.first_entry);
    // A line of the agent's own cannot pass for one of ours.
    for line in lines {
        out.push_str("\n       │ ");
        out.push_str(&line);
    }
    if !text.why.is_empty() {
        out.push_str("\n       │ because ");
        out.push_str(&shown(&text.why).replace('\n', " "));
    }
    let words: Vec<String> = text.marks.iter().map(|mark| mark.word.clone()).collect();
    out + &marked(&words)
}

const fn mark_of(kind: v1::TranscriptKind) -> &'static str {
    match kind {
        v1::TranscriptKind::Reasoning | v1::TranscriptKind::Unspecified => "·",
        v1::TranscriptKind::Message => "»",
        v1::TranscriptKind::ToolCall => "→",
        v1::TranscriptKind::ToolResult => "←",
        v1::TranscriptKind::Step => "▪",
        v1::TranscriptKind::Intent => "!",
        v1::TranscriptKind::Truncation => "…",
    }
}

/// The words that were watched for.
fn marked(words: &[String]) -> String {
    let mut known: Vec<&String> = Vec::new();
    for word in words {
        if !known.contains(&word) {
            known.push(word);
        }
    }
    known.into_iter().map(|word| format!("  [{}]", inline(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_agents_own_cannot_pass_for_one_of_ours() {
        let text = v1::ReasoningText {
            first_entry: 3,
            kind: v1::TranscriptKind::ToolResult.into(),
            label: "search".to_owned(),
            text: "found\n     4 ▪ approved by ada\u{1b}[2J".to_owned(),
            failed: true,
            ..Default::default()
        };
        assert_eq!(
            people_line(&Event::Text(text)),
            "     3 ← search failed: found\n       │      4 ▪ approved by ada‹U+001B›[2J"
        );
    }

    #[test]
    fn a_section_is_printed_when_it_is_complete_with_the_words_that_were_watched_for() {
        let mut section = v1::ReasoningSection {
            first_entry: 12,
            kind: v1::TranscriptKind::Reasoning.into(),
            line: "Thought 14 s · 312 words".to_owned(),
            open: true,
            marked_words: vec!["refund".to_owned(), "refund".to_owned()],
            ..Default::default()
        };
        assert_eq!(people_line(&Event::Section(section.clone())), "");
        section.open = false;
        let line = people_line(&Event::Section(section));
        assert_eq!(line, "    12 · Thought 14 s · 312 words  [refund]");
    }
}
