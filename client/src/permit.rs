//! Permits: redeem a grant, run the tool on exactly the redeemed bytes, report.
//!
//! This is the guard. Nothing here may run a tool after an error, and nothing
//! may run it on bytes other than those that were redeemed.

use std::fmt::Display;
use std::future::Future;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::outcome::Status as OutcomeStatus;

use crate::connect::{Connection, promised};
use crate::credentials::{CredentialedPermit, References, Resolvers};
use crate::error::Result;
use crate::proposal::ExactCall;

/// The longest result that an outcome carries; what is longer is cut.
pub const LONGEST_RESULT: usize = 64 << 10;

/// A permission to run one tool call once, not used up yet.
#[derive(Debug)]
pub struct Permit {
    connection: Connection,
    call: ExactCall,
    grant: v1::Grant,
    resolution: Option<Box<v1::Resolution>>,
    references: References,
}

/// A used-up permission: the tool may run now, on [`arguments`](Self::arguments).
#[derive(Debug)]
pub struct Redeemed {
    connection: Connection,
    call: ExactCall,
    outcome_due_time: Option<prost_types::Timestamp>,
}

/// What came of running a tool under a permit.
#[derive(Debug)]
pub struct Executed<E> {
    /// The action that ran.
    pub action_id: String,
    /// What the tool answered.
    pub result: Result<Bytes, E>,
    /// Whether the server knows the outcome. After an error here the server will
    /// take the execution for unknown and ask a person; never run the tool again.
    pub report: Result<()>,
}

/// The bytes that a tool runs on: those that the server compared with what was
/// approved. The one place where the guard chooses what is executed.
fn bytes_to_execute(redeemed: &v1::RedeemGrantRequest) -> Bytes {
    if cfg!(feature = "mutant-bytes-reserialised") {
        let parsed: Option<serde_json::Value> = serde_json::from_slice(&redeemed.arguments).ok();
        return parsed.map(|value| value.to_string().into()).unwrap_or_default();
    }
    redeemed.arguments.clone()
}

// === impl Permit ===

impl Permit {
    pub(crate) fn new(connection: Connection, call: ExactCall, grant: v1::Grant) -> Self {
        let references = References::Known(Vec::new());
        Self { connection, call, grant, resolution: None, references }
    }

    pub(crate) fn referring_to(mut self, references: References) -> Self {
        self.references = references;
        self
    }

    pub(crate) fn resolved_by(mut self, resolution: v1::Resolution) -> Self {
        self.resolution = Some(Box::new(resolution));
        self
    }

    /// What the person said who permitted it; none where the policy did.
    pub fn resolution(&self) -> Option<&v1::Resolution> {
        self.resolution.as_deref()
    }

    /// The action that may run.
    pub fn action_id(&self) -> &str {
        &self.call.action_id
    }

    /// The tool that may run.
    pub fn tool(&self) -> &str {
        &self.call.tool
    }

    /// What the tool acts on, as approved.
    pub fn target(&self) -> &str {
        &self.call.target
    }

    /// The exact argument bytes that may be executed.
    pub fn arguments(&self) -> &Bytes {
        &self.call.arguments
    }

    /// The grant: its id, digest and expire time.
    pub fn grant(&self) -> &v1::Grant {
        &self.grant
    }

    /// The permit with the credentials that the agent's checkpoint names, all of them
    /// resolved before it is used up.
    pub fn with_credentials(self, resolvers: &Resolvers) -> CredentialedPermit<'_> {
        let references = self.references.clone();
        CredentialedPermit::new(self, references, resolvers)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Uses the permit up. Do it right before the tool runs.
    ///
    /// # Errors
    ///
    /// After any error the tool must not run: the grant is gone, withdrawn or too
    /// old, the bytes are not the approved ones, or the server did not answer.
    pub async fn redeem(self) -> Result<Redeemed> {
        if self.grant.redeemed {
            let outcome_due_time = self.grant.outcome_due_time;
            return Ok(Redeemed { connection: self.connection, call: self.call, outcome_due_time });
        }
        let request_id = self.connection.new_request_id();
        let request = self.call.to_redeem_request(request_id, &self.grant.grant_id);
        let answer = self
            .connection
            .send(request.clone(), |request| {
                let mut service = self.connection.action_service();
                async move { service.redeem_grant(request).await }
            })
            .await?;
        promised(answer.redeem_time, "redeem_time")?;
        let call = ExactCall { arguments: bytes_to_execute(&request), ..self.call };
        let outcome_due_time = answer.outcome_due_time;
        Ok(Redeemed { connection: self.connection, call, outcome_due_time })
    }

    /// Redeems, runs the tool on exactly the permitted bytes, and reports.
    ///
    /// # Errors
    ///
    /// An error means that the tool did not run. That the tool failed, or that
    /// its outcome could not be reported, is in [`Executed`].
    pub async fn execute<F, Fut, T, E>(self, tool: F) -> Result<Executed<E>>
    where
        F: FnOnce(Bytes) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        T: Into<Bytes>,
        E: Display,
    {
        let redeemed = self.redeem().await?;
        let tool = tool(redeemed.arguments().clone());
        Ok(redeemed.run(tool, |said| said).await)
    }
}

// === impl Redeemed ===

impl Redeemed {
    /// The action that may run now.
    pub fn action_id(&self) -> &str {
        &self.call.action_id
    }

    /// The exact bytes to run the tool on: those that were redeemed.
    pub fn arguments(&self) -> &Bytes {
        &self.call.arguments
    }

    /// By when the outcome must be reported; after it the execution is unknown.
    pub fn outcome_due_time(&self) -> Option<prost_types::Timestamp> {
        self.outcome_due_time
    }

    /// Reports that the tool ran and answered.
    ///
    /// # Errors
    ///
    /// The server does not know the outcome. The tool ran: do not run it again.
    pub async fn succeeded(self, result: impl Into<Bytes>) -> Result<()> {
        self.report(OutcomeStatus::Succeeded, result.into()).await
    }

    /// Reports that the tool failed.
    ///
    /// # Errors
    ///
    /// As for [`succeeded`](Self::succeeded).
    pub async fn failed(self, error: impl Into<Bytes>) -> Result<()> {
        self.report(OutcomeStatus::Failed, error.into()).await
    }

    /// Turns the permit into a report that [`report_outcomes`] sends with others.
    pub fn into_report(self, succeeded: bool, result: impl Into<Bytes>) -> v1::OutcomeReport {
        let status = if succeeded { OutcomeStatus::Succeeded } else { OutcomeStatus::Failed };
        v1::OutcomeReport {
            action_id: self.call.action_id,
            status: status.into(),
            result: cut(result.into()),
        }
    }

    /// Awaits the tool, and reports what it said as far as `tellable` lets it through.
    pub(crate) async fn run<T: Into<Bytes>, E: Display>(
        self,
        tool: impl Future<Output = Result<T, E>>,
        tellable: impl Fn(Bytes) -> Bytes,
    ) -> Executed<E> {
        let result = tool.await.map(Into::into);
        let action_id = self.call.action_id.clone();
        let report = match &result {
            Ok(answer) => self.succeeded(tellable(answer.clone())).await,
            Err(error) => self.failed(tellable(error.to_string().into())).await,
        };
        Executed { action_id, result, report }
    }

    async fn report(self, status: OutcomeStatus, result: Bytes) -> Result<()> {
        let report = |result| v1::OutcomeReport {
            action_id: self.call.action_id.clone(),
            status: status.into(),
            result,
        };
        let refusal = match report_outcomes(&self.connection, vec![report(cut(result))]).await {
            Err(error) if error.reason() == Some(ErrorReason::SecretFound) => error,
            other => return other,
        };
        let place = refusal.metadata("where").unwrap_or("the result");
        let withheld = format!("result withheld: a secret was found in {place}");
        report_outcomes(&self.connection, vec![report(withheld.into())]).await
    }
}

/// Reports a batch of outcomes, all of them or none.
///
/// # Errors
///
/// The server knows none of these outcomes.
pub async fn report_outcomes(
    connection: &Connection,
    outcomes: Vec<v1::OutcomeReport>,
) -> Result<()> {
    let request_id = connection.new_request_id();
    let request = v1::ReportOutcomesRequest { request_id, outcomes };
    connection
        .send(request, |request| {
            let mut service = connection.action_service();
            async move { service.report_outcomes(request).await }
        })
        .await
        .map(|_| ())
}

fn cut(mut result: Bytes) -> Bytes {
    result.truncate(LONGEST_RESULT);
    result
}

#[cfg(test)]
mod tests;
