//! What an agent proposes: one tool call, serialised exactly once.

use bytes::Bytes;
use pointsman_api::v1;
use serde::Serialize;

use crate::error::{Error, Result};

/// A tool call that an agent wants to make.
///
/// The arguments are bytes from here on: they are sent, judged, approved and
/// executed as they are, and never serialised again.
#[derive(Clone, Debug)]
pub struct Proposal {
    tool: String,
    arguments: Bytes,
    tool_schema_version: String,
    target: String,
    preconditions: Bytes,
    reasoning: String,
    confidence: Option<f64>,
    tool_call_id: String,
    checkpoint: Option<v1::CheckpointDraft>,
    redeem_if_allowed: bool,
    resume_mode: v1::ResumeMode,
    follows: String,
    branch: u32,
}

impl Proposal {
    /// Proposes a tool with its arguments: the bytes of one JSON object.
    pub fn new(tool: impl Into<String>, arguments: impl Into<Bytes>) -> Self {
        Self {
            tool: tool.into(),
            arguments: arguments.into(),
            tool_schema_version: String::new(),
            target: String::new(),
            preconditions: Bytes::new(),
            reasoning: String::new(),
            confidence: None,
            tool_call_id: String::new(),
            checkpoint: None,
            redeem_if_allowed: false,
            resume_mode: v1::ResumeMode::Attached,
            follows: String::new(),
            branch: 0,
        }
    }

    /// Proposes a tool, and serialises its arguments here, once.
    ///
    /// # Errors
    ///
    /// InvalidInput if the arguments have no JSON form.
    pub fn json(tool: impl Into<String>, arguments: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(arguments).map_err(|cause| {
            Error::invalid_input(format!("arguments without JSON form: {cause}"))
        })?;
        Ok(Self::new(tool, bytes))
    }

    /// Names the version of the tool's argument schema.
    #[must_use]
    pub fn tool_schema_version(mut self, version: impl Into<String>) -> Self {
        self.tool_schema_version = version.into();
        self
    }

    /// Names what the tool acts on: an account, a host.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    /// States what must still be true when the tool runs.
    #[must_use]
    pub fn preconditions(mut self, preconditions: impl Into<Bytes>) -> Self {
        self.preconditions = preconditions.into();
        self
    }

    /// Says why; shown to people as untrusted text.
    #[must_use]
    pub fn reasoning(mut self, reasoning: impl Into<String>) -> Self {
        self.reasoning = reasoning.into();
        self
    }

    /// Says how sure the agent is, from 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Carries the framework's own id of the tool call.
    #[must_use]
    pub fn tool_call_id(mut self, id: impl Into<String>) -> Self {
        self.tool_call_id = id.into();
        self
    }

    /// Saves this state if a person is asked.
    #[must_use]
    pub fn checkpoint(mut self, draft: v1::CheckpointDraft) -> Self {
        self.checkpoint = Some(draft);
        self
    }

    /// Redeems the grant in the same commit if the policy allows the action: one
    /// call in place of two, for tools that run at once.
    #[must_use]
    pub fn redeem_if_allowed(mut self) -> Self {
        self.redeem_if_allowed = true;
        self
    }

    /// Leaves the answer to a worker: this process will not wait for it.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.resume_mode = v1::ResumeMode::Detached;
        self
    }

    /// Names the escalation whose correction in words this proposal follows.
    #[must_use]
    pub fn follows(mut self, escalation_id: impl Into<String>) -> Self {
        self.follows = escalation_id.into();
        self
    }

    /// Names the branch of the run that the agent is on; without it: the path on which the
    /// run started. Proposed under a branch that was left, it is refused with
    /// `BRANCH_ABANDONED`, which names the branch that counts and where to go on.
    #[must_use]
    pub fn branch(mut self, number: u32) -> Self {
        self.branch = number;
        self
    }

    /// The exact argument bytes.
    pub fn arguments(&self) -> &Bytes {
        &self.arguments
    }

    /// What the checkpoint refers to, which the tool needs as well if nobody is asked.
    pub(crate) fn credentials(&self) -> Vec<v1::CredentialRef> {
        let checkpoint = self.checkpoint.as_ref();
        checkpoint.map(|draft| draft.credentials.clone()).unwrap_or_default()
    }

    pub(crate) fn to_request(&self, request_id: String, run_id: &str) -> v1::ProposeActionRequest {
        v1::ProposeActionRequest {
            request_id,
            run_id: run_id.to_owned(),
            tool: self.tool.clone(),
            tool_schema_version: self.tool_schema_version.clone(),
            target: self.target.clone(),
            arguments: self.arguments.clone(),
            preconditions: self.preconditions.clone(),
            reasoning: self.reasoning.clone(),
            confidence: self.confidence,
            tool_call_id: self.tool_call_id.clone(),
            checkpoint: self.checkpoint.clone(),
            redeem_if_allowed: self.redeem_if_allowed,
            resume_mode: self.resume_mode.into(),
            follows_escalation_id: self.follows.clone(),
            branch: self.branch,
        }
    }

    pub(crate) fn into_call(self, run_id: &str, action_id: &str) -> ExactCall {
        ExactCall {
            run_id: run_id.to_owned(),
            action_id: action_id.to_owned(),
            tool: self.tool,
            tool_schema_version: self.tool_schema_version,
            target: self.target,
            arguments: self.arguments,
            preconditions: self.preconditions,
        }
    }
}

/// Every field of a tool call that its digest covers and the client supplies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExactCall {
    pub(crate) run_id: String,
    pub(crate) action_id: String,
    pub(crate) tool: String,
    pub(crate) tool_schema_version: String,
    pub(crate) target: String,
    pub(crate) arguments: Bytes,
    pub(crate) preconditions: Bytes,
}

impl ExactCall {
    /// The call that a person made of another, or that a worker takes up.
    pub(crate) fn from_action(action: v1::Action) -> Self {
        Self {
            run_id: action.run_id,
            action_id: action.action_id,
            tool: action.tool,
            tool_schema_version: action.tool_schema_version,
            target: action.target,
            arguments: action.arguments,
            preconditions: action.preconditions,
        }
    }

    pub(crate) fn to_redeem_request(
        &self,
        request_id: String,
        grant_id: &str,
    ) -> v1::RedeemGrantRequest {
        v1::RedeemGrantRequest {
            request_id,
            grant_id: grant_id.to_owned(),
            action_id: self.action_id.clone(),
            run_id: self.run_id.clone(),
            tool: self.tool.clone(),
            tool_schema_version: self.tool_schema_version.clone(),
            target: self.target.clone(),
            arguments: self.arguments.clone(),
            preconditions: self.preconditions.clone(),
        }
    }
}
