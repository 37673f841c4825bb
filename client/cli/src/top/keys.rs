//! What a key does, and why it does nothing now. One table says both what the bottom line
//! offers and what a key is allowed to do.

use pointsman_api::v1;
use pointsman_api::v1::Role;
use pointsman_api::v1::r#override::Kind;
use pointsman_api::v1::watch_reasoning_request::Density;

use super::commands;
use super::dialog::{About, Dialog, Step, VerdictName};
use super::model::{Mode, Model, Request, View, has_ended};
use crate::output::escape::inline;

/// How many rows a page is.
const PAGE: isize = 10;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A letter.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// Up.
    Up,
    /// Down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
}

/// A key that makes sense now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The key.
    pub(super) key: Key,
    /// What it does.
    pub(super) label: &'static str,
    /// Why it does nothing now; none: it does.
    pub(super) off: Option<String>,
}

/// What makes sense now, in the order in which it is shown.
pub(super) fn offers(model: &Model) -> Vec<Offer> {
    match &model.mode {
        Mode::Browse => of_list(model),
        Mode::Dialog(dialog) => of_dialog(model, dialog),
        Mode::Command(_) | Mode::Filter(_) => {
            vec![on(Key::Enter, "do it"), on(Key::Esc, "leave it")]
        }
        Mode::Help => vec![on(Key::Esc, "back")],
    }
}

const fn on(key: Key, label: &'static str) -> Offer {
    Offer { key, label, off: None }
}

fn of_list(model: &Model) -> Vec<Offer> {
    let mut offers = Vec::new();
    if let Some(id) = model.selected_id() {
        offers.push(on(Key::Enter, "open"));
        match (model.view, model.questions.get(&id), model.runs.get(&id)) {
            (View::Inbox, Some(question), _) => offers.push(claim(model, question)),
            (View::Runs, _, Some(run)) => {
                let off = off_switch(model, run);
                offers.push(Offer { key: Key::Char('p'), label: "pause, stop…", off });
            }
            _ => {}
        }
    }
    let other = on(Key::Char('-'), "last view");
    offers.extend([other, on(Key::Char('q'), "quit")]);
    offers
}

fn of_dialog(model: &Model, dialog: &Dialog) -> Vec<Offer> {
    if dialog.is_typing() {
        return vec![on(Key::Enter, "go on"), on(Key::Esc, "not now")];
    }
    let mut offers = Vec::new();
    match (&dialog.about, &dialog.step) {
        (_, Step::Sent(_)) => {}
        (About::Question { question, .. }, _) => {
            let answer =
                |key, label| Offer { key, label, off: off_answer(model, dialog, question) };
            offers.extend([
                answer(Key::Char('a'), "approve…"),
                answer(Key::Char('r'), "reject…"),
                answer(Key::Char('i'), "instruct…"),
                claim(model, question),
                on(Key::Char('R'), "read again"),
            ]);
        }
        (About::Run { id, .. }, step) => {
            offers.push(on(Key::Char('v'), "more, less"));
            if let Some(run) = model.runs.get(id).filter(|_| *step != Step::Menu) {
                let off = off_switch(model, run);
                offers.push(Offer { key: Key::Char('p'), label: "pause, stop…", off });
            }
        }
    }
    offers.push(on(Key::Esc, "back"));
    offers
}

fn read_only(model: &Model) -> Option<String> {
    model.who.is_read_only.then(|| "read-only, :rw".to_owned())
}

fn claim(model: &Model, question: &v1::Escalation) -> Offer {
    let me = &model.who.caller.principal;
    let holder = question.claim.as_ref().map(|claim| &claim.holder);
    if holder == Some(me) {
        return Offer { key: Key::Char('c'), label: "give back", off: read_only(model) };
    }
    let off = read_only(model)
        .or_else(|| (!model.has(Role::Reviewer)).then(|| "for reviewers".to_owned()))
        .or_else(|| holder.map(|holder| format!("{} holds it", inline(holder))));
    Offer { key: Key::Char('c'), label: "claim", off }
}

fn off_answer(model: &Model, dialog: &Dialog, question: &v1::Escalation) -> Option<String> {
    let me = &model.who.caller.principal;
    let other = question.claim.as_ref().map(|claim| &claim.holder).filter(|holder| *holder != me);
    let is_stale = matches!(dialog.about, About::Question { is_stale: true, .. });
    let is_open = question.state() == v1::escalation::State::Open;
    read_only(model)
        .or_else(|| (!is_open).then(|| "closed".to_owned()))
        .or_else(|| is_stale.then(|| "it has changed, R".to_owned()))
        .or_else(|| (!model.has(Role::Reviewer)).then(|| "for reviewers".to_owned()))
        .or_else(|| other.map(|holder| format!("{} holds it", inline(holder))))
}

fn off_switch(model: &Model, run: &v1::Run) -> Option<String> {
    let may = model.has(Role::Supervisor) || model.has(Role::Admin);
    read_only(model)
        .or_else(|| (!may).then(|| "for supervisors".to_owned()))
        .or_else(|| has_ended(run).then(|| "it has ended".to_owned()))
}

/// Whether a key is offered, and not off; what is off says so in the log.
fn is_on(model: &mut Model, key: Key) -> bool {
    let offered = offers(model).into_iter().find(|offer| offer.key == key);
    match offered {
        Some(Offer { off: None, .. }) => true,
        Some(Offer { off: Some(why), label, .. }) => {
            model.note(&format!("{label}: {why}"));
            false
        }
        None => false,
    }
}

/// What a key comes to; some of it is to be done outside.
pub(super) fn press(model: &mut Model, key: Key) -> Option<Request> {
    match &mut model.mode {
        Mode::Browse => in_list(model, key),
        Mode::Command(_) => in_command(model, key),
        Mode::Filter(_) => in_filter(model, key),
        Mode::Help => {
            model.mode = Mode::Browse;
            None
        }
        Mode::Dialog(dialog) if dialog.is_typing() => {
            let request = dialog.type_key(key);
            noted(model, request)
        }
        Mode::Dialog(_) => in_dialog(model, key),
    }
}

/// Notes in the log how the command line says the same.
fn noted(model: &mut Model, request: Option<Request>) -> Option<Request> {
    if let Some(command) = request.as_ref().and_then(commands::equivalent) {
        model.note(&format!("$ {command}"));
    }
    request
}

fn in_list(model: &mut Model, key: Key) -> Option<Request> {
    let request = match key {
        Key::Up | Key::Char('k') => go(model, -1),
        Key::Down | Key::Char('j') => go(model, 1),
        Key::PageUp => go(model, -PAGE),
        Key::PageDown => go(model, PAGE),
        Key::Char('1') => view(model, View::Inbox),
        Key::Char('2') => view(model, View::Runs),
        Key::Char('-') | Key::Tab => view(model, model.last_view),
        Key::Char(':') => mode(model, Mode::Command(String::new())),
        Key::Char('/') => mode(model, Mode::Filter(model.filter.clone())),
        Key::Char('?') => mode(model, Mode::Help),
        Key::Char('q') => Some(Request::Quit),
        Key::Esc => {
            model.filter.clear();
            None
        }
        Key::Enter => open(model, false),
        Key::Char('p') if is_on(model, key) => open(model, true),
        Key::Char('c') if is_on(model, key) => {
            let id = model.selected_id()?;
            hold(model.questions.get(&id), &model.who.caller.principal)
        }
        _ => None,
    };
    noted(model, request)
}

fn go(model: &mut Model, by: isize) -> Option<Request> {
    model.step(by);
    None
}

fn view(model: &mut Model, view: View) -> Option<Request> {
    model.go(view);
    None
}

fn mode(model: &mut Model, mode: Mode) -> Option<Request> {
    model.mode = mode;
    None
}

/// Reads what is selected in full; a run also with its menu.
fn open(model: &mut Model, with_menu: bool) -> Option<Request> {
    let id = model.selected_id()?;
    match model.view {
        View::Inbox => Some(model.open_question(&id)),
        View::Runs => {
            let request = model.open_run(&id, Density::Digest);
            if let Mode::Dialog(dialog) = &mut model.mode {
                dialog.begin(if with_menu { Step::Menu } else { Step::Reading });
            }
            Some(request)
        }
    }
}

/// Takes a question in hand, or gives it back.
fn hold(question: Option<&v1::Escalation>, me: &str) -> Option<Request> {
    let question = question?;
    let id = question.escalation_id.clone();
    Some(match question.claim.as_ref().filter(|claim| claim.holder == me) {
        Some(claim) => Request::Release { id, epoch: claim.claim_epoch },
        None => Request::Claim(id),
    })
}

fn in_dialog(model: &mut Model, key: Key) -> Option<Request> {
    let Mode::Dialog(dialog) = &mut model.mode else { return None };
    match key {
        Key::Up | Key::PageUp => {
            let by = if key == Key::Up { 1 } else { PAGE.unsigned_abs() };
            dialog.scroll = dialog.scroll.saturating_sub(u16::try_from(by).unwrap_or(1));
            return None;
        }
        Key::Down | Key::PageDown => {
            let by = if key == Key::Down { 1 } else { PAGE.unsigned_abs() };
            dialog.scroll = dialog.scroll.saturating_add(u16::try_from(by).unwrap_or(1));
            return None;
        }
        Key::Esc => return leave(model),
        Key::Char(letter) if dialog.step == Step::Menu => {
            choose(dialog, letter);
            return None;
        }
        _ if !is_on(model, key) => return None,
        _ => {}
    }
    let request = on_page(model, key);
    noted(model, request)
}

/// A key of the page that is looked at, which is not off.
fn on_page(model: &mut Model, key: Key) -> Option<Request> {
    let me = model.who.caller.principal.clone();
    let Mode::Dialog(dialog) = &mut model.mode else { return None };
    match (&dialog.about, key) {
        (About::Question { .. }, Key::Char('a')) => dialog.answer(VerdictName::Approve),
        (About::Question { .. }, Key::Char('r')) => dialog.answer(VerdictName::Reject),
        (About::Question { .. }, Key::Char('i')) => dialog.answer(VerdictName::Instruct),
        (About::Question { question, .. }, Key::Char('c')) => return hold(Some(question), &me),
        (About::Question { question, .. }, Key::Char('R')) => {
            let id = question.escalation_id.clone();
            return Some(model.open_question(&id));
        }
        (About::Run { .. }, Key::Char('p')) => dialog.begin(Step::Menu),
        (About::Run { id, density }, Key::Char('v')) => {
            let (id, next) = (id.clone(), next(*density));
            return Some(model.open_run(&id, next));
        }
        _ => {}
    }
    None
}

/// Goes back: from the menu to the page, from the page to the list.
fn leave(model: &mut Model) -> Option<Request> {
    let Mode::Dialog(dialog) = &mut model.mode else { return None };
    if dialog.step == Step::Menu {
        dialog.begin(Step::Reading);
        return None;
    }
    let was_run = dialog.run_id().is_some();
    model.mode = Mode::Browse;
    was_run.then_some(Request::Unfollow)
}

/// An entry of the menu; nothing is done yet.
fn choose(dialog: &mut Dialog, letter: char) {
    let kind = match letter {
        's' => Kind::PauseAfterStep,
        'n' => Kind::PauseNow,
        'r' => Kind::Resume,
        'd' => Kind::Redirect,
        'x' => Kind::Stop,
        'k' => Kind::Kill,
        _ => return,
    };
    dialog.act(kind);
}

/// The next density of what an agent thinks.
const fn next(density: Density) -> Density {
    match density {
        Density::Headline => Density::Digest,
        Density::Digest => Density::Full,
        Density::Full | Density::Unspecified => Density::Headline,
    }
}

fn in_command(model: &mut Model, key: Key) -> Option<Request> {
    let Mode::Command(typed) = &mut model.mode else { return None };
    match key {
        Key::Esc => model.mode = Mode::Browse,
        Key::Backspace => {
            typed.pop();
        }
        Key::Char(letter) => typed.push(letter),
        Key::Enter => {
            let typed = std::mem::take(typed);
            model.mode = Mode::Browse;
            return commands::run(model, &typed);
        }
        _ => {}
    }
    None
}

fn in_filter(model: &mut Model, key: Key) -> Option<Request> {
    let Mode::Filter(typed) = &mut model.mode else { return None };
    match key {
        Key::Esc => model.mode = Mode::Browse,
        Key::Backspace => {
            typed.pop();
        }
        Key::Char(letter) => typed.push(letter),
        Key::Enter => {
            model.filter = std::mem::take(typed);
            model.mode = Mode::Browse;
        }
        _ => {}
    }
    None
}
