//! What Pointsman means, without how it is stored, sent or timed.
//!
//! Pure code: no async, no I/O, no clock, no randomness, no wire types.

pub mod digest;
pub mod error;
pub mod event;
pub mod ids;
pub mod payload;
pub mod time;
