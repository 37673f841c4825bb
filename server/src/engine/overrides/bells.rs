//! Who is rung when an override comes or changes: agents for what covers their run, and
//! whoever watches one override. A bell says "look": the truth is in the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::error::Error;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::Override;
use crate::domain::run::Run;
use crate::engine::{Engine, read_error};
use crate::store::{CommitRecord, keys, records};

/// What somebody wants to hear of.
enum Interest {
    /// What covers a run.
    Run(Box<Run>),
    /// One override.
    Override(OverrideId),
}

/// Whoever listens.
struct Listener {
    tenant: String,
    interest: Interest,
    bell: Arc<Notify>,
}

/// Every listener of this server.
#[derive(Default)]
pub(in crate::engine) struct Bells(Mutex<Listeners>);

#[derive(Default)]
struct Listeners {
    next: u64,
    all: HashMap<u64, Listener>,
}

/// The bell of one listener, which is forgotten with it.
pub(super) struct Bell {
    engine: Engine,
    number: u64,
    bell: Arc<Notify>,
}

impl Bells {
    fn add(&self, tenant: &str, interest: Interest) -> (u64, Arc<Notify>) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.next += 1;
        let (number, bell) = (listeners.next, Arc::new(Notify::new()));
        let listener = Listener { tenant: tenant.to_owned(), interest, bell: Arc::clone(&bell) };
        listeners.all.insert(number, listener);
        (number, bell)
    }

    fn forget(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&number);
    }

    fn ring(&self, tenant: &str, wanted: impl Fn(&Interest) -> bool) {
        let listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.all.values() {
            if listener.tenant == tenant && wanted(&listener.interest) {
                listener.bell.notify_one();
            }
        }
    }

    fn ring_watchers(&self, tenant: &str, id: OverrideId) {
        self.ring(tenant, |it| matches!(it, Interest::Override(watched) if *watched == id));
    }

    fn ring_runs(&self, tenant: &str, it: &Override) {
        self.ring(tenant, |wanted| matches!(wanted, Interest::Run(run) if it.scope.covers(run)));
    }
}

impl Bell {
    /// Returns once it was rung since the last time.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.engine.0.bells.forget(self.number);
    }
}

impl Engine {
    /// The bell of what covers a run.
    pub(super) fn bell_of_run(&self, tenant: &str, run: &Run) -> Bell {
        let (number, bell) = self.0.bells.add(tenant, Interest::Run(Box::new(run.clone())));
        Bell { engine: self.clone(), number, bell }
    }

    /// The bell of one override.
    pub(super) fn bell_of_override(&self, tenant: &str, id: OverrideId) -> Bell {
        let (number, bell) = self.0.bells.add(tenant, Interest::Override(id));
        Bell { engine: self.clone(), number, bell }
    }

    /// Rings for an override that this server has just put in force: nobody waits for the
    /// feed to come by.
    pub(super) fn ring(&self, tenant: &str, it: &Override) {
        self.0.bells.ring_runs(tenant, it);
        self.0.bells.ring_watchers(tenant, it.id);
    }

    /// Rings for what a commit says of overrides, whichever server made it.
    pub(in crate::engine) fn hear_overrides(&self, commit: &CommitRecord) -> Result<(), Error> {
        for write in &commit.writes {
            if let Some(id) = keys::receipt_of(&commit.tenant, &write.key) {
                self.0.bells.ring_watchers(&commit.tenant, id);
            }
            let Some(value) = &write.value else { continue };
            if !keys::is_override(&commit.tenant, &write.key) {
                continue;
            }
            let it: Override = records::decode(value).map_err(read_error)?;
            self.0.bells.ring_watchers(&commit.tenant, it.id);
            let told = keys::told(&commit.tenant, &it.scope, it.id);
            if commit.writes.iter().any(|write| write.value.is_some() && write.key == told) {
                self.0.bells.ring_runs(&commit.tenant, &it);
            }
        }
        Ok(())
    }
}
