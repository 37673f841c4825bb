//! The main road: what happens to an action from its proposal to its outcome.

mod answers;
mod binding;
mod bounds;
mod doubt;
mod facts;
mod hearing;
mod lists;
mod novelty;
mod policies;
mod policy_changes;
mod timing;
mod watching;
mod workers;
