//! What is known and shown. Pure: events and keys go in, a picture comes of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::watch_reasoning_request::Density;
use prost_types::Timestamp;

use super::dialog::{Act, Answer, Dialog, Wanted};
use crate::output::escape::{inline, shown};
use crate::output::reflect::short_name;
use crate::output::table::{Tone, risk};
use crate::output::time;

/// How many lines the log keeps.
const MAX_LOG: usize = 100;
/// How many lines of an agent's thinking are kept.
const MAX_THOUGHTS: usize = 500;
/// How many runs that have ended stay on the screen.
const MAX_ENDED: usize = 100;
/// After how much silence what is shown may be old: three heartbeats of the watches.
const STALE: Duration = Duration::from_secs(30);

/// Who looks, and at which server.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The context's name, or the address.
    pub(super) context: String,
    /// Whether it is production.
    pub(super) is_prod: bool,
    /// Whether nothing may be changed from here.
    pub(super) is_read_only: bool,
    /// Who the server says it is.
    pub(super) caller: v1::GetCallerResponse,
}

/// A view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum View {
    /// What waits for a person.
    Inbox,
    /// What runs.
    Runs,
}

/// What is typed at, or looked at in full.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mode {
    /// The list.
    Browse,
    /// A `:` command.
    Command(String),
    /// A `/` filter.
    Filter(String),
    /// One thing in full, and what is done about it.
    Dialog(Box<Dialog>),
    /// Which key does what.
    Help,
}

/// How the connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// The snapshot is not complete.
    Connecting,
    /// What is shown is how it is.
    Live,
    /// What is shown may be old.
    Lost(String),
}

/// What comes in from outside.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// Time passes: the server's clock, and how long nothing was heard of it.
    Tick { now: Timestamp, silent: Duration },
    /// A question as it is now.
    Question(Box<v1::Escalation>),
    /// The snapshot of the questions is complete.
    QuestionsComplete,
    /// Everything shown of the questions is to be forgotten.
    QuestionsForgotten,
    /// A run as it is now.
    Run(Box<v1::Run>),
    /// A stream is alive.
    Alive,
    /// A stream broke; it is tried again.
    Lost(String),
    /// A question with its whole briefing.
    Opened(Box<v1::Escalation>),
    /// What the agent of a run thinks or does: the run, where the line stands, the line.
    Thought { run: String, at: u64, line: String },
    /// The server wants more with an answer.
    Wants(Wanted),
    /// Something was done.
    Did(String),
    /// Something was refused, or went wrong.
    Failed(String),
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    /// Leave.
    Quit,
    /// Read a question in full.
    Open(String),
    /// Hold a question.
    Claim(String),
    /// Give a question back.
    Release { id: String, epoch: u64 },
    /// Answer a question.
    Answer(Box<Answer>),
    /// Act on a run.
    Act(Act),
    /// Follow what the agent of a run thinks.
    Follow { run: String, density: Density },
    /// Stop following.
    Unfollow,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What it is about.
    pub(super) id: String,
    /// Shape and word of its state.
    pub(super) mark: String,
    /// How the mark stands out.
    pub(super) tone: Tone,
    /// A time: due, or since when.
    pub(super) when: String,
    /// What it is about, in words.
    pub(super) what: String,
    /// Whose it is.
    pub(super) who: String,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) who: Who,
    pub(super) has_color: bool,
    pub(super) now: Timestamp,
    pub(super) silent: Duration,
    pub(super) link: Link,
    pub(super) view: View,
    pub(super) last_view: View,
    pub(super) mode: Mode,
    pub(super) filter: String,
    pub(super) questions: BTreeMap<String, v1::Escalation>,
    pub(super) runs: BTreeMap<String, v1::Run>,
    pub(super) thoughts: BTreeMap<u64, String>,
    pub(super) log: VecDeque<String>,
    /// By id, so that nobody acts on another row because the list has moved.
    selected: BTreeMap<View, String>,
    /// The question that is being read.
    opening: Option<String>,
}

// === impl Model ===

impl Model {
    /// Nothing is known yet.
    pub(super) fn new(who: Who, now: Timestamp, has_color: bool) -> Self {
        Self {
            who,
            has_color,
            now,
            silent: Duration::ZERO,
            link: Link::Connecting,
            view: View::Inbox,
            last_view: View::Runs,
            mode: Mode::Browse,
            filter: String::new(),
            questions: BTreeMap::new(),
            runs: BTreeMap::new(),
            thoughts: BTreeMap::new(),
            log: VecDeque::new(),
            selected: BTreeMap::new(),
            opening: None,
        }
    }

    /// Takes in what comes from outside.
    pub(super) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Tick { now, silent } => (self.now, self.silent) = (now, silent),
            Heard::Question(question) => self.put_question(*question),
            Heard::QuestionsForgotten => {
                self.questions.clear();
                self.link = Link::Connecting;
            }
            Heard::Run(run) => self.put_run(*run),
            // Only the queue says that the queue is how it is shown.
            Heard::QuestionsComplete => self.link = Link::Live,
            Heard::Alive => self.revive(),
            Heard::Lost(why) => self.link = Link::Lost(inline(&why)),
            Heard::Opened(question) => self.opened(*question),
            Heard::Thought { run, at, line } => self.put_thought(&run, at, line),
            Heard::Wants(wanted) => {
                if let Mode::Dialog(dialog) = &mut self.mode {
                    dialog.want(wanted);
                }
            }
            Heard::Did(said) => {
                self.note(&said);
                if matches!(&self.mode, Mode::Dialog(dialog) if dialog.is_busy()) {
                    self.mode = Mode::Browse;
                }
            }
            Heard::Failed(said) => {
                self.note(&said);
                self.opening = None;
                if let Mode::Dialog(dialog) = &mut self.mode {
                    dialog.refuse(inline(&said));
                }
            }
        }
    }

    fn revive(&mut self) {
        if let Link::Lost(_) = self.link {
            self.link = Link::Live;
        }
    }

    fn put_question(&mut self, question: v1::Escalation) {
        self.revive();
        if let Mode::Dialog(dialog) = &mut self.mode {
            dialog.see_change(&question);
        }
        let id = question.escalation_id.clone();
        if question.state() == State::Open {
            self.questions.insert(id, question);
        } else if self.questions.remove(&id).is_some() {
            let how = short_name(question.state().as_str_name(), "STATE_");
            let said = question.resolution.unwrap_or_default();
            let by = if said.reviewer.is_empty() {
                String::new()
            } else {
                format!(" by {}", said.reviewer)
            };
            self.note(&format!("{id} {how}{by}"));
        }
    }

    fn put_run(&mut self, run: v1::Run) {
        self.runs.insert(run.run_id.clone(), run);
        let ended = self.runs.values().filter(|run| has_ended(run));
        let mut ended: Vec<_> = ended
            .map(|run| (run.finish_time.map_or(0, |at| at.seconds), run.run_id.clone()))
            .collect();
        if ended.len() > MAX_ENDED {
            ended.sort_unstable();
            if let Some((_, oldest)) = ended.first() {
                self.runs.remove(oldest);
            }
        }
    }

    fn put_thought(&mut self, run: &str, at: u64, line: String) {
        let is_shown = matches!(&self.mode, Mode::Dialog(dialog) if dialog.run_id() == Some(run));
        if !is_shown {
            return;
        }
        self.thoughts.insert(at, line);
        while self.thoughts.len() > MAX_THOUGHTS {
            self.thoughts.pop_first();
        }
    }

    fn opened(&mut self, question: v1::Escalation) {
        if self.opening.as_deref() == Some(&question.escalation_id) {
            self.opening = None;
            self.mode = Mode::Dialog(Box::new(Dialog::question(question)));
        }
    }

    /// Begins to read a question in full.
    pub(super) fn open_question(&mut self, id: &str) -> Request {
        self.opening = Some(id.to_owned());
        Request::Open(id.to_owned())
    }

    /// Begins to look at a run.
    pub(super) fn open_run(&mut self, id: &str, density: Density) -> Request {
        self.thoughts.clear();
        self.mode = Mode::Dialog(Box::new(Dialog::run(id, density)));
        Request::Follow { run: id.to_owned(), density }
    }

    /// Goes to a view; the one before is a key away.
    pub(super) fn go(&mut self, view: View) {
        if view != self.view {
            self.last_view = self.view;
            self.view = view;
        }
        self.mode = Mode::Browse;
    }

    /// Adds a line to the log, made safe.
    pub(super) fn note(&mut self, line: &str) {
        let at = time::clock(&self.now, Some(&self.now));
        self.log.push_back(format!("{at} {}", inline(line)));
        while self.log.len() > MAX_LOG {
            self.log.pop_front();
        }
    }

    /// Whether the caller has a role, by itself or by one that includes it.
    pub(super) fn has(&self, role: v1::Role) -> bool {
        let held = |it: &v1::HeldRole| {
            it.role() == role || (role == v1::Role::Reviewer && it.role() == v1::Role::Supervisor)
        };
        self.who.caller.roles.iter().any(held)
    }

    /// The state of the connection: a shape, words, and how it stands out.
    pub(super) fn link_words(&self) -> (String, Tone) {
        let silent = self.silent.as_secs_f32();
        match &self.link {
            Link::Connecting => ("○ connecting".to_owned(), Tone::Warning),
            Link::Lost(why) => (format!("✕ NOT LIVE {silent:.0}s: {why}"), Tone::Alarm),
            Link::Live if self.silent > STALE => (format!("✕ NOT LIVE {silent:.0}s"), Tone::Alarm),
            Link::Live => (format!("● live {silent:.1}s"), Tone::Good),
        }
    }

    /// How many questions are open, and how old the oldest is.
    pub(super) fn load(&self) -> (usize, Option<String>) {
        let oldest = self.questions.values().filter_map(|one| one.create_time).map(|at| at.seconds);
        let age = oldest.min().map(|at| time::span((self.now.seconds - at).max(0)));
        (self.questions.len(), age)
    }

    /// The rows of the view, filtered, the most urgent first.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = match self.view {
            View::Inbox => self.inbox_rows(),
            View::Runs => self.run_rows(),
        };
        let wanted = match &self.mode {
            Mode::Filter(typed) => typed,
            _ => &self.filter,
        };
        let wanted = wanted.to_lowercase();
        let fits = |part: &str| part.to_lowercase().contains(&wanted);
        rows.retain(|row| [&row.id, &row.mark, &row.what, &row.who].iter().any(|it| fits(it)));
        rows
    }

    fn inbox_rows(&self) -> Vec<Row> {
        let mut open: Vec<_> = self.questions.values().collect();
        let soonest = |one: &v1::Escalation| {
            one.due_time.or(one.expire_time).map_or(i64::MAX, |at| at.seconds)
        };
        open.sort_by_key(|one| (Reverse(one.severity), soonest(one), one.escalation_id.clone()));
        open.into_iter().map(|one| self.inbox_row(one)).collect()
    }

    fn inbox_row(&self, one: &v1::Escalation) -> Row {
        let brief = one.briefing.clone().unwrap_or_default();
        let (mark, tone) = risk(one.severity());
        let holder = one.claim.as_ref().map(|claim| claim.holder.as_str()).unwrap_or_default();
        let who = match holder {
            "" => "–".to_owned(),
            holder if holder == self.who.caller.principal => "you".to_owned(),
            holder => inline(holder),
        };
        Row {
            id: one.escalation_id.clone(),
            mark: mark.to_owned(),
            tone,
            when: time::until(one.due_time.or(one.expire_time).as_ref(), &self.now),
            what: shown(&brief.headline),
            who,
        }
    }

    fn run_rows(&self) -> Vec<Row> {
        let mut runs: Vec<_> = self.runs.values().collect();
        runs.sort_by_key(|run| {
            let since = run.finish_time.or(run.create_time).map_or(0, |at| at.seconds);
            (has_ended(run), Reverse(since), run.run_id.clone())
        });
        runs.into_iter().map(|run| self.run_row(run)).collect()
    }

    fn run_row(&self, run: &v1::Run) -> Row {
        let waits = self.questions.values().filter(|one| one.run_id == run.run_id).count();
        let (mark, tone) = run_mark(run, waits);
        let what = if run.goal.is_empty() { inline(&run.run_id) } else { inline(&run.goal) };
        Row {
            id: run.run_id.clone(),
            mark,
            tone,
            when: match run.finish_time.or(run.create_time) {
                Some(at) => time::span((self.now.seconds - at.seconds).max(0)),
                None => "–".to_owned(),
            },
            what,
            who: inline(&run.agent),
        }
    }

    /// Where the selection is among the rows; the first row where it has gone.
    pub(super) fn at(&self, rows: &[Row]) -> usize {
        let selected = self.selected.get(&self.view);
        selected.and_then(|id| rows.iter().position(|row| row.id == *id)).unwrap_or_default()
    }

    /// What is selected; none: there is nothing.
    pub(super) fn selected_id(&self) -> Option<String> {
        let rows = self.rows();
        rows.get(self.at(&rows)).map(|row| row.id.clone())
    }

    /// Moves the selection by so many rows.
    pub(super) fn step(&mut self, by: isize) {
        let rows = self.rows();
        let last = rows.len().saturating_sub(1);
        let at = self.at(&rows).saturating_add_signed(by).min(last);
        if let Some(row) = rows.get(at) {
            self.selected.insert(self.view, row.id.clone());
        }
    }
}

/// Whether a run has ended.
pub(super) fn has_ended(run: &v1::Run) -> bool {
    use v1::run::State;
    !matches!(run.state(), State::Running | State::Paused | State::Unspecified)
}

/// The shape and the word of a run; `waits`: how many questions of it are open.
fn run_mark(run: &v1::Run, waits: usize) -> (String, Tone) {
    use v1::run::State;
    let (mark, tone) = match run.state() {
        State::Running if waits > 0 => ("▲ waits", Tone::Warning),
        State::Running => ("● runs", Tone::Good),
        State::Paused => ("‖ paused", Tone::Warning),
        State::Stopped => ("■ stopped", Tone::Warning),
        State::Failed => ("✕ failed", Tone::Alarm),
        State::Succeeded => ("✓ done", Tone::Faint),
        State::Cancelled => ("– gave up", Tone::Faint),
        State::Unspecified => ("? unknown", Tone::Warning),
    };
    (mark.to_owned(), tone)
}
