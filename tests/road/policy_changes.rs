//! How a policy comes into force, and who may do what to it.

use pointsman_api::v1;
use pointsman_api::v1::evaluate_action_request::{Policy, Run};
use pointsman_api::v1::policy_activation::{Kind, State};
use pointsman_api::v1::policy_revision::State as RevisionState;
use pointsman_client::{Policies, Proposal};

use crate::harness::api::{AGENT, REVIEWER};
use crate::harness::fixture::{Fixture, allowed, asked};
use crate::harness::policy;

/// Asks a person of everything.
const ASKING: &str = "version: 1\nrules: []\n";

async fn guarded() -> Fixture {
    Fixture::start_with(policy::BY_NAME, |config| config.policy.second_person = true).await
}

async fn in_force(fixture: &Fixture) -> String {
    fixture.admin().server_info().await.unwrap().policy_revision_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_put_decides_once_it_is_in_force() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let (policies, run) = (fixture.policies(), fixture.run().await);
    let former = in_force(&fixture).await;

    let put = policies.put(ASKING, "after the incident").await.unwrap();
    allowed(&run, Proposal::new("allow_it", "{}")).await;
    let id = put.revision.revision_id.clone();
    let done = policies.activate(&id, &former, "as agreed").await.unwrap().activation;
    let wait = asked(&run, Proposal::new("allow_it", "{}")).await;

    assert!(put.is_new);
    assert_eq!(put.revision.state(), RevisionState::Put);
    assert_eq!((done.state(), done.kind()), (State::Effective, Kind::Activate));
    assert_eq!((&*done.requester, &*done.closer, &*done.reason), ("admin", "admin", "as agreed"));
    assert_eq!(fixture.shown(wait.escalation_id()).await.policy_revision_id, id);

    let back = policies.roll_back(&id, "nobody can keep up").await.unwrap();
    assert_eq!((back.kind(), &*back.revision_id), (Kind::RollBack, &*former));
    allowed(&run, Proposal::new("allow_it", "{}")).await;

    fixture.restart().await;
    let (revision, document) = fixture.policies().get("").await.unwrap();
    assert_eq!((&*revision.revision_id, revision.state()), (&*former, RevisionState::InForce));
    assert_eq!(document, policy::BY_NAME);
    let (revision, document) = fixture.policies().get(&id).await.unwrap();
    assert_eq!((revision.state(), &*revision.note), (RevisionState::Former, "after the incident"));
    assert_eq!(document, ASKING);
    let request = v1::ListPolicyActivationsRequest { page_size: 2, ..Default::default() };
    let page = fixture.policies().activations(request.clone()).await.unwrap();
    let ids: Vec<_> = page.activations.iter().map(|it| &*it.activation_id).collect();
    assert_eq!(ids, [back.activation_id, done.activation_id]);
    let request = v1::ListPolicyActivationsRequest { page_token: page.next_page_token, ..request };
    let page = fixture.policies().activations(request).await.unwrap();
    assert_eq!((page.activations.len(), &*page.next_page_token), (1, ""));
    assert_eq!(page.activations[0].requester, "system/policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_admin_changes_no_policy() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let current = in_force(&fixture).await;
    let put = fixture.policies().put(ASKING, "").await.unwrap().revision.revision_id;

    for token in [AGENT, REVIEWER] {
        let policies = Policies::new(fixture.connection(token));
        let refused = [
            policies.put(ASKING, "").await.map(drop),
            policies.activate(&put, &current, "").await.map(drop),
            policies.roll_back(&current, "why not").await.map(drop),
        ];
        for refusal in refused {
            assert_eq!(refusal.unwrap_err().reason_name(), "ROLE_REQUIRED", "{token}");
        }
        let read = policies.get(&put).await;
        assert_eq!(read.is_ok(), token == REVIEWER, "{token}: {read:?}");
    }
    assert_eq!(in_force(&fixture).await, current);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_are_needed_one_changes_nothing() {
    let fixture = guarded().await;
    let (ada, ben) = (fixture.policies(), fixture.other_policies("ben").await);
    let former = in_force(&fixture).await;
    let put = ada.put(ASKING, "").await.unwrap().revision;

    let asked = ada.activate(&put.revision_id, &former, "as agreed").await.unwrap().activation;
    assert_eq!((asked.state(), &*asked.closer), (State::Pending, ""));
    assert!(asked.expire_time.is_some());
    assert_eq!(in_force(&fixture).await, former);
    let refusal = ada.confirm(&asked.activation_id).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "SECOND_PERSON_REQUIRED");
    let done = ben.confirm(&asked.activation_id).await.unwrap().activation;

    assert_eq!((&*done.requester, &*done.closer), ("admin", "ben"));
    assert_eq!(done.state(), State::Effective);
    assert_eq!(in_force(&fixture).await, put.revision_id);
    let refusal = ben.withdraw(&asked.activation_id).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "POLICY_ACTIVATION_CLOSED");
    assert_eq!(refusal.metadata("by"), Some("ben"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_at_the_start_is_confirmed_by_a_person() {
    let mut fixture = guarded().await;
    let former = in_force(&fixture).await;

    fixture.write_policy(ASKING);
    fixture.restart().await;

    assert_eq!(in_force(&fixture).await, former);
    let page = fixture.policies().activations(Default::default()).await.unwrap();
    let waits = &page.activations[0];
    assert_eq!((waits.state(), &*waits.requester), (State::Pending, "system/policy"));
    let done = fixture.policies().confirm(&waits.activation_id).await.unwrap().activation;
    assert_eq!(in_force(&fixture).await, done.revision_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slower_of_two_admins_is_told_who_was_faster() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let (ada, ben) = (fixture.policies(), fixture.other_policies("ben").await);
    let former = in_force(&fixture).await;
    let one = ada.put(ASKING, "").await.unwrap().revision.revision_id;
    let other = ben.put("version: 1\ndefault: deny\n", "").await.unwrap().revision.revision_id;

    ben.activate(&other, &former, "").await.unwrap();
    let refusal = ada.activate(&one, &former, "").await.unwrap_err();

    assert_eq!(refusal.reason_name(), "POLICY_CHANGED");
    assert_eq!(refusal.metadata("by"), Some("ben"));
    assert_eq!(refusal.metadata("current_revision_id"), Some(&*other));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_wrong_says_where() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let wrong = "version: 1\nrules:\n  - { id: x, tools: [y], effect: deny, reason: z, when: \"nothing > 1\" }\n";

    let refusal = fixture.policies().put(wrong, "").await.unwrap_err();

    assert_eq!(refusal.reason_name(), "POLICY_INVALID");
    assert!(refusal.metadata("place").is_some_and(|place| place.contains('x')), "{refusal:?}");
    assert_eq!(refusal.violations()[0].field, "document");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_tried_on_any_policy_without_effect() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run_id = fixture.run().await.run_id().to_owned();
    let before = fixture.admin().server_info().await.unwrap().sequence;
    let hypothesis = v1::HypotheticalRun { agent: "any".to_owned(), ..Default::default() };
    let question = v1::EvaluateActionRequest {
        policy: None,
        run: Some(Run::Hypothesis(hypothesis)),
        tool: "ask_briefly".to_owned(),
        arguments: "{}".into(),
        ..Default::default()
    };

    let said = fixture.policies().evaluate(question.clone()).await.unwrap();
    let decision = said.decision.unwrap();
    assert_eq!(decision.effect(), v1::DecisionEffect::Escalate);
    assert_eq!(decision.matched_rule_ids, ["asked", "asked-briefly"]);
    assert_eq!(decision.policy_revision_id, in_force(&fixture).await);
    let asked = said.question.unwrap();
    assert_eq!((&*asked.lane, asked.severity()), ("brief", v1::SeverityTier::Critical));
    assert_eq!(asked.due.unwrap().seconds, 1);

    let document = "version: 1\ndefault: deny\n".to_owned();
    let other =
        v1::EvaluateActionRequest { policy: Some(Policy::Document(document)), ..question.clone() };
    let said = fixture.policies().evaluate(other.clone()).await.unwrap();
    assert_eq!(said.decision.unwrap().effect(), v1::DecisionEffect::Deny);
    assert_eq!(said.question, None);

    let agent = Policies::new(fixture.connection(AGENT));
    let refusal = agent.evaluate(other).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "ROLE_REQUIRED");
    let own = v1::EvaluateActionRequest { run: Some(Run::RunId(run_id)), ..question };
    let said = agent.evaluate(own).await.unwrap();
    assert_eq!(said.decision.unwrap().rule_id, "asked-briefly");
    assert_eq!(fixture.admin().server_info().await.unwrap().sequence, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_guided_and_a_person_is_given_the_reasons() {
    let document = policy::BY_NAME.to_owned()
        + "guidance: Ask before you pay.\nconstraints:\n  \
           - { id: never, tools: [deny_it], effect: deny, reason: Never. }\n"
        + "tests:\n  - { name: asked, tool: ask_it, expect: escalate, rule: asked }\n";
    let document = document.replace("  allow_it: {", "  deny_it: { write: true }\n  allow_it: {");
    let fixture = Fixture::start(&document).await;
    let run = fixture.run().await;
    let wait = asked(&run, Proposal::new("ask_it", r#"{"amount":7}"#)).await;
    let action_id = fixture.shown(wait.escalation_id()).await.action_id;

    let agent = Policies::new(fixture.connection(AGENT));
    let guidance = agent.guidance(run.run_id()).await.unwrap();
    assert_eq!(guidance.text, "Ask before you pay.");
    assert_eq!(guidance.forbidden_tools, ["deny_it"]);
    assert_eq!(guidance.policy_revision_id, in_force(&fixture).await);

    let reviewer = Policies::new(fixture.connection(REVIEWER));
    let tested = reviewer.test(v1::TestPolicyRequest::default()).await.unwrap();
    assert_eq!((tested.results.len(), tested.failed_count), (1, 0));
    let question = v1::ExplainDecisionRequest { action_id, policy: None };
    assert_eq!(agent.explain(question.clone()).await.unwrap_err().reason_name(), "ROLE_REQUIRED");
    let why = reviewer.explain(question).await.unwrap();
    assert_eq!(why.recorded, why.decision);
    let rule = why.rules.iter().find(|rule| rule.rule_id == "too-much").unwrap();
    assert_eq!(rule.outcome(), v1::rule_trace::Outcome::DoesNotApply);
    let amount = rule.values.iter().find(|value| value.name == "args.amount").unwrap();
    assert_eq!(amount.seen, Some(v1::seen_value::Seen::Value("7".into())));
    assert_eq!(why.question.unwrap().quorum, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_judged_again_by_another_policy() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    allowed(&run, Proposal::new("allow_it", "{}")).await;
    let wait = asked(&run, Proposal::new("ask_it", "{}")).await;
    let claimed = fixture.reviewer().claim(wait.escalation_id(), None).await.unwrap();
    fixture.reviewer().reject(&claimed, "", "").await.unwrap();
    let request = v1::BacktestPolicyRequest {
        policy: Some(v1::backtest_policy_request::Policy::Document(
            "version: 1\ndefault: allow\n".to_owned(),
        )),
        ..Default::default()
    };
    let before = fixture.admin().server_info().await.unwrap().sequence;

    let reviewer = Policies::new(fixture.connection(REVIEWER));
    let said = reviewer.backtest(request.clone()).await.unwrap();

    assert_eq!((said.action_count, said.left_out_count, said.review_count), (2, 0, 1));
    let effects = |side: Option<v1::BacktestSide>| side.map(|it| (it.allow, it.deny, it.escalate));
    assert_eq!((effects(said.recorded), effects(said.decided)), (Some((1, 0, 1)), Some((2, 0, 0))));
    let [flip] = &said.flips[..] else { panic!("{:?}", said.flips) };
    assert_eq!(flip.recorded(), v1::DecisionEffect::Escalate);
    assert_eq!(flip.decision(), v1::DecisionEffect::Allow);
    assert_eq!(flip.answers.unwrap().rejected, 1);
    assert_eq!(flip.examples[0].answer(), v1::HumanAnswer::Rejected);
    assert_eq!(flip.examples[0].recorded_rule_id, "asked");
    assert!(said.median_review.is_some());
    assert_eq!(fixture.admin().server_info().await.unwrap().sequence, before);

    let agent = Policies::new(fixture.connection(AGENT));
    let refusal = agent.backtest(request.clone()).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "ROLE_REQUIRED");
    let wrong = v1::BacktestPolicyRequest { max_actions: -1, ..request };
    let refusal = reviewer.backtest(wrong).await.unwrap_err();
    assert_eq!(refusal.violations()[0].field, "max_actions");
}
