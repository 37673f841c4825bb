//! The Pointsman server.

pub mod domain;
pub mod store;
