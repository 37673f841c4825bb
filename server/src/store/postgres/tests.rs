//! The shared store: the conformance suite, and what only it can show.

mod conform;
mod make;
