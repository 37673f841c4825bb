//! Valid requests about transcripts.

use pointsman_api::v1;
use pointsman_api::v1::transcript_entry::Content;
use prost::Message;

use super::requests::World;
use crate::harness::api::AGENT;

impl World {
    pub(super) async fn reasoning_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let run_id = self.fixture.run().await.run_id().to_owned();
        let message = match method {
            "AppendEntries" => {
                v1::AppendEntriesRequest { run_id, attempt: 0, entries: entries() }.encode_to_vec()
            }
            "OpenSession" => {
                let open = v1::SessionOpen { run_id, heartbeat: None };
                let event = Some(v1::open_session_request::Event::Open(open));
                v1::OpenSessionRequest { event }.encode_to_vec()
            }
            "ReceiveUpdates" => {
                v1::ReceiveUpdatesRequest { run_id, wait: None, policy_revision_id: String::new() }
                    .encode_to_vec()
            }
            "WatchReasoning" => {
                v1::WatchReasoningRequest { run_id, ..Default::default() }.encode_to_vec()
            }
            "ListEntries" => {
                v1::ListEntriesRequest { run_id, from_entry: 1, page_size: 5 }.encode_to_vec()
            }
            _ => panic!("no valid request for {method}: add one"),
        };
        (AGENT, message)
    }
}

/// One of each kind that an agent may send.
pub(super) fn entries() -> Vec<v1::TranscriptEntry> {
    let (tool, call_id) = ("search".to_owned(), "call-1".to_owned());
    let contents = [
        Content::Step(v1::Step { title: "look it up".to_owned() }),
        Content::Reasoning(v1::Reasoning { text: "the invoice may be there".to_owned() }),
        Content::Message(v1::TranscriptMessage {
            role: v1::transcript_message::Role::Assistant.into(),
            text: "I look it up".to_owned(),
        }),
        Content::Intent(v1::Intent { text: "search".to_owned(), why: "to be sure".to_owned() }),
        Content::ToolCall(v1::ToolCall {
            tool: tool.clone(),
            call_id: call_id.clone(),
            arguments: "{}".into(),
            action_id: String::new(),
        }),
        Content::ToolResult(v1::ToolResult {
            tool,
            call_id,
            result: "nothing".into(),
            failed: false,
            action_id: String::new(),
        }),
    ];
    let numbered = (1..).zip(contents);
    let entry = |(number, content)| v1::TranscriptEntry {
        number,
        agent_time: None,
        receive_time: None,
        content: Some(content),
    };
    numbered.map(entry).collect()
}
