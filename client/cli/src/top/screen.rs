//! The terminal: taken whole, and given back however the command ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::{DefaultTerminal, Frame};
use tokio::sync::mpsc;

use super::keys::Key;
use crate::exit::{Exit, Failure};

/// How often the reader of keys looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);
/// How many keys wait.
const WAITING: usize = 64;

/// The terminal. Dropping it gives the terminal back; so does a panic.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    keys: mpsc::Receiver<Key>,
    is_over: Arc<AtomicBool>,
}

/// The signals that end it.
pub(super) struct Signals {
    #[cfg(unix)]
    all: [tokio::signal::unix::Signal; 3],
}

// === impl Screen ===

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> Result<Self, Failure> {
        let terminal = ratatui::try_init().map_err(|cause| failed(&cause))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (send, keys) = mpsc::channel(WAITING);
        let is_left = Arc::clone(&is_over);
        std::thread::spawn(move || read_keys(&send, &is_left));
        Ok(Self { terminal, keys, is_over })
    }

    /// Draws a picture; only what has changed is written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        self.terminal.draw(draw).map(|_| ()).map_err(|cause| failed(&cause))
    }

    /// Waits for a key; none: the terminal is gone, or Ctrl-C.
    pub(super) async fn key(&mut self) -> Option<Key> {
        self.keys.recv().await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The reader ends at its next look, or with the process: nobody waits for it, because
        // a read of a terminal that has gone away may never come back.
        self.keys.close();
        ratatui::restore();
    }
}

/// Reads keys until the screen is left, or Ctrl-C. A blocking read cannot be given up, so
/// that it looks up now and then.
fn read_keys(keys: &mpsc::Sender<Key>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        match event::poll(LOOK).and_then(|is_there| is_there.then(event::read).transpose()) {
            Ok(None) => {}
            Ok(Some(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                if is_control && key.code == KeyCode::Char('c') {
                    return;
                }
                let Some(key) = key_of(key.code).filter(|_| !is_control) else { continue };
                if keys.blocking_send(key).is_err() {
                    return;
                }
            }
            Ok(Some(_)) => {}
            Err(_) => return,
        }
    }
}

const fn key_of(code: KeyCode) -> Option<Key> {
    Some(match code {
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}

fn failed(cause: &std::io::Error) -> Failure {
    Failure::new(Exit::Failure, format!("cannot use the terminal: {cause}"))
}

/// Begins to listen for the signals that end it.
pub(super) fn signals() -> Result<Signals, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|cause| {
                Failure::new(Exit::Failure, format!("cannot wait for signals: {cause}"))
            })
        };
        let all = [
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
            listen(SignalKind::interrupt())?,
        ];
        Ok(Signals { all })
    }
    #[cfg(not(unix))]
    Ok(Signals {})
}

// === impl Signals ===

impl Signals {
    /// Waits for one of them.
    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        {
            let [terminate, hang_up, interrupt] = &mut self.all;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        #[cfg(not(unix))]
        // As in `Screen::key`: Ctrl-C comes as a key as well.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
