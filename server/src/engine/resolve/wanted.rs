//! What an answer wants of its giver: a reason, a look at the evidence, a typed value.

use super::edit::Edit;
use super::{Resolve, Resolving, Verb};
use crate::domain::briefing::Briefing;
use crate::domain::digest::FieldHasher;
use crate::domain::error::{AnswerError, Error};
use crate::domain::escalation::{Escalation, Key, ResolutionKind, SeverityTier};
use crate::engine::operation::Tx;

impl Resolve {
    /// The code for the reason, wherever it stands.
    pub(super) fn reason_code(&self) -> &str {
        match &self.verb {
            Verb::Reject { reason_code } if !reason_code.is_empty() => reason_code,
            _ => &self.reason_code,
        }
    }

    fn has_reason(&self) -> bool {
        let is_correction = matches!(self.verb, Verb::Instruct { .. });
        is_correction || !self.reason_code().is_empty() || !self.note.trim().is_empty()
    }

    /// Adds what was given beside the answer to the digest of the request: nothing, as
    /// from clients of before, adds nothing.
    pub(super) fn given(&self, hasher: &mut FieldHasher) {
        for (name, text) in
            [("reason_code", &self.reason_code), ("confirmation", &self.confirmation)]
        {
            if !text.is_empty() {
                hasher.field(name.as_bytes()).field(text.as_bytes());
            }
        }
        let it = &self.circumstances;
        if it.is_unknown() {
            return;
        }
        hasher.field(b"circumstances").field(it.surface.as_bytes());
        for time in [it.show_time, it.decide_time] {
            let bytes = time.map(|time| time.to_key_bytes());
            hasher.optional(bytes.as_ref().map(<[u8; 8]>::as_slice));
        }
        for id in &it.evidence {
            hasher.field(id.as_bytes());
        }
    }
}

/// How grave a mistake would be: of an edit, the graver of the question and the edit.
pub(super) fn severity(question: &Escalation, edit: Option<&Edit>) -> SeverityTier {
    edit.map_or(question.severity, |edit| question.severity.max(edit.severity()))
}

impl Resolving<'_> {
    /// Refuses an answer without what it wants.
    pub(super) async fn require_wanted(
        &self,
        tx: &Tx<'_>,
        question: &Escalation,
        kind: ResolutionKind,
        edit: Option<&Edit>,
    ) -> Result<(), Error> {
        let severity = severity(question, edit);
        let rung = question.rung(severity, kind);
        let escalation = question.id.to_string();
        if rung.reason && !self.command.has_reason() {
            let (severity, answer) = (severity.name(), kind.name());
            return Err(Error::Answer(AnswerError::ReasonRequired {
                escalation,
                severity,
                answer,
            }));
        }
        let viewed = &self.command.circumstances.evidence;
        if !rung.evidence && !rung.confirmation && viewed.is_empty() {
            return Ok(());
        }
        let briefing = tx.engine.payload::<Briefing>(&question.briefing).await?;
        let is_unknown = |id: &&String| !briefing.evidence.iter().any(|it| it.id == **id);
        if let Some(id) = viewed.iter().find(is_unknown) {
            return Err(Error::field("evidence_viewed", format!("there is no evidence `{id}`")));
        }
        let is_missing = |id: &&str| !viewed.iter().any(|it| it == id);
        let required = briefing.evidence.iter().filter(|it| it.is_required).map(|it| &*it.id);
        let missing: Vec<_> = required.filter(is_missing).collect();
        if rung.evidence && !missing.is_empty() {
            let missing = missing.join(",");
            return Err(Error::Answer(AnswerError::EvidenceRequired { escalation, missing }));
        }
        let key = match edit {
            Some(edit) => edit.key(question),
            None => Key::of(&question.stake, &briefing.target, &question.action_digest),
        };
        if rung.confirmation && !key.is(&self.command.confirmation) {
            let (key, value) = (key.name(), key.value());
            return Err(Error::Answer(AnswerError::ConfirmationRequired {
                escalation,
                key,
                value,
            }));
        }
        Ok(())
    }
}
