//! Permits with credentials: resolve them all, then redeem, then run.
//!
//! The order is the point. A grant that was redeemed for a tool that then has no
//! token is an execution that nobody knows the outcome of.

use std::fmt::Display;
use std::future::Future;

use bytes::Bytes;
use pointsman_api::v1;

use super::{CredentialError, Credentials, Resolvers};
use crate::connect::Connection;
use crate::error::{Error, Result};
use crate::permit::{Executed, Permit, Redeemed};
use crate::worker::checkpoint;

/// Where the references of an action are.
#[derive(Clone, Debug)]
pub(crate) enum References {
    /// Here.
    Known(Vec<v1::CredentialRef>),
    /// In a checkpoint on the server.
    Checkpoint(String),
}

/// A [`Permit`] whose tool needs the credentials of the agent's checkpoint.
#[derive(Debug)]
pub struct CredentialedPermit<'a> {
    permit: Permit,
    resolvers: &'a Resolvers,
    references: References,
    credentials: Option<Credentials>,
}

// === impl References ===

impl References {
    /// Those of the checkpoint; none if there is none.
    pub(crate) fn of_checkpoint(checkpoint_id: String) -> Self {
        match checkpoint_id.is_empty() {
            true => Self::Known(Vec::new()),
            false => Self::Checkpoint(checkpoint_id),
        }
    }

    async fn read(&self, connection: &Connection) -> Result<Vec<v1::CredentialRef>> {
        match self {
            Self::Known(references) => Ok(references.clone()),
            Self::Checkpoint(id) => Ok(checkpoint(connection, id.clone()).await?.credentials),
        }
    }
}

// === impl CredentialedPermit ===

impl<'a> CredentialedPermit<'a> {
    pub(crate) fn new(permit: Permit, references: References, resolvers: &'a Resolvers) -> Self {
        Self { permit, resolvers, references, credentials: None }
    }

    /// Resolves these references in place of the checkpoint's: for workers that have
    /// loaded the checkpoint already.
    #[must_use]
    pub fn references(mut self, references: Vec<v1::CredentialRef>) -> Self {
        self.references = References::Known(references);
        self.credentials = None;
        self
    }

    /// The permit.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Resolves every credential and redeems nothing. May be called again, such as
    /// after an error: what is fresh still is kept.
    ///
    /// # Errors
    ///
    /// Credential, naming the reference, if one cannot be resolved, or as
    /// `CheckpointService.GetCheckpoint`. The grant stays as it was.
    pub async fn resolve(&mut self) -> Result<&Credentials> {
        let is_fresh = |it: &Credentials| it.are_fresh(self.resolvers.now());
        let credentials = match self.credentials.take().filter(is_fresh) {
            Some(credentials) => credentials,
            None => self.resolve_anew().await?,
        };
        Ok(self.credentials.insert(credentials))
    }

    /// Resolves every credential, and then uses the permit up.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve), and then nothing is redeemed: the resumption
    /// is offered again when its lease is over, and asking for the answer again
    /// gives the permit once more. As [`Permit::redeem`] after that. The tool must
    /// not run in either case.
    pub async fn redeem(mut self) -> Result<(Redeemed, Credentials)> {
        self.resolve().await?;
        let credentials = self.credentials.take().unwrap_or_default();
        Ok((self.permit.redeem().await?, credentials))
    }

    /// Resolves, redeems, runs the tool on exactly the permitted bytes with the
    /// credentials, and reports. A result or an error that has one of the secrets in it
    /// is not told to the server: the report says so instead.
    ///
    /// # Errors
    ///
    /// As [`redeem`](Self::redeem): the tool did not run. A permit that was redeemed
    /// with its proposal is reported as failed if it has no credentials.
    pub async fn execute<F, Fut, T, E>(mut self, tool: F) -> Result<Executed<E>>
    where
        F: FnOnce(Bytes, Credentials) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        T: Into<Bytes>,
        E: Display,
    {
        if let Err(error) = self.resolve().await {
            return Err(self.give_up(error).await);
        }
        let credentials = self.credentials.take().unwrap_or_default();
        let redeemed = self.permit.redeem().await?;
        let tool = tool(redeemed.arguments().clone(), credentials.clone());
        Ok(redeemed.run(tool, |said| credentials.withheld_from(said)).await)
    }

    async fn resolve_anew(&self) -> Result<Credentials> {
        let references = self.references.read(self.permit.connection()).await?;
        let resolved = self.resolvers.resolve(&references).await;
        resolved.map_err(|failed| self.refusal(&failed))
    }

    fn refusal(&self, failed: &CredentialError) -> Error {
        Error::credential(failed, self.permit.grant().redeemed)
    }

    /// Tells the server that what was redeemed with its proposal did not run.
    async fn give_up(self, error: Error) -> Error {
        if self.permit.grant().redeemed
            && let Ok(redeemed) = self.permit.redeem().await
        {
            let told = redeemed.failed(format!("the tool did not run: {error}")).await;
            if let Err(cause) = told {
                tracing::warn!(%cause, "cannot report that a tool did not run");
            }
        }
        error
    }
}

#[cfg(test)]
mod tests;
