//! The recorded actions of a tenant, for whoever goes through many of them.

use tokio::sync::SemaphorePermit;

use crate::domain::action::Action;
use crate::domain::error::Error;
use crate::engine::limits::BACKTEST_RETRY;
use crate::engine::list::{Page, Walk};
use crate::engine::{Engine, read_error};
use crate::store::records::decode;
use crate::store::{Direction, keys};

/// The actions, the newest first, a page of records at a time.
pub(super) struct Recorded(Walk);

impl Recorded {
    /// The next older action.
    pub(super) async fn next(&mut self, engine: &Engine) -> Result<Option<Action>, Error> {
        // What is in memory is read at once: others have their turn here.
        tokio::task::yield_now().await;
        let Some((_, value)) = self.0.next(engine).await? else { return Ok(None) };
        decode(&value).map(Some).map_err(read_error)
    }
}

impl Engine {
    /// Begins with the newest action.
    pub(super) fn recorded(&self, tenant: &str) -> Result<Recorded, Error> {
        let range = keys::actions(tenant);
        self.walk(range, Direction::Descending, &Page::default(), "recorded").map(Recorded)
    }

    /// One of the few places of a server for calls that go through recorded actions.
    pub(super) fn place_for_records(&self) -> Result<SemaphorePermit<'_>, Error> {
        let place = self.0.backtests.try_acquire();
        place.map_err(|_| Error::Overloaded { retry_after: BACKTEST_RETRY })
    }
}
