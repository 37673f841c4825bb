//! End-to-end tests: one binary, so that the server is linked once.
//!
//! Short forms run in `make test`, long ones in `make soak`. Every file beside
//! this one is listed here; `tidy` fails if one is forgotten.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, and its waits are bounded by the real clock; its modules are public to each other"
)]

mod agents;
mod authorization;
mod bad_input;
mod copy;
mod cuts;
mod damage;
mod full_disk;
mod harness;
mod hostile;
mod kills;
mod patroni;
mod postgres;
mod races;
mod reasoning;
mod restore;
mod road;
mod scenarios;
mod shared;
mod tidy;
mod toctou;
