//! The limits that operators may set, and those that are fixed.

use crate::domain::flood::FloodLimits;
use crate::domain::time::Span;
use crate::domain::transcript::TranscriptLimits;

/// The longest text of a reviewer's note, in bytes.
pub const MAX_NOTE_BYTES: usize = 8 * 1024;
/// The longest answer in a tool's place, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// The longest outcome of a tool, in bytes.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;
/// The longest goal of a run, in bytes.
pub const MAX_GOAL_BYTES: usize = 8 * 1024;
/// The most messages in one call.
pub const MAX_MESSAGES: usize = 100;
/// The longest message of a user, in bytes.
pub const MAX_USER_MESSAGE_BYTES: usize = 16 * 1024;
/// The longest message of a tool, in bytes.
pub const MAX_TOOL_MESSAGE_BYTES: usize = MAX_RESULT_BYTES;
/// The most messages that a user may have in one run, beside its goal.
pub const MAX_USER_MESSAGES: usize = 400;
/// The most bytes that they may have together.
pub const MAX_USER_BYTES: usize = 48 * 1024;
/// The most answers and edits of reviewers that a run is judged by.
pub const MAX_PERSON_MESSAGES: usize = 500;
/// The most bytes that they may have together; what is beyond is not judged by.
pub const MAX_PERSON_BYTES: usize = 72 * 1024;
/// The most tool results that a run is judged by: the newest.
pub const MAX_TOOL_MESSAGES: usize = 1_000;
/// The most constraint sets that one call may bind a run by.
pub const MAX_CONSTRAINT_SETS: usize = 8;
/// The most constraint sets that may bind a run, those of its parents included.
pub const MAX_BINDING_SETS: usize = 32;
/// The longest reasoning of an action, in bytes.
pub const MAX_REASONING_BYTES: usize = 32 * 1024;
/// The longest target of an action, in bytes.
pub const MAX_TARGET_BYTES: usize = 1024;
/// The longest preconditions of an action, in bytes.
pub const MAX_PRECONDITIONS_BYTES: usize = 4 * 1024;
/// The longest name of a tool, in bytes.
pub const MAX_TOOL_BYTES: usize = 128;
/// The longest name of a principal, in bytes.
pub const MAX_PRINCIPAL_BYTES: usize = 128;
/// The longest name of a lane, in bytes.
pub const MAX_LANE_BYTES: usize = 32;
/// The longest name of whom an agent acts for, in bytes.
pub const MAX_ON_BEHALF_OF_BYTES: usize = 256;
/// The longest schema version, in bytes.
pub const MAX_SCHEMA_VERSION_BYTES: usize = 64;
/// The longest id of a framework's tool call, in bytes.
pub const MAX_TOOL_CALL_ID_BYTES: usize = 256;
/// The largest state of a checkpoint, in bytes.
pub const MAX_STATE_BYTES: usize = 2 * 1024 * 1024;
/// The most credential references of a checkpoint.
pub const MAX_CREDENTIALS: usize = 32;
/// The most tool calls without a result that a checkpoint names.
pub const MAX_PENDING_CALLS: usize = 32;
/// The longest arguments of one of them, in bytes.
pub const MAX_PENDING_ARGUMENTS_BYTES: usize = 16 * 1024;
/// The longest planned action of a checkpoint, in bytes.
pub const MAX_PLANNED_ACTION_BYTES: usize = 4 * 1024;
/// The longest credential reference, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 512;
/// The most outcomes in one report.
pub const MAX_OUTCOMES: usize = 100;
/// The most resumptions in one claim.
pub const MAX_CLAIMS: usize = 100;
/// The most unexpected results of one run that people are asked about at once. Of more
/// no question is opened; they keep the run in doubt as well.
pub const MAX_UNEXPECTED_ASKED: u32 = 8;
/// The longest wait of a claim for resumptions, in seconds.
pub const MAX_CLAIM_WAIT_SECONDS: i64 = 30;
/// The most items of a page.
pub const MAX_PAGE: usize = 500;
/// The items of a page whose size is not given.
pub const DEFAULT_PAGE: usize = 50;
/// The most open escalations that a finishing run cancels in one commit.
pub const MAX_CANCELLED_AT_ONCE: usize = 200;
/// The most actions that one backtest judges again.
pub const MAX_BACKTEST_ACTIONS: usize = 10_000;
/// The actions of a backtest whose number is not given.
pub const DEFAULT_BACKTEST_ACTIONS: usize = 1_000;
/// The most examples of each kind of flip that a backtest shows.
pub const MAX_BACKTEST_EXAMPLES: usize = 5;
/// How many backtests a server does at once, those of bounds included, and calls that
/// learn profiles anew.
pub const BACKTESTS_AT_ONCE: usize = 2;
/// When to ask for another once they are too many.
pub const BACKTEST_RETRY: Span = Span::from_secs(5);
/// The most recorded actions that novelty profiles are learnt from.
pub const MAX_LEARNT_ACTIONS: usize = 10_000;
/// The most recorded actions that are looked at for that, examples or not.
pub const MAX_LOOKED_AT: usize = 50_000;
/// The most agents that have a profile: those with the most examples.
pub const MAX_PROFILED_AGENTS: usize = 256;
/// How many sets of profiles stay at hand: the one in force, and some before it.
pub const PROFILES_AT_HAND: usize = 4;
/// About how many bytes of content one page holds: it ends behind the item that
/// passes this, so that an answer stays within the size of a message.
pub const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// How often an operation is tried again after a conflict.
pub const MAX_ATTEMPTS: usize = 64;
/// When to try a preview again that saw no moment at rest.
pub const PREVIEW_RETRY: Span = Span::from_millis(200);
/// The most pieces of evidence that one answer names.
pub const MAX_EVIDENCE_VIEWED: usize = 8;
/// The longest value that a reviewer types to confirm, in bytes.
pub const MAX_CONFIRMATION_BYTES: usize = 256;
/// How long a request id is kept, in hours.
pub const REQUEST_ID_HOURS: i64 = 24;

/// What operators may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most open escalations of one agent.
    pub open_per_agent: u64,
    /// The most open escalations of the tenant.
    pub open_per_tenant: u64,
    /// How long a rejection answers the same question again; zero: never.
    pub rejected_for: Span,
    /// How much agents may ask.
    pub floods: FloodLimits,
    /// Whether to stop the whole fleet takes two persons.
    pub fleet_stop_needs_two: bool,
    /// How much one run may write in its transcript.
    pub transcripts: TranscriptLimits,
}

impl Default for Limits {
    fn default() -> Self {
        let rejected_for = Span::from_secs(24 * 60 * 60);
        let (floods, transcripts) = (FloodLimits::default(), TranscriptLimits::default());
        let (open_per_agent, open_per_tenant) = (1_000, 200_000);
        let fleet_stop_needs_two = false;
        Self {
            open_per_agent,
            open_per_tenant,
            rejected_for,
            floods,
            fleet_stop_needs_two,
            transcripts,
        }
    }
}
/// The most lanes that one claim of the next question may ask for.
pub const MAX_FILTER_LANES: usize = 64;
/// When somebody should try again who was last at every question.
pub const CLAIM_RETRY: Span = Span::from_millis(100);
