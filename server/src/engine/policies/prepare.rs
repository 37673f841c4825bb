//! What goes before a policy comes into force, however often its commit is tried.

use tokio::sync::OnceCell;

use super::figures::Figures;
use super::learn::Learnt;
use crate::domain::activation::ActivationKind;
use crate::domain::error::Error;
use crate::domain::policy::Policy;
use crate::engine::operation::Tx;

/// What was made ready for one change of policy.
#[derive(Default)]
pub(super) struct Preparation {
    figures: OnceCell<Option<Figures>>,
    learnt: OnceCell<Option<Learnt>>,
}

impl Preparation {
    /// Refuses a policy that misses one of its bounds. A step back does not wait for
    /// that.
    pub(super) async fn require_bounds(
        &self,
        tx: &Tx<'_>,
        kind: ActivationKind,
        policy: &Policy,
    ) -> Result<(), Error> {
        if kind == ActivationKind::RollBack {
            return Ok(());
        }
        let judge = || tx.engine.require_bounds(tx.tenant(), policy);
        self.figures.get_or_try_init(judge).await.map(drop)
    }

    /// How the policy does, if that was judged.
    pub(super) fn into_figures(self) -> Option<Figures> {
        self.figures.into_inner().flatten()
    }

    /// The profiles that come into force with a policy; none: it asks for none, and
    /// those in force stay.
    ///
    /// A step back does not wait for them: where they cannot be learnt, those in
    /// force stay as well.
    pub(super) async fn learn(
        &self,
        tx: &Tx<'_>,
        kind: ActivationKind,
        policy: &Policy,
    ) -> Result<Option<&Learnt>, Error> {
        let learn = || async {
            if !policy.reads_novelty() {
                return Ok(None);
            }
            match (tx.engine.learn(tx.tenant()).await, kind) {
                (Err(error), ActivationKind::RollBack) => {
                    tracing::warn!(?error, "rolling back without learning profiles anew");
                    Ok(None)
                }
                (learnt, _) => learnt.map(Some),
            }
        };
        self.learnt.get_or_try_init(learn).await.map(Option::as_ref)
    }
}
