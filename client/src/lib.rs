//! The Rust client of Pointsman: agents ask before they act, people answer.
//!
//! - [`Connection`]: where the server is and who calls.
//! - [`Agent`]: starts runs, proposes tool calls, runs what is permitted.
//! - [`Session`]: streams what an agent thinks and says, and brings what people decide.
//! - [`ReasoningWatch`]: follows it, for people.
//! - [`Worker`]: takes up answers for agents that did not wait.
//! - [`Resolvers`]: exchanges the references of a checkpoint for fresh credentials,
//!   before a permit is used up.
//! - [`Reviewer`]: reads the queue and answers; [`QueueWatch`] follows it.
//! - [`Reviews`]: judges afterwards what was decided without a person.
//! - [`Checkpoints`]: saves and compares states, and takes runs back.
//! - [`Drills`]: past cases on which people practise.
//! - [`Overrides`]: pauses, stops and resumes runs in flight; agents answer.
//! - [`Insight`]: labelled examples, of where people said something else.
//! - [`RunsWatch`]: follows what happens to runs.
//! - [`Runs`], [`Policies`], [`Queue`], [`Admin`]: reading, policies, the queue's
//!   settings, tokens, backup.
//!
//! Every mutation carries a request_id and is repeated by itself where that is
//! safe. Every try of a call tells the server how long it is waited for
//! ([`RetryLimits::attempt`], a long poll's wait besides, an hour for a backup), so
//! that nobody works for a caller who has gone; streams have no deadline. The crate fails closed: whatever goes wrong, a tool without a redeemed
//! permit does not run, and it runs on exactly the bytes that were redeemed.
//!
//! ```no_run
//! use pointsman_client::{Agent, Answer, Connection, Proposal, Proposed, RunEnd, StartRun};
//!
//! # async fn refund(_arguments: bytes::Bytes) -> Result<Vec<u8>, std::io::Error> { Ok(vec![]) }
//! # async fn example() -> pointsman_client::Result<()> {
//! let agent = Agent::new(Connection::from_env().connect().await?);
//! let goal = "settle claim C-20931".to_owned();
//! let run = agent.start_run(StartRun { goal, ..StartRun::default() }).await?;
//!
//! let proposal = Proposal::new("refund", r#"{"amount":4812,"currency":"EUR"}"#)
//!     .target("account/A-77")
//!     .reasoning("invoice and photos match");
//! let permit = match run.propose(proposal).await? {
//!     Proposed::Allowed(permit) => Some(permit),
//!     Proposed::Denied(denial) => {
//!         println!("denied: {}", denial.decision.reason);
//!         None
//!     }
//!     Proposed::Waiting(mut wait) => match wait.answer().await? {
//!         Answer::Approved(permit) | Answer::Modified(permit) => Some(permit),
//!         other => {
//!             println!("not permitted: {other:?}");
//!             None
//!         }
//!     },
//! };
//! if let Some(permit) = permit {
//!     let executed = permit.execute(refund).await?;
//!     executed.report?;
//! }
//! run.finish(RunEnd::Succeeded).await?;
//! # Ok(())
//! # }
//! ```

#[cfg(all(feature = "mutant-bytes-reserialised", not(debug_assertions)))]
compile_error!("a mutant is a fault for tests: it is never part of a release");

mod admin;
mod agent;
mod answer;
mod checkpoints;
mod clock;
mod connect;
mod credentials;
mod drills;
mod entropy;
mod error;
mod healing;
mod insight;
mod overrides;
mod permit;
mod policies;
mod proposal;
mod queue;
mod reasoning;
mod retry;
mod reviewer;
mod reviews;
mod runs;
mod session;
#[cfg(test)]
mod testing;
mod wait;
mod wall;
mod watch;
mod worker;

pub use pointsman_api::v1;

pub use crate::admin::{Admin, CreatedToken};
pub use crate::agent::{Agent, Denial, Proposed, RunEnd, RunHandle, StartRun};
pub use crate::answer::Answer;
pub use crate::checkpoints::Checkpoints;
pub use crate::clock::{Clock, ManualClock, SystemClock};
pub use crate::connect::{
    ADDRESS_VARIABLE, AuthorizedChannel, BearerToken, Connection, ConnectionBuilder,
    DEFAULT_ADDRESS, TOKEN_VARIABLE,
};
pub use crate::credentials::{
    ClientAuthentication, CredentialError, CredentialedPermit, Credentials, Environment, Files,
    KeptInFile, LONGEST_SECRET, MOST_CREDENTIALS, OAuth2, OAuth2Builder, OAuth2Client,
    RENEWAL_MARGIN, RefreshTokenKeeper, Resolver, Resolvers, Secret, Unresolved,
};
pub use crate::drills::{Drills, Planted};
pub use crate::entropy::{CountingEntropy, Entropy, SystemEntropy};
pub use crate::error::{Effect, Error, ErrorKind, FieldViolation, Result};
pub use crate::insight::{FeedbackPages, Insight};
pub use crate::overrides::{Intent, OverrideAnswer, OverrideWatch, Overrides};
pub use crate::permit::{Executed, LONGEST_RESULT, Permit, Redeemed, report_outcomes};
pub use crate::policies::{Policies, Put};
pub use crate::proposal::Proposal;
pub use crate::queue::Queue;
pub use crate::reasoning::{ReasoningEvent, ReasoningWatch};
pub use crate::retry::RetryLimits;
pub use crate::reviewer::{Given, Next, Reviewer, Seen, Shown, Verdict};
pub use crate::reviews::{Reviews, Said};
pub use crate::runs::Runs;
pub use crate::session::{Session, SessionUpdate};
pub use crate::wait::Wait;
pub use crate::wall::{WallEvent, WallWatch};
pub use crate::watch::{
    QueueEvent, QueueWatch, RunsEvent, RunsWatch, Told, Watch, WatchEvent, Watched,
};
pub use crate::worker::{Resumed, Worker, checkpoint};
