//! Checkpoints, and runs that go back to them: what was left runs no more, and both paths
//! are kept.

use pointsman_api::v1;
use pointsman_api::v1::roll_back_run_request::Compensate;
use pointsman_client::{Answer, Checkpoints, Proposal, RunHandle, Worker};

use crate::harness::api::{AGENT, REVIEWER, SUPERVISOR};
use crate::harness::fixture::{Fixture, allowed, asked};
use crate::harness::poll::{PATIENCE, within};

const POLICY: &str = r#"
version: 1
default: allow
tools:
  pay: {compensation: refund}
  refund: {}
  mail: {irreversibility: high}
  look: {write: false}
rules:
  - id: large
    tools: [pay]
    when: args.amount > 500
    effect: escalate
    reason: Large payments need a person.
  - id: brief
    tools: [sell]
    effect: escalate
    on_expiry: rollback
    due: 1s
    expire: 1s
    reason: A person may look.
"#;

fn checkpoints(fixture: &Fixture, token: &str) -> Checkpoints {
    Checkpoints::new(fixture.connection(token))
}

fn state(json: &'static str) -> v1::CheckpointDraft {
    let envelope = v1::CheckpointEnvelope {
        framework: "langgraph".to_owned(),
        framework_version: "1.2".to_owned(),
        message_count: 2,
        planned_action: "pay the invoice".to_owned(),
        ..Default::default()
    };
    v1::CheckpointDraft {
        state: json.into(),
        schema_version: "test/1".to_owned(),
        credentials: Vec::new(),
        envelope: Some(envelope),
    }
}

/// Proposes what is allowed, and runs it.
async fn done(run: &RunHandle, branch: u32, tool: &str, arguments: &'static str) {
    let permit = allowed(run, Proposal::new(tool, arguments).branch(branch)).await;
    permit.redeem().await.unwrap().succeeded("done").await.unwrap();
}

fn back_to(run: &RunHandle, checkpoint_id: &str) -> v1::RollBackRunRequest {
    v1::RollBackRunRequest {
        run_id: run.run_id().to_owned(),
        checkpoint_id: checkpoint_id.to_owned(),
        reason: "the wrong supplier".to_owned(),
        instruction: "pay the other supplier".to_owned(),
        compensate: Compensate::All.into(),
        ..Default::default()
    }
}

fn tools(path: Option<&v1::BranchPath>) -> Vec<&str> {
    path.unwrap().steps.iter().map(|step| step.tool.as_str()).collect()
}

/// Two paths: `look`, saved; `mail` and `pay` and a large payment that was approved; and
/// back. Answers with the checkpoints of the first path.
async fn left_and_back(fixture: &Fixture, run: &RunHandle) -> (v1::Checkpoint, v1::Checkpoint) {
    let own = checkpoints(fixture, AGENT);
    done(run, 0, "look", "{}").await;
    let first = own.save(run.run_id(), 0, None, state(r#"{"step":1}"#)).await.unwrap();
    done(run, 0, "mail", r#"{"to":"wrong@example.com"}"#).await;
    done(run, 0, "pay", r#"{"amount":5}"#).await;
    let parent = Some(first.checkpoint_id.clone());
    let second = own.save(run.run_id(), 0, parent.clone(), state(r#"{"step":2}"#)).await.unwrap();
    let stale = own.save(run.run_id(), 0, parent, state("{}")).await.unwrap_err();
    assert_eq!(stale.reason_name(), "CHECKPOINT_STALE_PARENT");
    assert_eq!(stale.metadata("newest_checkpoint_id"), Some(&*second.checkpoint_id));

    let mut wait = asked(run, Proposal::new("pay", r#"{"amount":600}"#)).await;
    let shown = fixture.shown(wait.escalation_id()).await;
    fixture.reviewer().approve(&shown, "").await.unwrap();
    let answer = within("the agent is told", PATIENCE, wait.answer()).await.unwrap();
    let Answer::Approved(permit) = answer else { panic!("not approved: {answer:?}") };

    let people = checkpoints(fixture, SUPERVISOR);
    let trial =
        v1::RollBackRunRequest { validate_only: true, ..back_to(run, &first.checkpoint_id) };
    let shown = people.roll_back(trial).await.unwrap();
    let counts = shown.counts.unwrap();
    assert_eq!((counts.compensatable, counts.irreversible, shown.branch), (1, 1, None));
    let request =
        v1::RollBackRunRequest { expected_effects: Some(2), ..back_to(run, &first.checkpoint_id) };
    let back = people.roll_back(request).await.unwrap();
    assert_eq!(back.branch.as_ref().unwrap().number, 1);
    assert!(back.compensations.iter().all(|asked| asked.problem.is_empty()), "{back:?}");
    assert_eq!(back.compensations.len(), 1);

    let refused = permit.redeem().await.unwrap_err();
    assert_eq!(refused.reason_name(), "BRANCH_ABANDONED");
    (first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_back_and_both_paths_are_kept() {
    let mut fixture = Fixture::start(POLICY).await;
    let run = fixture.run().await;
    let (first, second) = left_and_back(&fixture, &run).await;

    let unaware = run.propose(Proposal::new("mail", "{}")).await.unwrap_err();
    assert_eq!(unaware.reason_name(), "BRANCH_ABANDONED");
    assert_eq!(unaware.metadata("branch"), Some("1"));
    assert_eq!(unaware.metadata("checkpoint_id"), Some(&*first.checkpoint_id));
    assert_eq!(unaware.metadata("instruction"), Some("pay the other supplier"));
    done(&run, 1, "pay", r#"{"amount":6}"#).await;
    let own = checkpoints(&fixture, AGENT);
    let third = own.save(run.run_id(), 1, None, state(r#"{"step":2,"b":1}"#)).await.unwrap();
    assert_eq!(third.parent_checkpoint_id, first.checkpoint_id);

    fixture.restart().await;
    let own = checkpoints(&fixture, AGENT);
    for (saved, json) in
        [(&first, r#"{"step":1}"#), (&second, r#"{"step":2}"#), (&third, r#"{"step":2,"b":1}"#)]
    {
        let found = own.get(&saved.checkpoint_id).await.unwrap();
        assert_eq!((found.state.as_ref(), &found.digest), (json.as_bytes(), &saved.digest));
    }
    let compared = checkpoints(&fixture, REVIEWER).compare(run.run_id(), 0, 1).await.unwrap();
    assert_eq!(compared.common_checkpoint.unwrap().checkpoint_id, first.checkpoint_id);
    assert_eq!(tools(compared.left.as_ref())[..2], ["mail", "pay"]);
    assert!(tools(compared.right.as_ref()).contains(&"pay"), "{:?}", compared.right);
    let diffed = own.diff(&second.checkpoint_id, &third.checkpoint_id).await.unwrap();
    let paths: Vec<_> = diffed.changes.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["/state/b"]);
    let request = v1::ListBranchesRequest { run_id: run.run_id().to_owned(), ..Default::default() };
    let branch = own.branches(request).await.unwrap().branches.pop().unwrap();
    assert!(branch.acknowledge_time.is_some() && branch.reason.is_empty(), "{branch:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_and_the_run_goes_back_to_what_is_known_to_be_good() {
    let fixture = Fixture::start(POLICY).await;
    let run = fixture.run().await;
    let own = checkpoints(&fixture, AGENT);
    let good = own.save(run.run_id(), 0, None, state(r#"{"step":1}"#)).await.unwrap();
    let marked = checkpoints(&fixture, REVIEWER).mark(&good.checkpoint_id, true, "").await;
    assert!(marked.unwrap().known_good.is_some());

    let wait = asked(&run, Proposal::new("sell", "{}").detached()).await;
    let worker = Worker::new(fixture.connection(AGENT)).poll(PATIENCE);
    let resumed = worker.claim(1).await.unwrap().pop().expect("the agent is told");
    assert_eq!(resumed.escalation_id(), wait.escalation_id());
    let answer = resumed.answer().unwrap();
    assert!(matches!(answer, Answer::Expired(v1::OnExpiry::Rollback)), "{answer:?}");
    let branch = resumed.details().branch.clone().expect("where to go on");
    assert_eq!((branch.number, branch.cause()), (1, v1::BranchCause::Expiry));
    assert_eq!(branch.checkpoint_id, good.checkpoint_id);
    let found = own.get(branch.checkpoint_id).await.unwrap();
    assert_eq!(found.state.as_ref(), br#"{"step":1}"#);
    done(&run, branch.number, "look", "{}").await;
}
