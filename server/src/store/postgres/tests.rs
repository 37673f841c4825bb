//! The shared store: the conformance suite, and what only it can show.

mod conform;
pub(crate) mod make;
