//! The same proposal again: while it is open nobody is asked twice, and what a person
//! has rejected is answered from the record for a while.
//!
//! Nothing is ever approved by it: after an approval the same is asked anew.

use crate::domain::action::DecisionEffect;
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::{
    Escalation, EscalationState, Resolution, ResolutionContent, ResolutionKind,
};
use crate::domain::ids::{EscalationId, PolicyRevisionId};
use crate::domain::policy::Verdict;
use crate::engine::operation::Tx;
use crate::store::keys;
use crate::store::records::RepeatRecord;

/// The most characters of a reviewer's note that are repeated.
const MOST_QUOTED: usize = 500;

/// Looks whether the same was asked before. Refuses if that is open; makes the verdict
/// a refusal, and returns the question, if a person has rejected it not long ago under
/// the same policy.
pub(super) async fn answer(
    tx: &mut Tx<'_>,
    meaning: &Digest,
    policy: PolicyRevisionId,
    verdict: &mut Verdict,
) -> Result<Option<EscalationId>, Error> {
    let key = keys::repeat(tx.tenant(), meaning);
    let Some(RepeatRecord { escalation: id }) = tx.get(key).await? else { return Ok(None) };
    let Some(former) = tx.get::<Escalation>(keys::escalation(tx.tenant(), id)).await? else {
        return Ok(None);
    };
    if former.state == EscalationState::Open {
        return Err(Error::RepeatOfOpen { escalation: id, run: former.run.to_string() });
    }
    let since = tx.engine.0.limits.rejected_for;
    let rejected = former.resolution.as_ref().filter(|it| {
        it.kind == ResolutionKind::Rejected
            && former.policy_revision == policy
            && tx.now.since(it.resolve_time) < since
    });
    let Some(rejected) = rejected else { return Ok(None) };
    verdict.reason = words(tx, id, rejected).await?;
    verdict.effect = DecisionEffect::Deny;
    Ok(Some(id))
}

/// Remembers where it is asked.
pub(super) fn remember(tx: &mut Tx<'_>, meaning: &Digest, id: EscalationId) -> Result<(), Error> {
    let key = keys::repeat(tx.tenant(), meaning);
    tx.put(key, &RepeatRecord { escalation: id })
}

/// Who rejected it, when and why.
async fn words(tx: &Tx<'_>, id: EscalationId, rejected: &Resolution) -> Result<String, Error> {
    let Resolution { reviewer, resolve_time, reason_code, content, .. } = rejected;
    let note = match content {
        Some(content) => tx.engine.payload::<ResolutionContent>(content).await?.note,
        None => String::new(),
    };
    let (seconds, _) = resolve_time.to_seconds_nanos();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let mut words = format!("{reviewer} rejected the same on {time} ({id})");
    if let Some(code) = reason_code {
        words.push_str(&format!(", reason {code}"));
    }
    if !note.is_empty() {
        let note: String = note.chars().take(MOST_QUOTED).collect();
        words.push_str(&format!(": {note}"));
    }
    Ok(words)
}
