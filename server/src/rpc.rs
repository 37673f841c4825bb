//! The services on the wire: translation between messages and the engine.
//!
//! Nothing is decided here. The door ([`door`]) checks what every call needs;
//! the services parse ids, enums and durations, call the engine, and convert
//! what it answers. Rpc never touches the store.

mod actions;
mod admin;
pub mod auth;
mod caller;
mod checkpoints;
mod convert;
pub mod dispatch;
pub mod door;
mod drills;
mod escalations;
mod foreign;
pub mod health;
mod insight;
pub mod limits;
pub mod methods;
mod overrides;
mod policies;
mod reasoning;
mod reviews;
mod runs;
mod status;
pub mod strangers;
pub mod streams;
mod watch;
mod watches;

use std::sync::Arc;

use crate::engine::Engine;
use streams::Streams;

/// What the services share.
#[derive(Clone)]
pub struct Shared {
    /// What they translate for.
    pub engine: Engine,
    /// What guards their streams.
    pub streams: Arc<Streams<Engine>>,
    /// Whether the server runs with ready-made tokens.
    pub is_dev: bool,
}
