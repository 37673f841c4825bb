//! What is wrong with an answer, whatever the state: its form, and secrets.

use super::{Resolve, Verb};
use crate::domain::arguments;
use crate::domain::error::Error;
use crate::domain::escalation::Circumstances;
use crate::domain::secrets::refuse_secrets;
use crate::engine::{limits, validate};

impl Resolve {
    /// Checks everything that needs no state.
    pub(super) fn check(&self) -> Result<(), Error> {
        validate::required("etag", self.etag.as_bytes())?;
        validate::length("etag", self.etag.as_bytes(), limits::MAX_SCHEMA_VERSION_BYTES)?;
        validate::note("note", &self.note)?;
        self.check_given()?;
        match &self.verb {
            Verb::Approve => Ok(()),
            Verb::Reject { reason_code } => {
                validate::reason_code("reject.reason_code", reason_code)?;
                let both = !reason_code.is_empty() && !self.reason_code.is_empty();
                if both && *reason_code != self.reason_code {
                    let problem = "`reject.reason_code` says otherwise";
                    return Err(Error::field("reason_code", problem));
                }
                Ok(())
            }
            Verb::Modify { arguments, target } => {
                validate::required("modify.arguments", arguments)?;
                arguments::parse("modify.arguments", arguments)?;
                refuse_secrets("modify.arguments", arguments)?;
                let target = target.as_deref().unwrap_or_default().as_bytes();
                validate::length("modify.target", target, limits::MAX_TARGET_BYTES)?;
                refuse_secrets("modify.target", target)
            }
            Verb::Instruct { text } => validate::words("instruct.text", text),
            Verb::Respond { response } => {
                validate::required("respond.response", response)?;
                validate::length("respond.response", response, limits::MAX_RESPONSE_BYTES)?;
                refuse_secrets("respond.response", response)
            }
        }
    }

    /// Checks what was given beside the answer.
    fn check_given(&self) -> Result<(), Error> {
        validate::reason_code("reason_code", &self.reason_code)?;
        let confirmation = self.confirmation.as_bytes();
        validate::length("confirmation", confirmation, limits::MAX_CONFIRMATION_BYTES)?;
        let Circumstances { evidence, surface, .. } = &self.circumstances;
        if evidence.len() > limits::MAX_EVIDENCE_VIEWED {
            let problem = format!("{}, more than {}", evidence.len(), limits::MAX_EVIDENCE_VIEWED);
            return Err(Error::field("evidence_viewed", problem));
        }
        for id in evidence {
            validate::word("evidence_viewed", id)?;
        }
        if !surface.is_empty() {
            validate::word("surface", surface)?;
        }
        Ok(())
    }
}
