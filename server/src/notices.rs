//! Channels as the operator registered them: the wire to those whom the engine tells.
//!
//! A webhook is signed as Standard Webhooks says. Where its address leads is looked up
//! once for each attempt, every answer is judged before anything is connected to, and
//! what was judged is what is connected to; no redirect is followed, and no proxy is
//! taken from the environment. What a receiver says beside its status is not read.

mod address;
mod command;
mod connect;
mod letter;
mod sign;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{NoticesConfig, WebhookConfig};
use crate::engine::outbox::{ChannelKind, Channels, Courier};
use crate::outgoing::TrustError;
use command::CommandCourier;
use connect::{Resolve, SystemResolver};
use sign::{Secrets, UnusableSecret};
use webhook::WebhookCourier;

/// Why channels cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum NoticesError {
    /// The address of a webhook cannot be read.
    #[error("`notices.webhooks.{name}.url`: {problem}")]
    Url {
        /// The channel.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The secret of a webhook cannot be used.
    #[error("`notices.webhooks.{name}.{key}` = `{place}` cannot be used: {problem}")]
    Secret {
        /// The channel.
        name: String,
        /// The key that says where it is.
        key: &'static str,
        /// Where that is.
        place: String,
        /// What is wrong with it; not what it is.
        problem: UnusableSecret,
    },
    /// Nobody can be trusted to be the receiver.
    #[error("`notices.webhooks.{name}.ca_file`: {problem}")]
    Trust {
        /// The channel.
        name: String,
        /// What is wrong.
        problem: TrustError,
    },
    /// A program is not there.
    #[error("`notices.commands.{name}.program` = `{path}` is no file")]
    Program {
        /// The channel.
        name: String,
        /// The path.
        path: PathBuf,
    },
}

/// Registers every channel of the configuration; `env` is asked for secrets. Nobody is
/// connected to before the first notice: a receiver that is down holds up no start.
pub fn register(
    config: &NoticesConfig,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Channels, NoticesError> {
    let mut channels = Channels::default();
    let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver);
    for (name, webhook) in &config.webhooks {
        let courier = connect(name, webhook, &env, Arc::clone(&resolver))?;
        let events = webhook.events.clone();
        channels.register(name.clone(), ChannelKind::Webhook, events, Arc::new(courier));
    }
    for (name, command) in &config.commands {
        if !command.program.is_file() {
            let (name, path) = (name.clone(), command.program.clone());
            return Err(NoticesError::Program { name, path });
        }
        let courier: Arc<dyn Courier> = Arc::new(CommandCourier::new(command));
        channels.register(name.clone(), ChannelKind::Command, command.events.clone(), courier);
    }
    channels.set_default(config.default.clone());
    Ok(channels)
}

fn connect(
    name: &str,
    config: &WebhookConfig,
    env: impl Fn(&str) -> Option<String>,
    resolver: Arc<dyn Resolve>,
) -> Result<WebhookCourier, NoticesError> {
    let name = || name.to_owned();
    let uri = config.address();
    let uri = uri.map_err(|problem| NoticesError::Url { name: name(), problem })?;
    let secrets = match (&config.secret_file, &config.secret_env) {
        (Some(path), _) => Secrets::of_file(path.clone())
            .map_err(|problem| ("secret_file", path.display().to_string(), problem)),
        (None, variable) => {
            let variable = variable.clone().unwrap_or_default();
            let read = Secrets::of_text(&env(&variable).unwrap_or_default());
            read.map_err(|problem| ("secret_env", variable, problem))
        }
    };
    let secrets = secrets.map_err(|(key, place, problem)| NoticesError::Secret {
        name: name(),
        key,
        place,
        problem,
    })?;
    let courier = WebhookCourier::new(uri, config, secrets, resolver);
    courier.map_err(|problem| NoticesError::Trust { name: name(), problem })
}

#[cfg(test)]
mod tests;
