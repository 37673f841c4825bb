//! Whether the server serves, for the health service, `/healthz` and `/readyz`.

use tokio::sync::watch;

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// Takes calls.
    Yes,
    /// Finishes what it has and takes nothing new.
    Draining,
    /// Its store failed; the process is about to end.
    Failed,
}

/// Tells everybody where the server is in its life.
#[derive(Clone, Debug)]
pub struct Health(watch::Sender<Serving>);

// === impl Health ===

impl Health {
    /// A server that serves.
    pub fn new() -> Self {
        Self(watch::Sender::new(Serving::Yes))
    }

    /// Moves on. A failure is final.
    pub fn set(&self, serving: Serving) {
        self.0.send_if_modified(|now| {
            let changes = *now != Serving::Failed && *now != serving;
            if changes {
                *now = serving;
            }
            changes
        });
    }

    /// Where the server is.
    pub fn get(&self) -> Serving {
        *self.0.borrow()
    }

    /// Follows the server through its life.
    pub fn subscribe(&self) -> watch::Receiver<Serving> {
        self.0.subscribe()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_final() {
        let health = Health::new();
        health.set(Serving::Draining);
        assert_eq!(health.get(), Serving::Draining);
        health.set(Serving::Failed);
        health.set(Serving::Yes);
        assert_eq!(health.get(), Serving::Failed);
    }
}
