//! The engine over the real embedded store, with a clock that stands still
//! unless a test moves it.

mod authorization;
mod awaiting;
mod backtests;
mod binding;
mod bounds;
mod claims;
mod counting;
mod facts;
mod hearing;
mod made_up;
mod main_road;
mod model;
mod novelty;
mod policies;
mod policy_checks;
mod races;
mod redeeming;
mod requests;
mod results;
mod resuming;
mod shadow;
mod sweeping;
mod time_passes;
mod tokens;
mod watching;
mod world;
