//! Windows: how much was done lately. Counted where proposals commit, so that of
//! two at once the second sees the first, whichever servers they came to.
//!
//! Each window has, for each run, agent or customer, a list of what counts, in the
//! order of time. With every entry a mark is written, whose version is a condition
//! of the commits that count. What a person refuses, and what nobody answers, is
//! taken out again.

use bytes::Bytes;

use super::operation::Tx;
use super::read_error;
use crate::domain::action::Action;
use crate::domain::call::ToolCall;
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::Error;
use crate::domain::ids::ActionId;
use crate::domain::policy::{Policy, Tool, Window, WindowCount, WindowScope};
use crate::domain::run::Run;
use crate::domain::time::Span;
use crate::store::records::{self, ActionWindowsRecord, WindowEntryRecord};
use crate::store::{Direction, KeyRange, Scan, keys};

const WINDOW_TAG: &str = "pointsman.window.v1";
/// The most entries that are counted of one window. A fuller one holds more than any
/// limit allows, so that a person is asked.
pub const MAX_WINDOW_ENTRIES: usize = 1_000;
/// What a fuller window holds.
const FULL: WindowCount = WindowCount { calls: 4_294_967_295, total: f64::MAX };

/// One window that counts a call.
#[derive(Debug)]
pub(super) struct Counted {
    /// The window's name.
    pub(super) name: String,
    /// What it holds, the call included.
    pub(super) count: WindowCount,
    /// Names the list.
    list: Digest,
    /// How much the call is.
    amount: f64,
    /// Entries that are too old to count any more.
    outdated: Vec<Bytes>,
}

/// The windows of two policies that count the same call, each list once.
pub(super) fn united(mut own: Vec<Counted>, others: Vec<Counted>) -> Vec<Counted> {
    let others = others.into_iter();
    let new: Vec<_> = others.filter(|it| own.iter().all(|own| own.list != it.list)).collect();
    own.extend(new);
    own
}

/// How much a call is, without its sign. What should be a number and is none is more
/// than any limit allows.
fn amount_of(tool: &Tool, call: &ToolCall<'_>) -> f64 {
    let Some(path) = &tool.amount else { return 0.0 };
    path.find(call.arguments()).and_then(serde_json::Value::as_f64).map_or(f64::MAX, f64::abs)
}

/// Whose calls a call is counted with.
fn list_of(name: &str, window: &Window, run: &Run, tool: &Tool, call: &ToolCall<'_>) -> Digest {
    let mut hasher = FieldHasher::new(WINDOW_TAG);
    hasher.field(name.as_bytes());
    match window.per {
        WindowScope::Run => hasher.field(&[0]).field(run.id.as_bytes()),
        WindowScope::Agent => hasher.field(&[1]).field(run.agent.as_bytes()),
        WindowScope::Customer => {
            let customer = tool.customer.as_ref().and_then(|path| path.find(call.arguments()));
            hasher.field(&[2]).optional(customer.map(spelt).as_deref().map(str::as_bytes))
        }
    };
    hasher.finish()
}

/// A customer however it is spelt: letters and digits alone, small.
fn spelt(customer: &serde_json::Value) -> String {
    let text = match customer {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 => format!("{whole:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    };
    text.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Tx<'_> {
    /// What the windows hold that count a call, the call included. `own` is an action
    /// that may be in them already: this one, or the one that it takes the place of.
    /// The commit fails if more is counted by then.
    pub(super) async fn windows(
        &mut self,
        policy: &Policy,
        run: &Run,
        call: &ToolCall<'_>,
        own: Option<ActionId>,
    ) -> Result<Vec<Counted>, Error> {
        let tool = policy.tool(call.tool());
        let mut counted = Vec::new();
        for (name, window) in policy.windows_of(call.tool()) {
            let list = list_of(name, window, run, tool, call);
            self.look(keys::window_mark(self.tenant(), &list)).await?;
            let (count, outdated) = self.count(&list, window, own).await?;
            let amount = amount_of(tool, call);
            let calls = count.calls.saturating_add(1);
            let total = (count.total + amount).min(f64::MAX);
            let count = WindowCount { calls, total };
            counted.push(Counted { name: name.clone(), count, list, amount, outdated });
        }
        Ok(counted)
    }

    /// What a list holds, and what is too old in it.
    async fn count(
        &self,
        list: &Digest,
        window: &Window,
        own: Option<ActionId>,
    ) -> Result<(WindowCount, Vec<Bytes>), Error> {
        let all = keys::window_entries(self.tenant(), list);
        let before = Span::from_micros(-window.over.as_micros());
        let since = keys::window_entry(self.tenant(), list, self.now.plus(before), None);
        let mut found = self.entries(all.clone()).await?;
        let old = found.rows.partition_point(|(key, _)| *key < since);
        let rows = found.rows.split_off(old);
        let outdated = found.rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        let found = if found.has_more && !outdated.is_empty() {
            self.entries(KeyRange { start: since, end: all.end }).await?
        } else {
            Scan { rows, ..found }
        };
        if found.has_more {
            return Ok((FULL, outdated));
        }
        let mut count = WindowCount::default();
        for (key, row) in &found.rows {
            if own.is_some() && keys::listed_action(key) == own {
                continue;
            }
            let entry: WindowEntryRecord = records::decode(&row.value).map_err(read_error)?;
            count.calls += 1;
            count.total = (count.total + entry.amount).min(f64::MAX);
        }
        Ok((count, outdated))
    }

    async fn entries(&self, range: KeyRange) -> Result<Scan, Error> {
        let store = &self.engine.0.store;
        store.scan(range, Direction::Ascending, MAX_WINDOW_ENTRIES).await.map_err(read_error)
    }

    /// Counts an action from here on.
    pub(super) fn count_in(
        &mut self,
        action: &mut Action,
        counted: Vec<Counted>,
    ) -> Result<(), Error> {
        if counted.is_empty() {
            return Ok(());
        }
        let tenant = self.tenant();
        for window in &counted {
            self.mark(keys::window_mark(tenant, &window.list));
            let key = keys::window_entry(tenant, &window.list, self.now, Some(action.id));
            self.put(key, &WindowEntryRecord { amount: window.amount })?;
            for key in &window.outdated {
                self.remove(key.clone());
                if let Some(action) = keys::listed_action(key) {
                    self.remove(keys::action_windows(tenant, action));
                }
            }
        }
        let lists = counted.iter().map(|window| window.list).collect();
        let record = ActionWindowsRecord { lists, time: self.now };
        self.put(keys::action_windows(tenant, action.id), &record)?;
        action.is_counted = true;
        Ok(())
    }

    /// Takes an action out of the windows that count it: it will not run.
    pub(super) async fn count_out(&mut self, action: &mut Action) -> Result<(), Error> {
        if !std::mem::take(&mut action.is_counted) {
            return Ok(());
        }
        let tenant = self.tenant();
        let key = keys::action_windows(tenant, action.id);
        let Some(record) = self.get::<ActionWindowsRecord>(key.clone()).await? else {
            return Ok(());
        };
        for list in &record.lists {
            self.remove(keys::window_entry(tenant, list, record.time, Some(action.id)));
        }
        self.remove(key);
        Ok(())
    }
}
