//! Hears of other servers' commits as they happen, where the database has
//! `LISTEN`.
//!
//! A hint and never the truth: rings may be lost, and behind some poolers and on
//! some databases none comes at all. So a server rings and listens to itself:
//! as long as its own rings come back it polls seldom, else often.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use futures::stream::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};
use tokio_postgres::{AsyncMessage, Client, Connection};

use super::trouble::Trouble;

/// The name under which servers ring.
const CHANNEL: &str = "pointsman_commit";
/// How many rings may wait to be heard; more are the same as one.
const RINGS_KEPT: usize = 64;

/// A connection that hears rings.
pub(super) struct Line {
    client: Client,
    /// Who rang; ends with the connection.
    rings: mpsc::Receiver<String>,
}

// === impl Line ===

impl Line {
    /// Drives a new connection until it ends.
    pub(super) fn open<S, T>(
        (client, mut connection): (Client, Connection<S, T>),
    ) -> Result<Self, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, rings) = mpsc::channel(RINGS_KEPT);
        tokio::spawn(async move {
            let mut messages = poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(ring) = message {
                    // A full queue rings already.
                    let _ = sender.try_send(ring.payload().to_owned());
                }
            }
        });
        Ok(Self { client, rings })
    }

    /// Begins to listen.
    pub(super) async fn listen(&self) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(&format!("LISTEN {CHANNEL}")).await?)
    }
}

/// Whether rings are heard.
#[derive(Default)]
pub(super) struct Bell {
    /// How often this server rang.
    rung: AtomicU64,
    /// The newest of its rings that came back.
    heard: AtomicU64,
    /// Wakes whoever is to ring.
    wish: Notify,
}

// === impl Bell ===

impl Bell {
    /// Rings, soon.
    pub(super) fn ring(&self) {
        self.wish.notify_one();
    }

    /// Whether the last ring came back.
    pub(super) fn is_heard(&self) -> bool {
        let rung = self.rung.load(Ordering::Relaxed);
        rung > 0 && self.heard.load(Ordering::Relaxed) == rung
    }

    /// Rings and listens on a line until it breaks; `wake` is told of others'
    /// rings.
    pub(super) async fn attend(&self, line: Line, name: &str, wake: &Notify) -> Trouble {
        let trouble = self.ring_and_hear(line, name, wake).await;
        self.heard.store(0, Ordering::Relaxed);
        trouble
    }

    async fn ring_and_hear(&self, mut line: Line, name: &str, wake: &Notify) -> Trouble {
        if let Err(trouble) = line.listen().await {
            return trouble;
        }
        self.wish.notify_one();
        loop {
            tokio::select! {
                ring = line.rings.recv() => match ring {
                    Some(ring) => self.hear(&ring, name, wake),
                    None => return Trouble::Passing("the connection has ended".to_owned()),
                },
                () = self.wish.notified() => {
                    let number = self.rung.fetch_add(1, Ordering::Relaxed) + 1;
                    let ring = format!("NOTIFY {CHANNEL}, '{name} {number}'");
                    if let Err(error) = line.client.batch_execute(&ring).await {
                        return error.into();
                    }
                }
            }
        }
    }

    fn hear(&self, ring: &str, name: &str, wake: &Notify) {
        let own = ring.strip_prefix(name).and_then(|number| number.trim_start().parse().ok());
        match own {
            Some(number) => {
                self.heard.fetch_max(number, Ordering::Relaxed);
            }
            None => wake.notify_one(),
        }
    }
}
