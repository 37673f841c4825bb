//! The Pointsman server.

#[cfg(all(feature = "mutant-digest-unchecked", not(debug_assertions)))]
compile_error!("a mutant is a fault for tests: it is never part of a release");

pub mod config;
pub mod domain;
pub mod engine;
pub mod facts;
pub mod http;
pub mod identity;
pub mod notices;
mod outgoing;
pub mod rpc;
pub mod run;
pub mod store;
pub mod telemetry;
