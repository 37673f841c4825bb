//! Several real servers on one real PostgreSQL: one queue, whatever is killed.

mod faults;
mod kills;
mod latencies;
mod queue;
mod races;
mod watching;
