//! What operators see of the server: logs, traces, metrics, health.
//!
//! Nothing here changes what the server does, and nothing that an agent or a
//! person wrote ever comes here: ids, enums, numbers and times only.

pub mod clock;
pub mod health;
pub mod metrics;
pub mod trace;
