//! What the demo agent thinks, as it works: so that there is something to watch.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::transcript_entry::Content;
use pointsman_api::v1::transcript_message::Role;
use pointsman_client::{Result, RunHandle, Session};

use super::cases::{Act, Case};

/// Between two pieces of a thought.
const PACE: Duration = Duration::from_millis(120);
/// How many words a piece has.
const WORDS: usize = 4;
/// What a tool of the demo answers.
pub(super) const RESULT: &[u8] = br#"{"status":"done"}"#;

/// The session of one case. What it cannot say is left unsaid: the demo goes on.
pub(super) struct Thinking(Option<Session>);

impl Thinking {
    /// Begins a case.
    pub(super) async fn begin(run: &RunHandle, case: &Case) -> Self {
        let thinking = Self(run.open_session().await.ok());
        thinking.say(|session| session.message(Role::User, &*case.goal));
        thinking
    }

    /// Thinks about a step, and says what it is about to do.
    pub(super) async fn about(&self, act: &Act) {
        self.say(|session| session.step(&*act.what));
        let words: Vec<&str> = act.reasoning.split_whitespace().collect();
        for piece in words.chunks(WORDS) {
            let piece = format!("{} ", piece.join(" "));
            self.say(|session| session.reasoning(piece));
            tokio::time::sleep(PACE).await;
        }
        if !act.is_lookup {
            self.say(|session| session.intent(&*act.what, &*act.reasoning));
        }
        self.say(|session| {
            session.push(Content::ToolCall(v1::ToolCall {
                tool: act.tool.to_owned(),
                call_id: String::new(),
                arguments: act.arguments.clone(),
                action_id: String::new(),
            }))
        });
    }

    /// Notes what a tool answered, whose outcome is reported by itself.
    pub(super) fn answered(&self, act: &Act, action_id: &str) {
        self.say(|session| {
            session.push(Content::ToolResult(v1::ToolResult {
                tool: act.tool.to_owned(),
                call_id: String::new(),
                result: RESULT.into(),
                failed: false,
                action_id: action_id.to_owned(),
            }))
        });
    }

    /// Ends when all is durable.
    pub(super) async fn end(self) -> Result<()> {
        match self.0 {
            Some(session) => session.close().await,
            None => Ok(()),
        }
    }

    fn say(&self, what: impl FnOnce(&Session) -> Result<u64>) {
        if let Some(Err(error)) = self.0.as_ref().map(what) {
            tracing::debug!(%error, "the demo could not say what it thinks");
        }
    }
}
