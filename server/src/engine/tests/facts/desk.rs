//! A provider that says what a test wants, when the test wants it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use super::super::world::START;
use crate::domain::policy::Reply;
use crate::domain::time::Span;
use crate::engine::facts::{FactProvider, Providers, Question};

#[derive(Default)]
struct State {
    replies: BTreeMap<String, Reply>,
    refusal: Option<String>,
    questions: Vec<Question>,
}

/// Clones share everything.
#[derive(Clone)]
pub(super) struct Desk {
    state: Arc<Mutex<State>>,
    is_open: Arc<watch::Sender<bool>>,
    asked: Arc<watch::Sender<usize>>,
}

pub(super) fn providers<const N: usize>(desks: [(&str, &Desk); N]) -> Providers {
    let mut providers = Providers::default();
    for (name, desk) in desks {
        providers.register(name.to_owned(), Arc::new(desk.clone()), Span::from_millis(500));
    }
    providers
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            state: Arc::default(),
            is_open: Arc::new(watch::Sender::new(true)),
            asked: Arc::new(watch::Sender::new(0)),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on it knows a fact, as of the start of the world.
    pub(super) fn knows(&self, name: &str, value: Value) {
        self.says(name, Some(Reply { value, time: Some(START) }));
    }

    pub(super) fn says(&self, name: &str, reply: Option<Reply>) {
        self.with(|state| {
            state.refusal = None;
            match reply {
                Some(reply) => state.replies.insert(name.to_owned(), reply),
                None => state.replies.remove(name),
            }
        });
    }

    pub(super) fn refuses(&self, words: &str) {
        self.with(|state| state.refusal = Some(words.to_owned()));
    }

    /// From now on nobody gets an answer, until it is open again.
    pub(super) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub(super) fn questions(&self) -> Vec<Question> {
        self.with(|state| state.questions.clone())
    }

    /// Returns when it has been asked so often.
    pub(super) async fn has_been_asked(&self, often: usize) {
        self.asked.subscribe().wait_for(|asked| *asked >= often).await.unwrap();
    }
}

#[async_trait]
impl FactProvider for Desk {
    async fn ask(&self, question: &Question) -> Result<BTreeMap<String, Reply>, String> {
        self.with(|state| state.questions.push(question.clone()));
        self.asked.send_modify(|asked| *asked += 1);
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        self.with(|state| match &state.refusal {
            Some(words) => Err(words.clone()),
            None => Ok(state.replies.clone()),
        })
    }
}
