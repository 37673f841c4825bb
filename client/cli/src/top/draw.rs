//! How it looks: a picture of the model, and nothing else. Everything that is shown has
//! been made safe; colour says nothing that a shape or a word does not say too.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Block, Borders, Clear, Paragraph, Row as TableRow, Table, TableState, Wrap,
};

use super::commands::COMMANDS;
use super::dialog::{About, Dialog, Step};
use super::keys::{Key, Offer, offers};
use super::model::{Mode, Model, Row, View};
use crate::briefing::briefing;
use crate::output::escape::inline;
use crate::output::reflect::short_name;
use crate::output::table::Tone;
use crate::output::{Format, Output, Talk, time};

/// From which width on the detail stands beside the list.
const WIDE: u16 = 100;
/// How many lines the log has on the screen, its border included.
const LOG_HEIGHT: u16 = 4;

/// Draws everything.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let parts = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(LOG_HEIGHT),
        Constraint::Length(1),
    ];
    let [head, tabs, body, log, bottom] = Layout::vertical(parts).areas(frame.area());
    draw_head(model, frame, head);
    draw_tabs(model, frame, tabs);
    match &model.mode {
        Mode::Dialog(dialog) => draw_dialog(model, dialog, frame, body),
        Mode::Help => draw_help(frame, body),
        Mode::Browse | Mode::Command(_) | Mode::Filter(_) => draw_lists(model, frame, body),
    }
    draw_log(model, frame, log);
    draw_bottom(model, frame, bottom);
}

/// How a tone looks.
fn style(model: &Model, tone: Tone) -> Style {
    if !model.has_color {
        return Style::new();
    }
    match tone {
        Tone::Plain => Style::new(),
        Tone::Alarm => Style::new().fg(Color::Red),
        Tone::Warning => Style::new().fg(Color::Yellow),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Faint => Style::new().fg(Color::DarkGray),
    }
}

fn draw_head(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let who = &model.who;
    let prod = if who.is_prod { " ▒▒ production" } else { "" };
    let lock = if who.is_read_only { " (read-only, :rw to unlock)" } else { "" };
    let left = format!(" pointsman top  {}{prod}{lock}", inline(&who.context));
    let (link, tone) = model.link_words();
    let (open, oldest) = model.load();
    let oldest = oldest.map(|age| format!("  oldest {age}")).unwrap_or_default();
    let right = format!("  {open} open{oldest} ");
    let room = usize::from(area.width).saturating_sub(width(&left) + width(&link) + width(&right));
    let line = Line::from(vec![
        Span::styled(left, Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(" ".repeat(room.max(1))),
        Span::styled(link, style(model, tone)),
        Span::raw(right),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

fn width(text: &str) -> usize {
    Line::raw(text).width()
}

fn draw_tabs(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let tab = |number: &str, name: &str, view: View| {
        let is_here = model.view == view;
        let text =
            if is_here { format!("[{number} {name}] ") } else { format!(" {number} {name}  ") };
        let bold = if is_here { Modifier::BOLD } else { Modifier::empty() };
        Span::styled(text, Style::new().add_modifier(bold))
    };
    let filter = match model.filter.as_str() {
        "" => String::new(),
        filter => format!("  filter: {} (Esc clears)", inline(filter)),
    };
    let mut spans = vec![
        Span::raw(" "),
        tab("1", "Inbox", View::Inbox),
        tab("2", "Runs", View::Runs),
        Span::raw(filter),
    ];
    let help = ": cmd  / filter  ? keys ";
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(area.width).saturating_sub(used + width(help));
    spans.push(Span::raw(" ".repeat(room)));
    spans.push(Span::raw(help));
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

fn draw_lists(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    if area.width < WIDE {
        return draw_list(model, frame, area);
    }
    let parts = [Constraint::Percentage(58), Constraint::Percentage(42)];
    let [left, right] = Layout::horizontal(parts).areas(area);
    draw_list(model, frame, left);
    let text = model.selected_id().map(|id| preview(model, &id)).unwrap_or_default();
    let block = Block::new().borders(Borders::TOP | Borders::LEFT);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).block(block), right);
}

fn draw_list(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let rows = model.rows();
    let (title, when) = match model.view {
        View::Inbox => ("── Inbox · gravest first, then due ", 9),
        View::Runs => ("── Runs · newest first ", 7),
    };
    let block = Block::new().borders(Borders::TOP).title(title);
    if rows.is_empty() {
        let nothing = match (model.view, model.filter.as_str()) {
            (View::Inbox, "") => " Nothing waits for a person.",
            (View::Runs, "") => " Nothing runs.",
            _ => " Nothing fits the filter.",
        };
        return frame.render_widget(Paragraph::new(nothing).block(block), area);
    }
    let cells = |row: &Row| {
        TableRow::new(vec![
            Span::styled(row.mark.clone(), style(model, row.tone)),
            Span::raw(row.when.clone()),
            Span::raw(row.what.clone()),
            Span::raw(row.who.clone()),
        ])
    };
    let widths = [
        Constraint::Length(10),
        Constraint::Length(when),
        Constraint::Fill(1),
        Constraint::Length(14),
    ];
    let table = Table::new(rows.iter().map(cells), widths)
        .block(block)
        .highlight_symbol("▸ ")
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(model.at(&rows)));
    frame.render_stateful_widget(table, area, &mut state);
}

/// What stands beside the list of what is selected.
fn preview(model: &Model, id: &str) -> String {
    if let Some(question) = model.questions.get(id).filter(|_| model.view == View::Inbox) {
        return briefing(question, &model.now, &plain());
    }
    model.runs.get(id).map(|run| run_facts(model, run)).unwrap_or_default()
}

/// Text without colours: the screen has its own.
const fn plain() -> Output {
    Output {
        format: Format::Table,
        talk: Talk::Quiet,
        is_terminal: true,
        has_color: false,
        width: None,
    }
}

fn run_facts(model: &Model, run: &pointsman_api::v1::Run) -> String {
    let state = short_name(run.state().as_str_name(), "STATE_");
    let mut text = format!("{}  {state}\n", inline(&run.run_id));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("{label:<9}{}\n", inline(value));
        }
    };
    fact("Goal", &run.goal);
    fact("Agent", &run.agent);
    fact("For", &run.on_behalf_of);
    fact("Parent", &run.parent_run_id);
    fact("Started", &time::since(run.create_time.as_ref(), &model.now));
    fact("Held by", &run.override_id);
    for question in model.questions.values().filter(|one| one.run_id == run.run_id) {
        fact("Waits on", &question.escalation_id);
    }
    text
}

fn draw_dialog(model: &Model, dialog: &Dialog, frame: &mut Frame<'_>, area: Rect) {
    let foot = u16::from(dialog.asked().is_some()) * 2 + u16::from(!dialog.said.is_empty());
    let [page, asked] =
        Layout::vertical([Constraint::Min(1), Constraint::Length(foot)]).areas(area);
    let (title, text) = match &dialog.about {
        About::Question { question, is_stale } => {
            let stale = if *is_stale { " · HAS CHANGED " } else { "" };
            let title = format!("── {}{stale} ", inline(&question.escalation_id));
            (title, briefing(question, &model.now, &plain()))
        }
        About::Run { id, density } => {
            let density = density.as_str_name().trim_start_matches("DENSITY_").to_lowercase();
            let facts = model.runs.get(id).map(|run| run_facts(model, run)).unwrap_or_default();
            let thoughts: Vec<_> = model.thoughts.values().cloned().collect();
            let heard = match thoughts.is_empty() {
                true => "(nothing heard of its agent yet)".to_owned(),
                false => thoughts.join("\n"),
            };
            (format!("── {} · {density} ", inline(id)), format!("{facts}\n{heard}"))
        }
    };
    let block = Block::new().borders(Borders::TOP).title(title);
    let lines = wrapped(&text, page.width);
    let room = usize::from(page.height.saturating_sub(1));
    let most = lines.len().saturating_sub(room);
    // What an agent thinks is read at its end, a briefing from its beginning.
    let scroll = match dialog.run_id() {
        Some(_) => most.saturating_sub(dialog.scroll.into()),
        None => most.min(dialog.scroll.into()),
    };
    let shown: Vec<_> = lines.into_iter().skip(scroll).take(room).map(Line::raw).collect();
    frame.render_widget(Paragraph::new(shown).block(block), page);
    frame.render_widget(Clear, asked);
    frame.render_widget(Paragraph::new(foot_lines(model, dialog)), asked);
}

/// The lines of a text, none wider than the screen; words are kept whole where they fit.
fn wrapped(text: &str, width: u16) -> Vec<String> {
    let room = usize::from(width).max(1);
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while self::width(rest) > room {
            let (mut used, mut end, mut gap) = (0, 0, None);
            for (at, letter) in rest.char_indices() {
                used += self::width(letter.encode_utf8(&mut [0; 4]));
                if used > room {
                    break;
                }
                end = at + letter.len_utf8();
                gap = if letter == ' ' { Some(end) } else { gap };
            }
            // At least one letter, so that every text has an end.
            let least = rest.chars().next().map_or(0, char::len_utf8);
            let (before, behind) = rest.split_at(gap.unwrap_or(end).max(least));
            lines.push(before.trim_end().to_owned());
            rest = behind;
        }
        lines.push(rest.to_owned());
    }
    lines
}

fn foot_lines<'a>(model: &Model, dialog: &'a Dialog) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    if !dialog.said.is_empty() {
        let said = Span::styled(dialog.said.as_str(), style(model, Tone::Alarm));
        lines.push(Line::from(vec![Span::raw(" ! "), said]));
    }
    if let Some(asked) = dialog.asked() {
        lines.push(Line::raw(format!(" {asked}")));
        let is_quiet = matches!(dialog.step, Step::Menu | Step::Sent(_));
        let typed =
            if is_quiet { String::new() } else { format!(" > {}▏", inline(&dialog.input)) };
        lines.push(Line::raw(typed));
    }
    lines
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let mut text = String::from(
        " ↑ ↓ j k  move        ↵  open           Esc  back, clear the filter\n \
         1 2      views       -  the last view   q   leave\n \
         /        filter      :  commands\n\n \
         On a question: a approve…  r reject…  i instruct…  c claim, give back\n \
         On a run:      p pause, redirect, stop, kill…  v how much of its thinking\n\n \
         Nothing is decided by one key: digits, words or a reason are typed first.\n\n",
    );
    for (command, what) in COMMANDS {
        text += &format!("  :{command:<10}{what}\n");
    }
    let block = Block::new().borders(Borders::TOP).title("── Keys ");
    frame.render_widget(Paragraph::new(text).block(block), area);
}

fn draw_log(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::new().borders(Borders::TOP).title("── Log ");
    let room = usize::from(area.height.saturating_sub(1));
    let lines = model.log.iter().rev().take(room).map(|line| Line::raw(format!(" {line}")));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}

fn draw_bottom(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let typed = match &model.mode {
        Mode::Command(typed) => Some(format!(" :{}▏", inline(typed))),
        Mode::Filter(typed) => Some(format!(" /{}▏", inline(typed))),
        _ => None,
    };
    if let Some(typed) = typed {
        return frame.render_widget(Paragraph::new(typed), area);
    }
    let mut spans = vec![Span::raw(" ")];
    for offer in offers(model) {
        spans.push(offered(model, &offer));
        spans.push(Span::raw("  "));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// A key with what it does, and why it is off.
fn offered(model: &Model, offer: &Offer) -> Span<'static> {
    let key = match offer.key {
        Key::Char(letter) => letter.to_string(),
        Key::Enter => "↵".to_owned(),
        Key::Esc => "Esc".to_owned(),
        Key::Tab => "Tab".to_owned(),
        Key::Backspace => "⌫".to_owned(),
        Key::Up => "↑".to_owned(),
        Key::Down => "↓".to_owned(),
        Key::PageUp => "PgUp".to_owned(),
        Key::PageDown => "PgDn".to_owned(),
    };
    match &offer.off {
        None => Span::raw(format!("{key} {}", offer.label)),
        Some(why) => {
            Span::styled(format!("({key} {}: {why})", offer.label), style(model, Tone::Faint))
        }
    }
}
