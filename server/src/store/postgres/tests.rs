//! The shared store: the conformance suite, and what only it can show.

mod conform;
mod doubt;
mod encryption;
pub(crate) mod make;
// The same file cuts connections of the end-to-end tests.
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and it uses a part of what is here"
)]
#[path = "../../../../tests/harness/proxy.rs"]
mod proxy;
