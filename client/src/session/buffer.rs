//! What was said and is not durable yet.

use std::collections::VecDeque;

use pointsman_api::v1;
use pointsman_api::v1::transcript_entry::Content;
use prost::Message as _;

use crate::error::{Error, Result};

/// The most entries that are kept until they are durable.
const MAX_ENTRIES: usize = 4_096;
/// The most bytes that they take.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of one message to the server.
const MAX_MESSAGE_BYTES: usize = 512 * 1024;

/// Entries from the first that is not durable on.
#[derive(Debug)]
pub(super) struct Buffer {
    entries: VecDeque<v1::TranscriptEntry>,
    bytes: usize,
    /// The number of the first; of the next one, if there is none.
    first: u64,
    /// From which number on nothing was sent on the stream that is open.
    unsent: u64,
}

impl Buffer {
    /// An empty one behind what is durable.
    pub(super) fn after(durable: u64) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, first: durable + 1, unsent: durable + 1 }
    }

    /// The last number that was given; what was durable at first, if none was.
    pub(super) fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// Adds an entry; answers its number.
    pub(super) fn push(&mut self, content: Content) -> Result<u64> {
        let number = self.last() + 1;
        let entry = v1::TranscriptEntry {
            number,
            agent_time: None,
            receive_time: None,
            content: Some(content),
        };
        let bytes = self.bytes + entry.encoded_len();
        if self.entries.len() >= MAX_ENTRIES || bytes > MAX_BYTES {
            return Err(Error::invalid_input(format!(
                "{} entries of {} bytes wait to be durable, and there is no room for more; \
                 wait until the server has caught up",
                self.entries.len(),
                self.bytes
            )));
        }
        self.bytes = bytes;
        self.entries.push_back(entry);
        Ok(number)
    }

    /// Forgets what is durable.
    pub(super) fn forget(&mut self, durable: u64) {
        while self.first <= durable
            && let Some(entry) = self.entries.pop_front()
        {
            self.bytes -= entry.encoded_len();
            self.first += 1;
        }
        self.unsent = self.unsent.max(self.first);
    }

    /// Sends again from a number on.
    pub(super) fn rewind(&mut self, from: u64) {
        self.unsent = from.max(self.first);
    }

    /// Takes the next entries to send, at most so many, up to a number.
    pub(super) fn next(&mut self, most: usize, through: u64) -> Vec<v1::TranscriptEntry> {
        let skip = usize::try_from(self.unsent - self.first).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fits = |entry: &&v1::TranscriptEntry| {
            let is_first = bytes == 0;
            bytes += entry.encoded_len();
            entry.number <= through && (is_first || bytes <= MAX_MESSAGE_BYTES)
        };
        let entries = self.entries.iter().skip(skip).take(most).take_while(fits);
        let entries: Vec<_> = entries.cloned().collect();
        self.unsent += entries.len() as u64;
        entries
    }

    /// Puts a note in the place of an entry that the server will not store, and sends
    /// again from there on.
    pub(super) fn withhold(&mut self, refusal: &v1::SessionRefusal) {
        let place = refusal.entry.checked_sub(self.first).map(usize::try_from);
        if let Some(Ok(place)) = place
            && let Some(entry) = self.entries.get_mut(place)
        {
            let before = entry.encoded_len();
            let text = format!("(withheld by the client: {})", refusal.reason);
            entry.content = entry.content.take().map(|content| noted(content, text));
            self.bytes = self.bytes - before + entry.encoded_len();
        }
        self.rewind(refusal.entry);
    }
}

/// The same kind of entry, with a note for its words.
fn noted(content: Content, note: String) -> Content {
    match content {
        Content::Reasoning(_) | Content::Truncation(_) | Content::Erasure(_) => {
            Content::Reasoning(v1::Reasoning { text: note })
        }
        // Nobody is to take the note for the user's words.
        Content::Message(_) => Content::Message(v1::TranscriptMessage {
            role: v1::transcript_message::Role::System.into(),
            text: note,
        }),
        Content::ToolCall(call) => Content::ToolCall(v1::ToolCall {
            tool: plain(call.tool),
            call_id: String::new(),
            arguments: note.into(),
            action_id: String::new(),
        }),
        Content::ToolResult(result) => Content::ToolResult(v1::ToolResult {
            tool: plain(result.tool),
            call_id: String::new(),
            result: note.into(),
            failed: result.failed,
            action_id: String::new(),
        }),
        Content::Step(_) => Content::Step(v1::Step { title: note }),
        Content::Intent(_) => Content::Intent(v1::Intent { text: note, why: String::new() }),
    }
}

/// A name of a tool that is fit to be sent.
fn plain(tool: String) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    let is_fit = !tool.is_empty() && tool.len() <= 64 && tool.bytes().all(is_plain);
    if is_fit { tool } else { "withheld".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thought(text: &str) -> Content {
        Content::Reasoning(v1::Reasoning { text: text.to_owned() })
    }

    fn numbers(entries: &[v1::TranscriptEntry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.number).collect()
    }

    #[test]
    fn what_is_not_durable_is_sent_again_from_the_gap() {
        let mut buffer = Buffer::after(4);
        assert_eq!(buffer.last(), 4);
        for number in 5..=9 {
            assert_eq!(buffer.push(thought("well")).unwrap(), number);
        }
        assert_eq!(numbers(&buffer.next(2, 100)), [5, 6]);
        assert_eq!(numbers(&buffer.next(9, 8)), [7, 8], "no further than may be outstanding");
        buffer.forget(6);
        buffer.rewind(0);
        assert_eq!(numbers(&buffer.next(9, 100)), [7, 8, 9]);
        assert!(buffer.next(9, 100).is_empty());
        buffer.forget(9);
        assert_eq!((buffer.last(), buffer.bytes), (9, 0));
    }

    #[test]
    fn a_full_buffer_says_so_and_has_room_again() {
        let mut buffer = Buffer::after(0);
        for _ in 0..MAX_ENTRIES {
            buffer.push(thought("x")).unwrap();
        }
        let full = buffer.push(thought("x")).unwrap_err();
        assert!(full.message().contains("4096 entries"), "{full}");
        buffer.forget(1);
        assert_eq!(buffer.push(thought("x")).unwrap(), MAX_ENTRIES as u64 + 1);
    }

    #[test]
    fn what_is_refused_is_withheld_under_its_number() {
        let mut buffer = Buffer::after(0);
        for text in ["fine", "secret", "fine"] {
            buffer.push(thought(text)).unwrap();
        }
        buffer.next(9, 100);
        let reason = "SECRET_FOUND".to_owned();
        buffer.withhold(&v1::SessionRefusal { entry: 2, reason, ..Default::default() });
        let again = buffer.next(9, 100);
        let texts: Vec<_> = again.iter().map(|entry| entry.content.clone().unwrap()).collect();
        let note = thought("(withheld by the client: SECRET_FOUND)");
        assert_eq!((numbers(&again), texts), (vec![2, 3], vec![note, thought("fine")]));
    }
}
