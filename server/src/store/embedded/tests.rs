//! The embedded store: the conformance suite, and what only it can show.

mod backup;
mod conform;
mod durability;
mod faults;
mod heads;
pub(crate) mod make;
mod model;
mod payloads;
mod projection;
mod recovery;
mod restore;
mod space;
