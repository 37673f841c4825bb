//! What Pointsman means, without how it is stored, sent or timed.
//!
//! Pure code: no async, no I/O, no clock, no randomness, no wire types.

pub mod action;
pub mod activation;
pub mod arguments;
pub mod authority;
pub mod branch;
pub mod briefing;
pub mod call;
pub mod checkpoint;
pub mod condition;
pub mod delta;
pub mod difference;
pub mod digest;
pub mod directory;
pub mod drill;
pub mod effects;
pub mod error;
pub mod escalation;
pub mod event;
pub mod feedback;
pub mod flood;
pub mod ids;
pub mod incident;
pub mod message;
pub mod money;
pub mod notice;
pub mod overrides;
pub mod payload;
mod period;
pub mod policy;
pub mod principal;
pub mod queue;
pub mod refusal;
pub mod render;
pub mod resumption;
pub mod reversion;
pub mod review;
pub mod run;
pub mod secrets;
pub mod shadow;
pub mod time;
pub mod transcript;
