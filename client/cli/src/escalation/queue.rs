//! The queue as a table: once, or kept up to date.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_client::{Admin, QueueEvent, QueueWatch, Reviewer};
use prost_types::Timestamp;

use super::{ListArguments, StateName, follow};
use crate::briefing::state_word;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::id::{shorten, shortened};
use crate::output::reflect::node_of;
use crate::output::table::{Field, Tone, risk, table};
use crate::output::{Output, time};

const PAGE: u32 = 500;
const REDRAW: Duration = Duration::from_secs(1);

/// A terminal's other screen, left again when this is dropped.
struct OtherScreen;

/// What is known of the queue.
#[derive(Debug, Default)]
struct Queue {
    open: BTreeMap<String, v1::Escalation>,
    trouble: Option<String>,
    is_complete: bool,
}

/// Lists escalations, or keeps the list of open ones up to date.
pub(super) async fn list(context: &Context, list: ListArguments) -> Result<Exit, Failure> {
    let connection = context.connect(Capacity::Reviewer).await?;
    let reviewer = Reviewer::new(connection.clone());
    let holder = if list.inbox.mine {
        Some(Admin::new(connection).server_info().await?.principal)
    } else {
        None
    };
    if list.inbox.watch {
        if list.state != StateName::Open {
            return Err(Failure::usage("only open escalations can be watched: leave out --state"));
        }
        let watch = reviewer.watch(v1::WatchEscalationsRequest {
            filter: Some((&list.inbox.filter).into()),
            ..v1::WatchEscalationsRequest::default()
        });
        if !(context.output.is_for_people() && context.output.is_terminal) {
            return follow::print_events(context, watch).await;
        }
        return keep_up(context, watch, holder, usize::try_from(list.inbox.limit).unwrap_or(1))
            .await;
    }
    let (found, open_count, now) = read_pages(&reviewer, &list, holder.as_deref()).await?;
    print_list(&context.output, &found, &now, list.state);
    if list.state == StateName::Open && context.output.is_for_people() {
        context.output.say(footer(&found, open_count));
    }
    Ok(Exit::Ok)
}

async fn read_pages(
    reviewer: &Reviewer,
    list: &ListArguments,
    holder: Option<&str>,
) -> Result<(Vec<v1::Escalation>, u64, Timestamp), Failure> {
    let limit = usize::try_from(list.inbox.limit).unwrap_or(usize::MAX);
    let mut request = v1::ListEscalationsRequest {
        page_size: i32::try_from(list.inbox.limit.min(PAGE)).unwrap_or_default(),
        state: State::from(list.state).into(),
        filter: Some((&list.inbox.filter).into()),
        ..v1::ListEscalationsRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = reviewer.list(request.clone()).await?;
        found.extend(page.escalations.into_iter().filter(|one| is_held_by(one, holder)));
        if page.next_page_token.is_empty() || found.len() >= limit {
            found.truncate(limit);
            let now = page.server_time.unwrap_or_else(time::local_now);
            return Ok((found, page.open_count, now));
        }
        request.page_token = page.next_page_token;
    }
}

fn is_held_by(escalation: &v1::Escalation, holder: Option<&str>) -> bool {
    let held_by = escalation.claim.as_ref().map(|claim| claim.holder.as_str());
    holder.is_none() || held_by == holder
}

fn print_list(output: &Output, found: &[v1::Escalation], now: &Timestamp, state: StateName) {
    let nodes = found.iter().map(|one| node_of("Escalation", one)).collect();
    output.many(nodes, || match (found.is_empty(), state) {
        (true, _) => String::new(),
        (false, StateName::Open) => open_table(output, found, now),
        (false, _) => closed_table(output, found, now),
    });
}

fn footer(found: &[v1::Escalation], open_count: u64) -> String {
    let Some(first) = found.first() else {
        return match open_count {
            0 => "Nothing waits for a person.".into(),
            open => format!("{open} open, none of them fits."),
        };
    };
    let id = &first.escalation_id;
    let shown = found.len();
    format!("{open_count} open, {shown} shown. Read: pointsman esc get {id}")
}

/// Open escalations, most urgent first.
pub(super) fn open_table(output: &Output, found: &[v1::Escalation], now: &Timestamp) -> String {
    let length = shorten(found.iter().map(|one| one.escalation_id.as_str()), output);
    let rows = found.iter().map(|one| {
        let brief = one.briefing.clone().unwrap_or_default();
        let (mark, tone) = risk(one.severity());
        [
            Field::new(shortened(&one.escalation_id, length)),
            Field::toned(mark, tone),
            due(one, now, output),
            Field::new(silence(&brief.if_silent)),
            Field::shown(&headline(one, &brief)),
            Field::new(&one.agent),
            Field::new(&whose(one, now, output)),
        ]
    });
    let headers = ["ID", "RISK", "DUE", "IF SILENT", "WHAT", "AGENT", "HOLDER"];
    table(output, headers, rows.collect())
}

/// The headline, and how often the same was asked.
fn headline(escalation: &v1::Escalation, brief: &v1::Briefing) -> String {
    match escalation.repeat_count {
        0 => brief.headline.clone(),
        more => format!("{} (×{})", brief.headline, more.saturating_add(1)),
    }
}

fn closed_table(output: &Output, found: &[v1::Escalation], now: &Timestamp) -> String {
    let length = shorten(found.iter().map(|one| one.escalation_id.as_str()), output);
    let rows = found.iter().map(|one| {
        let (mark, tone) = risk(one.severity());
        let said = one.resolution.clone().unwrap_or_default();
        let brief = one.briefing.clone().unwrap_or_default();
        [
            Field::new(shortened(&one.escalation_id, length)),
            Field::toned(mark, tone),
            Field::new(&state_word(one)),
            Field::new(if said.reviewer.is_empty() { "–" } else { &said.reviewer }),
            ended(one, now, output),
            Field::shown(&brief.headline),
            Field::new(&one.agent),
        ]
    });
    table(output, ["ID", "RISK", "END", "BY", "WHEN", "WHAT", "AGENT"], rows.collect())
}

/// Who has it in hand, or for how long it is put aside.
fn whose(escalation: &v1::Escalation, now: &Timestamp, output: &Output) -> String {
    match (&escalation.claim, &escalation.snooze_until_time) {
        (Some(claim), _) => claim.holder.clone(),
        (None, Some(aside)) if output.is_terminal => {
            format!("aside, {}", time::until(Some(aside), now))
        }
        (None, Some(aside)) => {
            format!("aside until {}", time::rfc3339(aside).unwrap_or_default())
        }
        (None, None) => "–".to_owned(),
    }
}

/// The word before the explanation: `cancelled: nothing runs …`.
fn silence(if_silent: &str) -> &str {
    if_silent.split(':').next().unwrap_or_default()
}

fn due(escalation: &v1::Escalation, now: &Timestamp, output: &Output) -> Field {
    let due = escalation.due_time.or(escalation.expire_time);
    if !output.is_terminal {
        return due.and_then(|due| time::rfc3339(&due)).unwrap_or_else(|| "–".into()).into();
    }
    let is_late = due.is_some_and(|due| due.seconds < now.seconds);
    let tone = if is_late { Tone::Alarm } else { Tone::Plain };
    Field::toned(&time::until(due.as_ref(), now), tone)
}

fn ended(escalation: &v1::Escalation, now: &Timestamp, output: &Output) -> Field {
    let said = escalation.resolution.as_ref().and_then(|said| said.resolve_time);
    let at = said.or(escalation.update_time);
    if output.is_terminal {
        time::since(at.as_ref(), now).into()
    } else {
        at.and_then(|at| time::rfc3339(&at)).unwrap_or_else(|| "–".into()).into()
    }
}

/// Redraws the table whenever something changes, and each second for the times.
async fn keep_up(
    context: &Context,
    mut watch: QueueWatch,
    holder: Option<String>,
    limit: usize,
) -> Result<Exit, Failure> {
    let mut queue = Queue::default();
    let mut ticks = tokio::time::interval(REDRAW);
    let mut heard = tokio::time::Instant::now();
    let screen = OtherScreen::enter();
    loop {
        tokio::select! {
            event = watch.next() => {
                heard = tokio::time::Instant::now();
                match event {
                    Some(event) => queue.take(event?),
                    None => return Ok(Exit::Ok),
                }
                if !queue.is_complete {
                    continue;
                }
            }
            _ = ticks.tick() => {}
            signal = tokio::signal::ctrl_c() => {
                drop(screen);
                return signal.map(|()| Exit::Ok).map_err(|cause| {
                    Failure::new(Exit::Failure, format!("cannot wait for signals: {cause}"))
                });
            }
        }
        let mut now = watch.server_time().unwrap_or_else(time::local_now);
        now.seconds += i64::try_from(heard.elapsed().as_secs()).unwrap_or_default();
        draw(&queue.page(&context.output, &now, holder.as_deref(), limit));
    }
}

/// Draws over what is there, so that nothing flickers.
fn draw(page: &str) {
    let mut text = String::from("\u{1b}[H");
    for line in page.lines() {
        text.push_str(line);
        text.push_str("\u{1b}[K\r\n");
    }
    text.push_str("\u{1b}[J");
    let mut out = io::stdout().lock();
    // A terminal that is gone sends a signal; there is nobody else to tell.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

// === impl OtherScreen ===

impl OtherScreen {
    fn enter() -> Self {
        Self::write("\u{1b}[?1049h\u{1b}[?25l");
        Self
    }

    fn write(sequence: &str) {
        let mut out = io::stdout().lock();
        // As in `draw`.
        let _ = out.write_all(sequence.as_bytes()).and_then(|()| out.flush());
    }
}

impl Drop for OtherScreen {
    fn drop(&mut self) {
        Self::write("\u{1b}[?25h\u{1b}[?1049l");
    }
}

// === impl Queue ===

impl Queue {
    fn take(&mut self, event: QueueEvent) {
        self.trouble = None;
        match event {
            QueueEvent::Snapshot(escalation) => self.put(*escalation),
            QueueEvent::SnapshotEnd(_) => self.is_complete = true,
            QueueEvent::Change(change) => {
                for escalation in change.escalations {
                    self.put(escalation);
                }
            }
            QueueEvent::Alive => {}
            QueueEvent::Interrupted(error) => {
                self.trouble = Some(format!("not up to date: {error}"));
            }
            QueueEvent::StartedOver(_) => *self = Self::default(),
        }
    }

    fn put(&mut self, escalation: v1::Escalation) {
        let id = escalation.escalation_id.clone();
        if escalation.state() == State::Open {
            self.open.insert(id, escalation);
        } else {
            self.open.remove(&id);
        }
    }

    fn page(&self, output: &Output, now: &Timestamp, holder: Option<&str>, limit: usize) -> String {
        let mut shown: Vec<_> =
            self.open.values().filter(|one| is_held_by(one, holder)).cloned().collect();
        let soonest = |one: &v1::Escalation| {
            one.due_time.or(one.expire_time).map_or(i64::MAX, |time| time.seconds)
        };
        shown.sort_by_key(|one| (std::cmp::Reverse(one.severity), soonest(one)));
        shown.truncate(limit);
        let clock = time::clock(now, Some(now));
        let state = match &self.trouble {
            Some(trouble) => crate::output::escape::inline(trouble),
            None if self.is_complete => "live".into(),
            None => "connecting".into(),
        };
        let open = self.open.len();
        let head = format!("pointsman inbox  {open} open  {clock}  {state}  (Ctrl-C ends)\n\n");
        if shown.is_empty() {
            return head + "Nothing waits for a person.\n";
        }
        head + &open_table(output, &shown, now) + "\n"
    }
}

#[cfg(test)]
mod tests;
