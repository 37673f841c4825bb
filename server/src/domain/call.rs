//! Tool calls of a run: what a policy judges, a person approves, and an agent
//! executes.
//!
//! The digest and the policy's facts are made here and nowhere else, of the same
//! fields, the same bytes and the same run: proposing, changing and redeeming
//! cannot come to mean different things.

mod repeat;

use serde_json::{Map, Value};

use super::action::ActionContent;
use super::arguments;
use super::digest::{Digest, FieldHasher};
use super::error::Error;
use super::ids::PolicyRevisionId;
use super::policy::{Facts, Inputs, Sources};
use super::run::Run;

const ACTION_TAG: &str = "pointsman.action.v1";

/// The fields of a tool call, as a client sent them or a person changed them.
#[derive(Clone, Copy, Debug)]
pub struct CallFields<'a> {
    /// The tool.
    pub tool: &'a str,
    /// The version of the tool's argument schema.
    pub tool_schema_version: &'a str,
    /// What the tool acts on.
    pub target: &'a str,
    /// The exact argument bytes.
    pub arguments: &'a [u8],
    /// The exact bytes of the preconditions.
    pub preconditions: &'a [u8],
}

/// A tool call whose arguments were read: its bytes are what counts, its parsed
/// view is what the policy sees, and one was made of the other.
#[derive(Clone, Debug)]
pub struct ToolCall<'a> {
    fields: CallFields<'a>,
    view: Map<String, Value>,
}

/// What is known when a call is judged, beside the call itself.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The run that makes it.
    pub run: &'a Run,
    /// What the run is to reach.
    pub goal: &'a str,
    /// How sure the agent says it is.
    pub confidence: Option<f64>,
    /// What the run has heard.
    pub sources: &'a Sources,
    /// What only the server knows.
    pub inputs: &'a Inputs,
}

// === impl CallFields ===

impl<'a> CallFields<'a> {
    /// The fields of a call of this tool with what is stored of it.
    pub fn of(tool: &'a str, content: &'a ActionContent) -> Self {
        Self {
            tool,
            tool_schema_version: &content.tool_schema_version,
            target: &content.target,
            arguments: &content.arguments,
            preconditions: &content.preconditions,
        }
    }
}

// === impl ToolCall ===

impl<'a> ToolCall<'a> {
    /// Reads the arguments, which stand in the request's field `field`.
    pub fn read(field: &str, fields: CallFields<'a>) -> Result<Self, Error> {
        let view = arguments::parse(field, fields.arguments)?;
        Ok(Self { fields, view })
    }

    /// The tool.
    pub fn tool(&self) -> &str {
        self.fields.tool
    }

    /// The parsed view of the arguments.
    pub fn arguments(&self) -> &Map<String, Value> {
        &self.view
    }

    /// What is approved: SHA-256 over the domain tag and every field that makes
    /// one execution differ from another, each behind its length.
    pub fn digest(&self, tenant: &str, run: &Run, policy_revision: PolicyRevisionId) -> Digest {
        let CallFields { tool, tool_schema_version, target, arguments, preconditions } =
            self.fields;
        let mut hasher = FieldHasher::new(ACTION_TAG);
        hasher
            .field(tenant.as_bytes())
            .field(run.agent.as_bytes())
            .optional(run.on_behalf_of.as_deref().map(str::as_bytes))
            .field(run.id.as_bytes())
            .field(tool.as_bytes())
            .field(tool_schema_version.as_bytes())
            .field(target.as_bytes())
            .field(arguments)
            .field(preconditions)
            .field(policy_revision.as_bytes());
        hasher.finish()
    }

    /// What is judged: the call, by what is known of its run.
    pub fn facts<'f>(&'f self, situation: &Situation<'f>) -> Facts<'f> {
        let Situation { run, goal, confidence, sources, inputs } = *situation;
        Facts {
            tool: self.fields.tool,
            tool_schema_version: self.fields.tool_schema_version,
            target: self.fields.target,
            arguments: &self.view,
            confidence,
            agent: &run.agent,
            on_behalf_of: run.on_behalf_of.as_deref(),
            ancestors: &run.ancestors,
            constraint_sets: &run.constraint_sets,
            hop_count: run.hop_count,
            goal,
            sources,
            inputs,
        }
    }
}

#[cfg(test)]
mod tests;
