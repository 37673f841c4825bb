//! Trying an answer out: everything is checked, and nothing is changed.

use super::wanted::severity;
use super::weigh::Weighed;
use super::{Looked, Resolve, Resolving};
use crate::domain::action::Decision;
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::{ResolutionKind, SeverityTier};
use crate::domain::principal::Principal;
use crate::engine::facts::Asked;
use crate::engine::operation::Tx;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Engine, authorize, limits};
use crate::store::CommitLane;

/// What an answer would do. Whether others have given the same one is not said: they
/// are blind to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Which answer it is.
    pub kind: ResolutionKind,
    /// How many people must give it.
    pub quorum: u32,
    /// What would be granted; none: nothing would run.
    pub action_digest: Option<Digest>,
    /// What the policy says of the edit, and why.
    pub decision: Option<(Decision, String)>,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
}

impl Preview {
    fn of(looked: &Looked) -> Self {
        let Looked { escalation, action, weighed } = looked;
        let Weighed { kind, quorum, edit, .. } = weighed;
        let action_digest = match (kind, action, edit) {
            (ResolutionKind::Approved, Some(action), _) => Some(action.digest),
            (_, _, Some(edit)) => Some(edit.digest),
            (_, _, None) => None,
        };
        Self {
            kind: *kind,
            quorum: escalation.quorum.max(*quorum),
            action_digest,
            decision: edit.as_ref().map(|edit| edit.decision(escalation.policy_revision)),
            severity: severity(escalation, edit.as_ref()),
        }
    }
}

impl Engine {
    /// Says what an answer of the calling reviewer would do, or why it would be refused.
    pub async fn preview_resolution(
        &self,
        caller: &Principal,
        command: Resolve,
    ) -> Result<(EscalationView, Preview), Error> {
        let by = authorize::reviewer(caller)?;
        command.check()?;
        let resolving = Resolving { command: &command, asked: Asked::default() };
        for _ in 0..limits::MAX_ATTEMPTS {
            let mut tx = Tx::new(self, &by, CommitLane::Normal);
            let looked = resolving.look(&mut tx).await;
            // Two reads need not see the same moment.
            if !self.reads_hold(&tx).await? {
                continue;
            }
            let looked = looked?;
            let preview = Preview::of(&looked);
            let Looked { escalation, .. } = looked;
            let view = self.escalation_view(&caller.tenant, escalation, Depth::Full).await?;
            return Ok((view, preview));
        }
        Err(Error::Overloaded { retry_after: limits::PREVIEW_RETRY })
    }
}
