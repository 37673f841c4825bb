//! Finding the rows of a timeline: a few short scans of lists that are in order of time,
//! merged by place. What is found is not read yet.

use super::{Edge, Place, Rank};
use crate::domain::error::Error;
use crate::domain::overrides::OverrideScope;
use crate::domain::run::Run;
use crate::engine::{Engine, read_error};
use crate::store::{Direction, KeyRange, Scan, keys};

/// What is found of a timeline.
pub(super) struct Found {
    /// The places, in the direction asked for.
    pub(super) places: Vec<Place>,
    /// Whether there are more in that direction.
    pub(super) has_more: bool,
}

/// Lists of what is looked for.
struct Search<'a> {
    engine: &'a Engine,
    beyond: Option<Place>,
    direction: Direction,
    most: usize,
    found: Found,
}

impl Engine {
    /// The places of a run's rows beyond one, at most so many.
    pub(super) async fn find_steps(
        &self,
        tenant: &str,
        run: &Run,
        edge: Edge,
        most: usize,
    ) -> Result<Found, Error> {
        let Edge { place: beyond, direction } = edge;
        let found = Found { places: Vec::new(), has_more: false };
        let mut search = Search { engine: self, beyond, direction, most, found };
        search.add(Some(start_of(run)));
        search.add(end_of(run));
        let id = run.id;
        search.list(keys::run_actions(tenant, id), Rank::Action).await?;
        search.list(keys::run_checkpoints(tenant, id), Rank::Checkpoint).await?;
        search.list(keys::runs_below(tenant, id), Rank::Child).await?;
        search.noted(keys::all_noted(tenant, id)).await?;
        for scope in narrow_scopes(run) {
            let list = keys::scope_overrides(tenant, &scope);
            search.list(list, Rank::Override).await?;
        }
        for scope in [OverrideScope::Agent(run.agent.clone()), OverrideScope::Fleet] {
            let list = keys::scope_overrides(tenant, &scope);
            // What was done before it started, or after it ended, does not concern it.
            let life = keys::made_within(list.clone(), run.create_time, run.finish_time);
            search.list_within(list, life, Rank::Override).await?;
        }
        Ok(search.end())
    }
}

/// The place of a run's start.
pub(super) fn start_of(run: &Run) -> Place {
    Place::of_id(Rank::Start, *run.id.as_bytes())
}

/// The place of a run's end.
pub(super) fn end_of(run: &Run) -> Option<Place> {
    run.finish_time.map(|time| Place::at(Rank::End, time, *run.id.as_bytes()))
}

/// The run itself, and those above with everything below them.
fn narrow_scopes(run: &Run) -> impl Iterator<Item = OverrideScope> {
    let above = run.above().iter().map(|id| OverrideScope::Tree(*id));
    std::iter::once(OverrideScope::Run(run.id)).chain(above)
}

/// The part of a range that lies within bounds; none: nothing.
fn within(bounds: KeyRange, part: KeyRange) -> Option<KeyRange> {
    let (start, end) = (part.start.max(bounds.start), part.end.min(bounds.end));
    (start < end).then_some(KeyRange { start, end })
}

impl Search<'_> {
    /// Adds a row that is in no list.
    fn add(&mut self, place: Option<Place>) {
        let is_beyond = |place: &Place| match (self.beyond, self.direction) {
            (None, _) => true,
            (Some(beyond), Direction::Ascending) => *place > beyond,
            (Some(beyond), Direction::Descending) => *place < beyond,
        };
        self.found.places.extend(place.filter(is_beyond));
    }

    /// Adds what a list of ids has.
    async fn list(&mut self, list: KeyRange, rank: Rank) -> Result<(), Error> {
        self.list_within(list.clone(), list, rank).await
    }

    /// The same of a part of the list.
    async fn list_within(
        &mut self,
        list: KeyRange,
        bounds: KeyRange,
        rank: Rank,
    ) -> Result<(), Error> {
        let part = match &self.beyond {
            None => Some(bounds),
            Some(beyond) => within(bounds, beyond.beyond(list, rank, self.direction)),
        };
        let Some(scan) = self.scan(part).await? else { return Ok(()) };
        let ids = scan.rows.iter().filter_map(|(key, _)| key.last_chunk().copied());
        self.found.places.extend(ids.map(|id| Place::of_id(rank, id)));
        Ok(())
    }

    /// Adds what is noted of the run.
    async fn noted(&mut self, list: KeyRange) -> Result<(), Error> {
        let part = match &self.beyond {
            None => Some(list),
            Some(beyond) => within(list.clone(), beyond.beyond_noted(list, self.direction)),
        };
        let Some(scan) = self.scan(part).await? else { return Ok(()) };
        self.found.places.extend(scan.rows.iter().filter_map(|(key, _)| Place::listed(key)));
        Ok(())
    }

    async fn scan(&mut self, part: Option<KeyRange>) -> Result<Option<Scan>, Error> {
        let Some(part) = part else { return Ok(None) };
        let store = &self.engine.0.store;
        let scan = store.scan(part, self.direction, self.most).await.map_err(read_error)?;
        self.found.has_more |= scan.has_more;
        Ok(Some(scan))
    }

    /// The first so many in the direction.
    fn end(mut self) -> Found {
        self.found.places.sort_unstable();
        if self.direction == Direction::Descending {
            self.found.places.reverse();
        }
        self.found.has_more |= self.found.places.len() > self.most;
        self.found.places.truncate(self.most);
        self.found
    }
}
