//! What people are shown of cases that were like theirs.

use super::super::world::*;
use crate::domain::ids::EscalationId;
use crate::engine::past::PastCase;
use crate::engine::resolve::Verb;

/// More questions at once than are looked through on one tool and target.
const WAITING: usize = 30;

impl World {
    async fn similar_to(&self, id: EscalationId) -> Vec<PastCase> {
        let view = self.engine.get_escalation(&reviewer(), id).await.unwrap();
        view.detail.unwrap().live.unwrap().similar
    }
}

#[tokio::test]
async fn questions_that_wait_do_not_hide_those_that_have_their_end() {
    let world = World::new().await;
    let run = world.run().await;
    let mut ended = Vec::new();
    for _ in 0..6 {
        let escalation = world.escalate(run).await;
        let verb = Verb::Reject { reason_code: "policy.limit".to_owned() };
        world.resolve(&escalation, verb).await.unwrap();
        ended.push(escalation.id);
    }
    let mut asked = world.escalate(run).await;
    for _ in 1..WAITING {
        asked = world.escalate(run).await;
    }
    let similar = world.similar_to(asked.id).await;
    let newest: Vec<_> = ended.into_iter().rev().take(5).collect();
    assert_eq!(similar.iter().map(|case| case.escalation).collect::<Vec<_>>(), newest);
    assert!(similar.iter().all(|case| case.end == "rejected" && case.reviewer == "alice"));
}
