//! Watching the wall: whole at first, and whole again when it has changed, at most once a
//! second.

use std::collections::HashMap;

use super::WallFilter;
use super::view::{WallFocus, WallRun, WallView};
use crate::domain::briefing::Briefing;
use crate::domain::error::Error;
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::time::{Span, Timestamp};
use crate::domain::transcript::SafeEntry;
use crate::domain::transcript::density::{Density, Digester, Piece};
use crate::engine::transcripts::Shown;
use crate::engine::watch::HEARTBEAT_MIN;
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;

/// The shortest time between two walls of one watch.
const WALL_EVERY: Span = Span::from_secs(1);
/// The longest silence.
const HEARTBEAT_MAX: Span = Span::from_secs(10);
/// The most runs that are looked at closely.
const MAX_FOCUS: usize = 5;
/// How many runs that somebody should look at are shown, unless asked otherwise.
const ATTENTION_DEFAULT: usize = 20;
/// The most of them.
const ATTENTION_MAX: usize = 100;
/// How many of the newest entries say what an agent is at.
const ENTRIES_LOOKED_AT: u64 = 64;

/// Whom to watch, and how much.
#[derive(Clone, Debug, Default)]
pub struct WatchWall {
    /// Which runs.
    pub filter: WallFilter,
    /// The runs to look at closely.
    pub focus: Vec<RunId>,
    /// How many runs to show that somebody should look at; 0: 20.
    pub attention: i32,
    /// The longest silence.
    pub heartbeat: Option<Span>,
}

/// What a message of a watch says.
#[derive(Clone, Debug, PartialEq)]
pub enum WallEvent {
    /// The wall.
    Wall {
        /// Everything up to this sequence is in it.
        sequence: u64,
        /// What it shows.
        view: Box<WallView>,
    },
    /// It has not changed; the next sign of life comes by then.
    Heartbeat(Timestamp),
}

/// One message of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WallItem {
    /// As of when.
    pub as_of: Timestamp,
    /// What it says.
    pub event: WallEvent,
}

/// A running watch; ask it for the next message.
pub struct WallWatch {
    engine: Engine,
    caller: Principal,
    watch: WatchWall,
    most: usize,
    silence: Span,
    /// The last wall.
    sent: Option<WallView>,
    /// When to look again.
    due: Timestamp,
    /// What questions ask, of those that were shown last.
    headlines: HashMap<EscalationId, String>,
}

impl Engine {
    /// Begins to watch the wall, for everybody but agents.
    pub async fn watch_wall(
        &self,
        caller: &Principal,
        watch: WatchWall,
    ) -> Result<WallWatch, Error> {
        authorize::overseer(caller)?;
        watch.filter.check()?;
        let bounds = HEARTBEAT_MIN..=HEARTBEAT_MAX;
        let silence = validate::span("heartbeat", watch.heartbeat, HEARTBEAT_MAX, bounds)?;
        let most = match usize::try_from(watch.attention) {
            Ok(0) => ATTENTION_DEFAULT,
            Ok(most) => most.min(ATTENTION_MAX),
            Err(_) => return Err(Error::field("attention_size", "negative")),
        };
        if watch.focus.len() > MAX_FOCUS {
            return Err(Error::field("focus_run_ids", format!("want at most {MAX_FOCUS}")));
        }
        for run in watch.focus.iter().chain(&watch.filter.tree) {
            self.run_record(caller, *run).await?;
        }
        Ok(WallWatch {
            engine: self.clone(),
            caller: caller.clone(),
            watch,
            most,
            silence,
            sent: None,
            due: self.now(),
            headlines: HashMap::new(),
        })
    }

    /// What an agent is at, by the newest entries of its transcript.
    async fn activity(&self, tenant: &str, run: RunId) -> Result<String, Error> {
        let last = self.transcript_head(tenant, run).await?.last;
        if last == 0 {
            return Ok(String::new());
        }
        let from = (last + 1).saturating_sub(ENTRIES_LOOKED_AT).max(1);
        let mut digester = Digester::new(Density::Headline, &[]);
        let most = usize::try_from(ENTRIES_LOOKED_AT).unwrap_or(usize::MAX);
        for shown in self.read_entries(tenant, run, from, most).await? {
            if let Shown::Entry(entry) = shown {
                digester.take(&SafeEntry::from(&entry));
            }
        }
        Ok(digester.flush().into_iter().fold(String::new(), |before, piece| match piece {
            Piece::Headline { line, .. } => line,
            Piece::Text { .. } | Piece::Section { .. } => before,
        }))
    }
}

impl WallWatch {
    /// The next message; comes at the latest when the silence is over.
    pub async fn next(&mut self) -> Result<WallItem, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            let now = self.engine.now();
            if now >= self.due {
                self.due = now.plus(WALL_EVERY);
                let (sequence, view) = self.look().await?;
                if self.sent.as_ref() != Some(&view) {
                    self.sent = Some(view.clone());
                    let event = WallEvent::Wall { sequence, view: Box::new(view) };
                    return Ok(WallItem { as_of: now, event });
                }
            }
            if now >= silent_until {
                let event = WallEvent::Heartbeat(now.plus(self.silence));
                return Ok(WallItem { as_of: now, event });
            }
            self.engine.0.clock.sleep_until(self.due.min(silent_until)).await;
        }
    }

    /// The wall as it is now.
    async fn look(&mut self) -> Result<(u64, WallView), Error> {
        let (engine, tenant) = (self.engine.clone(), self.caller.tenant.clone());
        let known = engine.audience_at_hand(&tenant).await?;
        let mut runs = Vec::new();
        for run in &self.watch.focus {
            runs.extend(engine.read::<Run>(&keys::run(&tenant, *run)).await?);
        }
        let board = engine.board(&tenant).await?;
        let (sequence, mut view) = {
            let board = board.lock().await;
            let look = engine.look(&self.caller, &known);
            let mut view = look.wall(&board, &self.watch.filter, self.most);
            view.focus = runs.iter().map(|run| look.focus(&board, run)).collect();
            (board.sequence, view)
        };
        for WallFocus { run, activity, .. } in &mut view.focus {
            *activity = engine.activity(&tenant, run.run).await?;
        }
        let focus = view.focus.iter_mut().map(|it| &mut it.run);
        let shown = view.attention.iter_mut().chain(focus);
        self.fill(shown).await?;
        Ok((sequence, view))
    }

    /// Fills in what the questions ask; each is read once while it is shown.
    async fn fill(&mut self, shown: impl Iterator<Item = &mut WallRun>) -> Result<(), Error> {
        let mut before = std::mem::take(&mut self.headlines);
        for it in shown {
            let (Some(id), Some(briefing)) = (it.question, it.briefing) else { continue };
            let headline = match before.remove(&id).or_else(|| self.headlines.get(&id).cloned()) {
                Some(headline) => headline,
                None => {
                    let briefing = self.engine.payload::<Briefing>(&briefing).await?;
                    briefing.shown().briefing.headline
                }
            };
            it.headline.clone_from(&headline);
            self.headlines.insert(id, headline);
        }
        Ok(())
    }
}
