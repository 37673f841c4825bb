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
    reason = "a test fails by panicking, and its waits are bounded by the real clock"
)]

mod tidy;
