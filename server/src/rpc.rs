//! The services on the wire: translation between messages and the engine.
//!
//! Nothing is decided here. The door ([`door`]) checks what every call needs;
//! the services parse ids, enums and durations, call the engine, and convert
//! what it answers. Rpc never touches the store.

pub mod auth;
pub mod door;
mod foreign;
pub mod limits;
pub mod methods;
mod status;
