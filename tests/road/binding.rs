//! What binds a run binds what it delegates to, and what nobody answers says what the
//! agent does next.

use pointsman_api::v1;
use pointsman_client::{Proposal, Proposed, RunHandle, StartRun};

use crate::harness::fixture::{Fixture, allowed};

const READING: &str = r#"
version: 1
default: allow
tools: { look: { write: false }, save: {} }
constraint_sets: { reading: { tools: [look] } }
"#;

async fn delegated(fixture: &Fixture, parent: &RunHandle, sets: &[&str]) -> RunHandle {
    let constraint_sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let parent_run_id = parent.run_id().to_owned();
    let start = StartRun { parent_run_id, constraint_sets, ..StartRun::default() };
    fixture.agent().start_run(start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_only_read_delegates_no_writing() {
    let fixture = Fixture::start(READING).await;
    let run = fixture.run().await;
    let child = delegated(&fixture, &run, &["reading"]).await;
    let grandchild = delegated(&fixture, &child, &[]).await;
    allowed(&run, Proposal::new("save", "{}")).await;
    for bound in [child, grandchild] {
        let shown = fixture.runs().get(bound.run_id()).await.unwrap();
        assert_eq!(shown.constraint_sets, ["reading"]);
        allowed(&bound, Proposal::new("look", "{}")).await;
        let answer = bound.propose(Proposal::new("save", "{}")).await.unwrap();
        let Proposed::Denied(denial) = answer else { panic!("{answer:?}") };
        assert_eq!(denial.decision.effect(), v1::DecisionEffect::Deny);
        assert_eq!(denial.decision.rule_id, "set.reading.tools");
    }
}
