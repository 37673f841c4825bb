//! Copies between real stores of both kinds.

mod backup;
mod failover;
mod long;
mod make;
mod refusals;
mod tenant;
mod whole;
