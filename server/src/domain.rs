//! What Pointsman means, without how it is stored, sent or timed.
//!
//! Pure code: no async, no I/O, no clock, no randomness, no wire types.

pub mod action;
pub mod activation;
pub mod arguments;
pub mod call;
pub mod checkpoint;
pub mod digest;
pub mod error;
pub mod escalation;
pub mod event;
pub mod ids;
pub mod message;
pub mod payload;
pub mod policy;
pub mod principal;
pub mod resumption;
pub mod run;
pub mod secrets;
pub mod shadow;
pub mod time;
