//! What the end-to-end tests stand on: real servers, real disks, real cuts.
//!
//! Nothing here knows what a test wants to show; it offers servers, callers,
//! faults and bounded waits.

pub mod api;
pub mod child;
pub mod disk;
pub mod fixture;
pub mod fleet;
pub mod golden;
pub mod journal;
pub mod ledger;
pub mod lines;
pub mod load;
pub mod patroni;
pub mod policy;
pub mod poll;
pub mod postgres;
pub mod proxy;
pub mod pulse;
pub mod raw;
pub mod receiver;
pub mod seed;
pub mod tenant;
#[expect(dead_code, reason = "the client's own tests, whose endpoint this is, ask more of it")]
#[path = "../client/src/testing/token_endpoint.rs"]
pub mod token_endpoint;
pub mod verify;
pub mod writer;
