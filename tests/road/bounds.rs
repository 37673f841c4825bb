//! Bounds of a policy: judged on the record, before it decides.

use pointsman_api::v1;
use pointsman_api::v1::backtest_policy_request::Policy;
use pointsman_api::v1::policy_bound::State;

use crate::harness::fixture::{Fixture, another, asked};
use crate::harness::policy;

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_lets_pass_what_people_rejected_is_not_put_in_force() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let (run, reviewer, policies) = (fixture.run().await, fixture.reviewer(), fixture.policies());
    for _ in 0..2 {
        let wait = asked(&run, another("ask_it")).await;
        let seen = fixture.shown(wait.escalation_id()).await;
        reviewer.reject(&seen, "", "not like this").await.unwrap();
    }
    let current = policies.get("").await.unwrap().0.revision_id;
    let document = |effect: &str| {
        format!("version: 1\ndefault: {effect}\nbounds: {{ recall: 1, min_labels: 2 }}\n")
    };

    let loose = policies.put(document("allow"), "").await.unwrap().revision.revision_id;
    let refused = policies.activate(&loose, &current, "").await.unwrap_err();
    assert_eq!(refused.reason_name(), "POLICY_OUT_OF_BOUNDS");
    let told = ["bound", "limit", "figure", "gated", "labels", "effect"];
    let told = told.map(|key| refused.metadata(key).unwrap_or_default());
    assert_eq!(told, ["recall", "1", "0", "0", "2", "none"]);
    let policy = Some(Policy::RevisionId(loose));
    let request = v1::BacktestPolicyRequest { policy, ..v1::BacktestPolicyRequest::default() };
    let figures = policies.backtest(request).await.unwrap().figures.unwrap();
    assert_eq!((figures.wanted_count, figures.recall), (2, Some(0.0)));
    assert_eq!(figures.bounds[0].state(), State::Missed);

    let strict = policies.put(document("escalate"), "").await.unwrap().revision.revision_id;
    let done = policies.activate(&strict, &current, "").await.unwrap();
    assert_eq!(done.figures.unwrap().bounds[0].state(), State::Held);
    assert_eq!(policies.get("").await.unwrap().0.revision_id, strict);
}
