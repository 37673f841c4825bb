//! The tokens of one name: kept while they are fresh, renewed by one at a time.
//!
//! A renewal runs on its own until it is done, whoever stops waiting for it: the
//! endpoint may have taken the former refresh token back already, and the new one
//! must not be lost.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::exchange::{Exchange, ending};
use crate::clock::Clock;
use crate::credentials::{Secret, Unresolved};

type Outcome = Result<Secret, Unresolved>;

pub(super) struct Renewal {
    name: String,
    exchange: Exchange,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// The renewal under way; once it is over, however that came, another may start.
struct UnderWay<'a>(&'a Renewal);

#[derive(Default)]
struct State {
    /// The last access token whose end is known.
    token: Option<Secret>,
    rotated: Option<Rotated>,
    under_way: Option<Shared<BoxFuture<'static, Outcome>>>,
}

/// A refresh token that the endpoint gave in place of the one of the source.
#[derive(Clone)]
struct Rotated {
    token: Secret,
    /// What the source had then. Once it has something else, that counts.
    former: Option<Secret>,
    is_kept: bool,
}

// === impl Renewal ===

impl Renewal {
    pub(super) fn new(name: String, exchange: Exchange, clock: Arc<dyn Clock>) -> Self {
        Self { name, exchange, clock, state: Mutex::default() }
    }

    /// A token that is fresh now, or as fresh as the endpoint gives it.
    pub(super) async fn token(self: &Arc<Self>) -> Outcome {
        let now = self.clock.now();
        let under_way = {
            let mut state = self.lock();
            if let Some(token) = state.fresh(now) {
                return Ok(token);
            }
            let renewed = || Arc::clone(self).start();
            state.under_way.get_or_insert_with(renewed).clone()
        };
        under_way.await
    }

    fn start(self: Arc<Self>) -> Shared<BoxFuture<'static, Outcome>> {
        let task = tokio::spawn(async move {
            let _under_way = UnderWay(&self);
            self.renew().await
        });
        let ended = || Unresolved::Unavailable {
            what: "the token endpoint",
            problem: "asking it was broken off".to_owned(),
        };
        async move { task.await.unwrap_or_else(|_| Err(ended())) }.boxed().shared()
    }

    async fn renew(&self) -> Outcome {
        self.keep().await?;
        let kept = self.lock().fresh(self.clock.now());
        if let Some(token) = kept {
            return Ok(token);
        }
        let source = self.exchange.source().await?;
        match self.exchanged(source.clone()).await {
            // Another process may have renewed it since the source was read.
            Err(refused @ Unresolved::Refused { .. }) => {
                let now = self.exchange.source().await?;
                if are_same(source.as_ref(), now.as_ref()) {
                    return Err(refused);
                }
                self.exchanged(now).await
            }
            outcome => outcome,
        }
    }

    /// Exchanges the refresh token that counts, and keeps the one that comes with it.
    async fn exchanged(&self, source: Option<Secret>) -> Outcome {
        let since = self.clock.now();
        let refresh = self.lock().refresh_token(source.clone());
        let tokens = self.exchange.run(refresh.as_ref()).await?;
        let token = ending(&tokens, since);
        {
            let mut state = self.lock();
            state.token = token.expire_time().map(|_| token.clone());
            let is_new = |it: &Secret| !are_same(refresh.as_ref(), Some(it));
            if let Some(new) = tokens.refresh.filter(is_new) {
                let is_kept = self.exchange.client.keeper.is_none();
                state.rotated = Some(Rotated { token: new, former: source, is_kept });
            }
        }
        self.keep().await?;
        Ok(token)
    }

    /// Keeps the refresh token that is not kept yet.
    async fn keep(&self) -> Result<(), Unresolved> {
        let unkept = self.lock().unkept();
        let keeper = self.exchange.client.keeper.as_ref();
        let (Some(token), Some(keeper)) = (unkept, keeper) else { return Ok(()) };
        let kept = keeper.keep(&self.name, &token).await;
        kept.map_err(|cause| Unresolved::NotKept { cause: Box::new(cause) })?;
        if let Some(rotated) = &mut self.lock().rotated {
            rotated.is_kept = true;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().under_way = None;
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    /// The token at hand; none while the refresh token that came with it is not kept.
    fn fresh(&self, now: SystemTime) -> Option<Secret> {
        let token = self.token.as_ref().filter(|token| token.is_fresh(now));
        token.filter(|_| self.unkept().is_none()).cloned()
    }

    fn unkept(&self) -> Option<Secret> {
        self.rotated.as_ref().filter(|it| !it.is_kept).map(|it| it.token.clone())
    }

    /// The refresh token that counts: the source's, unless the endpoint gave another
    /// and the source has not changed since.
    fn refresh_token(&self, source: Option<Secret>) -> Option<Secret> {
        match &self.rotated {
            Some(rotated) if are_same(rotated.former.as_ref(), source.as_ref()) => {
                Some(rotated.token.clone())
            }
            Some(_) | None => source,
        }
    }
}

fn are_same(one: Option<&Secret>, other: Option<&Secret>) -> bool {
    one.map(Secret::expose) == other.map(Secret::expose)
}
