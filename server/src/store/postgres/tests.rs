//! The shared store: the conformance suite, and what only it can show.

// The same file starts databases for the end-to-end tests.
#[path = "../../../../tests/harness/postgres.rs"]
mod cluster;
mod conform;
mod make;
