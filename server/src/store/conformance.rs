//! What every store must do: one suite, run on each.
//!
//! A test is an async function over a [`Fixture`], which opens a store, and
//! opens it again on what is there. [`suite!`] makes a `#[tokio::test]` of each
//! for one kind of store. There are no exceptions for any store.

pub(super) mod atomicity;
pub(super) mod concurrency;
pub(super) mod conflicts;
pub(super) mod make;
pub(super) mod payloads;
pub(super) mod reading;
pub(super) mod tailing;

use std::sync::Arc;

use async_trait::async_trait;

use super::Store;

/// Opens stores for the suite.
#[async_trait]
pub(super) trait Fixture: Send + Sync {
    /// Opens the store; an earlier one of this fixture has been closed.
    async fn open(&self) -> Arc<dyn Store>;

    /// Damages or removes what is stored of a payload, with the store closed.
    async fn damage_payloads(&self);
}

/// Makes a test of every function of the suite.
macro_rules! suite {
    ($fixture:expr; $($module:ident { $($name:ident)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::store::conformance::$module::$name(&$fixture).await;
            })*
        })*
    };
}

/// Runs the whole suite on one kind of store.
macro_rules! conformance_suite {
    ($fixture:expr) => {
        $crate::store::conformance::suite! {
            $fixture;
            reading {
                reads_what_was_written
                scans_in_order_within_bounds
                scans_say_whether_there_is_more
                a_range_that_is_upside_down_is_empty
                the_state_is_the_same_after_opening_again
                the_last_write_of_a_key_in_a_transaction_counts
            }
            conflicts {
                a_changed_key_conflicts
                a_key_that_must_be_absent_conflicts
                a_removed_key_conflicts
                a_phantom_in_a_range_conflicts
                a_change_beyond_what_was_read_of_a_range_does_not
                conflicts_survive_opening_again
            }
            atomicity {
                a_conflict_has_no_effect
                limits_refuse_without_effect
                commits_are_dense_and_times_never_run_back
                a_closed_store_takes_nothing
                tree_heads_are_signed_and_grow
            }
            concurrency {
                increments_with_retry_lose_nothing
                one_of_many_creators_wins
                sequences_are_dense_per_tenant
            }
            tailing {
                replays_all_commits_in_order
                replays_one_tenant_from_a_sequence
                replays_the_same_after_opening_again
                the_doorbell_rings
                a_commit_without_events_takes_no_sequence
            }
            payloads {
                payloads_read_back
                an_unknown_payload_is_not_there
                a_damaged_payload_is_refused
                successive_states_of_a_run_read_back
            }
        }
    };
}

pub(super) use {conformance_suite, suite};
