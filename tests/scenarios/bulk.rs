//! Many questions of a kind: shown as what differs among them, answered under one reason,
//! all of them or none.

use std::collections::BTreeSet;

use pointsman_api::v1;
use pointsman_api::v1::bulk_left_out::Reason;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::resolve_bulk_request::Answer as BulkAnswer;
use pointsman_client::{Answer, Proposal, Reviewer, Wait};
use serde_json::json;

use super::Scene;
use crate::harness::api::SUPERVISOR;
use crate::harness::fixture::asked;
use crate::harness::poll::{PATIENCE, within};

/// As many as may be answered at once.
const MOST: usize = 25;
const POLICY: &str = "
version: 1
default: allow
tools: {pay: {amount: amount, currency: currency}}
rules:
  - {id: expenses, tools: [pay], effect: escalate, severity: medium, lane: expenses, reason: Expenses are looked at.}
";

async fn pays(scene: &Scene, number: u32, amount: u32) -> Wait {
    let arguments = json!({"amount": amount, "currency": "EUR", "receipt": "seen"}).to_string();
    asked(&scene.run, Proposal::new("pay", arguments).target(format!("staff-{number}"))).await
}

fn ids<'a>(waits: impl IntoIterator<Item = &'a Wait>) -> BTreeSet<String> {
    waits.into_iter().map(|wait| wait.escalation_id().to_owned()).collect()
}

fn shown(preview: &v1::PreviewBulkResolutionResponse) -> BTreeSet<String> {
    preview.items.iter().map(|item| item.escalation_id.clone()).collect()
}

async fn preview(reviewer: &Reviewer) -> v1::PreviewBulkResolutionResponse {
    reviewer.preview_bulk(Default::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_five_at_once_what_stands_out_is_left_and_the_others_are_approved() {
    let scene = Scene::open(POLICY, "Pay the expenses").await;
    let reviewer = scene.fixture.reviewer();
    let mut usual = Vec::new();
    for number in 0..3 {
        usual.push(pays(&scene, number, 40 + number % 5).await);
    }
    let odd = pays(&scene, 3, 9_000).await;
    for number in 4..28 {
        usual.push(pays(&scene, number, 40 + number % 5).await);
    }

    let first = preview(&reviewer).await;
    assert_eq!((first.items.len(), first.outliers.len()), (MOST - 1, 1), "so many at once");
    assert_eq!((first.count as usize, &*first.rule), (MOST - 1, "expenses"));
    assert_eq!(first.columns, ["arguments.amount", "target"], "what differs, and nothing else");
    let amounts: BTreeSet<_> = first.items.iter().map(|item| item.values[0].as_str()).collect();
    assert_eq!(amounts, BTreeSet::from(["40", "41", "42", "43", "44"]));
    let outliers: Vec<_> = first.outliers.iter().map(|item| &*item.escalation_id).collect();
    assert_eq!(outliers, [odd.escalation_id()]);
    assert_eq!(first.outliers[0].outlier_column, "arguments.amount");
    let no_room = first.left_out.iter().filter(|it| it.reason() == Reason::NoRoom).count();
    assert_eq!(no_room, 3);

    // What is asked meanwhile is no part of what was shown.
    let later = pays(&scene, 28, 41).await;
    let note = "within the limits of the trip";
    let answered = reviewer.resolve_bulk(&first, BulkAnswer::Approve, note).await.unwrap();
    let done: BTreeSet<_> = answered.iter().map(|it| it.escalation_id.clone()).collect();
    assert_eq!(done, shown(&first));
    for wait in &mut usual {
        if !done.contains(wait.escalation_id()) {
            continue;
        }
        let answer = within("each agent is told", PATIENCE, wait.answer()).await.unwrap();
        let Answer::Approved(permit) = answer else { panic!("not approved: {answer:?}") };
        assert_eq!(permit.resolution().unwrap().note, note);
        permit.redeem().await.unwrap();
    }
    let open = reviewer.list(Default::default()).await.unwrap().escalations;
    let open: BTreeSet<_> = open.into_iter().map(|it| it.escalation_id).collect();
    let rest: BTreeSet<_> = ids(&usual).difference(&done).cloned().collect();
    assert_eq!(open, &rest | &ids([&odd, &later]), "nothing else was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_somebody_else_answers_one_of_them_none_is_answered() {
    let scene = Scene::open(POLICY, "Pay the expenses").await;
    let reviewer = scene.fixture.reviewer();
    let supervisor = Reviewer::new(scene.fixture.connection(SUPERVISOR));
    let mut waits = Vec::new();
    for number in 0..4 {
        waits.push(pays(&scene, number, 40 + number).await);
    }
    let all = preview(&reviewer).await;
    assert_eq!(shown(&all), ids(&waits));
    let one = scene.fixture.shown(waits[2].escalation_id()).await;
    supervisor.reject(&one, "duplicate", "it was paid in May").await.unwrap();

    let note = "within the limits";
    let refused = reviewer.resolve_bulk(&all, BulkAnswer::Approve, note).await.unwrap_err();
    assert_eq!(refused.reason_name(), "ESCALATION_CLOSED", "{refused:?}");
    assert_eq!(refused.metadata("escalation_id"), Some(&*one.escalation_id));
    for wait in waits.iter().filter(|wait| wait.escalation_id() != one.escalation_id) {
        let left = scene.fixture.shown(wait.escalation_id()).await;
        assert_eq!((left.state(), left.resolution), (State::Open, None));
    }
    let again = preview(&reviewer).await;
    assert_eq!(again.items.len(), 3);
    let answered = reviewer.resolve_bulk(&again, BulkAnswer::Reject, note).await.unwrap();
    assert_eq!(answered.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_routed_to_others_is_left_out_and_named() {
    let scene = Scene::open(POLICY, "Pay the expenses").await;
    let wait = pays(&scene, 0, 40).await;
    let routed = "{version: 1, teams: {travel: {members: [tess]}}, \
                  routing: [{lanes: [expenses], team: travel}]}";
    let tess = scene.fixture.token("tess", v1::Role::Reviewer).await;
    let tess = Reviewer::new(scene.fixture.connection(&tess));
    scene.fixture.queue().put(routed, "", "travel has its own desk").await.unwrap();
    let theirs = pays(&scene, 1, 41).await;

    let mine = preview(&scene.fixture.reviewer()).await;
    assert_eq!(shown(&mine), ids([&wait]));
    let left_out: Vec<_> =
        mine.left_out.iter().map(|it| (&*it.escalation_id, it.reason())).collect();
    assert_eq!(left_out, [(theirs.escalation_id(), Reason::NotYours)]);
    assert_eq!(shown(&preview(&tess).await), ids([&wait, &theirs]));
}
