//! The Pointsman server.

pub mod config;
pub mod domain;
pub mod engine;
pub mod http;
pub mod rpc;
pub mod run;
pub mod store;
pub mod telemetry;
