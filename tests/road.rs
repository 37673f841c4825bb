//! The main road: what happens to an action from its proposal to its outcome.

mod answers;
mod binding;
mod bounds;
mod briefing;
mod doubt;
mod drills;
mod facts;
mod floods;
mod hands;
mod hearing;
mod identity;
mod lists;
mod notices;
mod novelty;
mod overrides;
mod paths;
mod people;
mod policies;
mod policy_changes;
mod queue;
mod reverting;
mod reviews;
mod timing;
mod wall;
mod watching;
mod workers;
