//! A courier that does what a test wants, when the test wants it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::notice::{DeliveryProblem, NoticeKind};
use crate::engine::outbox::{ChannelKind, Channels, Courier, Letter, Undelivered};

#[derive(Default)]
struct State {
    letters: Vec<Letter>,
    refusals: VecDeque<Undelivered>,
}

/// Clones share everything.
#[derive(Clone)]
pub(in crate::engine::tests) struct Post {
    state: Arc<Mutex<State>>,
    is_open: Arc<watch::Sender<bool>>,
    taken: Arc<watch::Sender<usize>>,
}

/// The channel `user` takes what expires, `ops` what is overdue.
pub(in crate::engine::tests) fn channels(user: &Post, ops: &Post) -> Channels {
    let mut channels = Channels::default();
    for (name, post, events) in [
        ("user", user, vec![NoticeKind::EscalationExpired]),
        ("ops", ops, vec![NoticeKind::EscalationOverdue]),
    ] {
        channels.register(name.to_owned(), ChannelKind::Webhook, events, Arc::new(post.clone()));
    }
    channels
}

impl Post {
    pub(in crate::engine::tests) fn new() -> Self {
        Self {
            state: Arc::default(),
            is_open: Arc::new(watch::Sender::new(true)),
            taken: Arc::new(watch::Sender::new(0)),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next so many letters come to nothing.
    pub(in crate::engine::tests) fn refuses(&self, often: usize, problem: DeliveryProblem) {
        self.refuses_for(often, problem.into());
    }

    pub(in crate::engine::tests) fn refuses_for(&self, often: usize, undelivered: Undelivered) {
        self.with(|state| state.refusals.extend(std::iter::repeat_n(undelivered, often)));
    }

    /// From now on it takes letters and says nothing, until it is open again.
    pub(in crate::engine::tests) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(in crate::engine::tests) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Every letter it was handed, in this order.
    pub(in crate::engine::tests) fn letters(&self) -> Vec<Letter> {
        self.with(|state| state.letters.clone())
    }

    /// Returns when it was handed so many.
    pub(in crate::engine::tests) async fn has(&self, letters: usize) {
        self.taken.subscribe().wait_for(|taken| *taken >= letters).await.unwrap();
    }
}

#[async_trait]
impl Courier for Post {
    async fn deliver(&self, letter: &Letter) -> Result<(), Undelivered> {
        self.with(|state| state.letters.push(letter.clone()));
        self.taken.send_modify(|taken| *taken += 1);
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        self.with(|state| state.refusals.pop_front().map_or(Ok(()), Err))
    }
}
