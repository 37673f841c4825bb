//! How runs in flight are stopped.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Config;

/// How runs in flight are stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OverridesConfig {
    /// Whether overrides have a listener of their own, beside the port for everything.
    pub listener: bool,
    /// Where it listens; absent: on the port after that of `listen`.
    pub listen: Option<SocketAddr>,
    /// Whether to stop or kill every run of the tenant takes two persons. To let runs start
    /// again always does.
    pub fleet_stop_second_person: bool,
}

impl Default for OverridesConfig {
    fn default() -> Self {
        Self { listener: true, listen: None, fleet_stop_second_person: false }
    }
}

impl Config {
    /// Where overrides have a listener of their own; none: they have none. The port after a
    /// free one is any other free one.
    pub fn overrides_listen(&self) -> Option<SocketAddr> {
        let behind = match self.listen.port() {
            0 => 0,
            port => port.checked_add(1).unwrap_or(port - 1),
        };
        let behind = SocketAddr::new(self.listen.ip(), behind);
        self.overrides.listener.then(|| self.overrides.listen.unwrap_or(behind))
    }
}
