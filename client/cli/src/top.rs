//! `pointsman top`: the inbox and the runs on one screen, live, by keyboard.
//!
//! `model` is what is known and shown, `keys` what a key does, `draw` how it looks: all
//! three pure. `feed` hears from the server, `work` asks it to do something, `screen` has
//! the terminal. No single key decides anything.

mod commands;
mod dialog;
mod draw;
mod feed;
mod keys;
mod model;
mod plain;
mod screen;
mod work;

use std::time::Duration;

use clap::Args;
use pointsman_client::Admin;
use tokio::sync::mpsc;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::time;
use feed::Feed;
use keys::press;
use model::{Heard, Model, Request, Who};
use screen::Screen;
use work::Work;

/// How often the times on the screen move on.
const TICK: Duration = Duration::from_millis(500);
/// How many events wait to be shown; whoever brings more waits.
const WAITING: usize = 1_024;
/// How many events are taken in between two pictures.
const AT_ONCE: usize = 256;

/// How to show it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: pointsman top --context prod\n\nKeys: ? shows them. Nothing is decided by one key alone."
)]
pub(crate) struct TopArguments {
    /// Line by line, with numbers to choose from: for screen readers and slow lines
    #[arg(long)]
    plain: bool,
    /// Begin read-only; contexts marked as production always do
    #[arg(long)]
    readonly: bool,
}

/// Shows it until the person leaves.
pub(crate) async fn top(context: &Context, top: TopArguments) -> Result<Exit, Failure> {
    if top.plain {
        return plain::plain(context).await;
    }
    if !context.may_ask() || !context.output.is_terminal {
        let what = "top wants a terminal";
        return Err(Failure::usage(what).next("In a script: pointsman esc watch -o jsonl"));
    }
    let login = context.login()?;
    let is_prod = login.as_ref().is_some_and(|(_, login)| login.prod);
    let connection = context.connect(Capacity::Supervisor).await?;
    let caller = Admin::new(connection.clone()).caller().await?;
    let name = login.map_or_else(|| connection.address().to_owned(), |(name, _)| name);
    let who = Who { context: name, is_prod, is_read_only: is_prod || top.readonly, caller };
    let mut model = Model::new(who, time::local_now(), context.output.has_color);
    let (heard, mut hears) = mpsc::channel(WAITING);
    let mut feed = Feed::start(&connection, heard.clone());
    let mut work = Work::new(connection, heard);
    let mut screen = Screen::enter()?;
    let mut ticks = tokio::time::interval(TICK);
    let mut signals = screen::signals()?;
    loop {
        screen.draw(|frame| draw::draw(&model, frame))?;
        tokio::select! {
            event = hears.recv() => {
                let Some(event) = event else { break };
                hear(&mut model, &mut feed, event);
                for _ in 0..AT_ONCE {
                    let Ok(event) = hears.try_recv() else { break };
                    hear(&mut model, &mut feed, event);
                }
            }
            key = screen.key() => {
                let Some(key) = key else { break };
                match press(&mut model, key) {
                    Some(Request::Quit) => break,
                    Some(Request::Follow { run, density }) => feed.follow(&run, density),
                    Some(Request::Unfollow) => feed.unfollow(),
                    Some(request) => work.start(request),
                    None => {}
                }
            }
            _ = ticks.tick() => {
                let (now, silent) = feed.now();
                model.hear(Heard::Tick { now, silent });
            }
            () = signals.wait() => break,
        }
    }
    Ok(Exit::Ok)
}

/// Notes when the server was heard last, and shows what it said.
fn hear(model: &mut Model, feed: &mut Feed, event: Heard) {
    feed.note(&event);
    model.hear(event);
}

#[cfg(test)]
mod tests;
