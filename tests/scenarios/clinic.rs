//! The cases of a clinic whose assistant thinks aloud.

use pointsman_api::v1;
use pointsman_api::v1::r#override::{Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_api::v1::run::State as RunState;
use pointsman_api::v1::watch_reasoning_request::Density;
use pointsman_api::v1::watch_reasoning_response::Event;
use pointsman_client::{Intent, Proposal, ReasoningEvent, ReasoningWatch, SessionUpdate};
use serde_json::json;
use tokio_stream::StreamExt as _;

use super::{CLINIC, Scene};
use crate::harness::api::SUPERVISOR;
use crate::harness::fixture::allowed;
use crate::harness::poll::{PATIENCE, within};

const THOUGHTS: [&str; 3] = [
    "Patient 7 has atrial fibrillation and takes ibuprofen. ",
    "The guideline names anticoagulants; warf",
    "arin is the usual one, so I will recommend 10 mg a day.",
];

/// Reads on until a word that is watched for comes by; answers with all that was said.
async fn until_marked(watch: &mut ReasoningWatch) -> String {
    let mut said = String::new();
    loop {
        let next = within("the assistant thinks on", PATIENCE, watch.next()).await;
        if let ReasoningEvent::Shown(Event::Text(text)) = next.unwrap().unwrap() {
            said.push_str(&text.text);
            if let Some(mark) = text.marks.first() {
                assert_eq!(mark.word, "warfarin");
                return said;
            }
        }
    }
}

/// "Reasoning streams, the clinician stops it before the recommendation."
#[tokio::test(flavor = "multi_thread")]
async fn clinic_the_clinician_reads_along_and_stops_it_before_it_recommends() {
    let clinic = Scene::open(CLINIC, "Advise on the treatment of patient 7").await;
    let request = v1::WatchReasoningRequest {
        run_id: clinic.run.run_id().to_owned(),
        density: Density::Full.into(),
        ..Default::default()
    };
    let mut watch = ReasoningWatch::new(clinic.fixture.connection(SUPERVISOR), request);

    let session = clinic.run.open_session().await.unwrap();
    let mut updates = Box::pin(session.updates());
    session.step("Look up the guideline").unwrap();
    let guideline = Proposal::new("lookup_guideline", r#"{"topic": "anticoagulation"}"#);
    let permit = allowed(&clinic.run, guideline).await;
    permit.redeem().await.unwrap().succeeded("warfarin, apixaban").await.unwrap();
    for thought in THOUGHTS {
        session.reasoning(thought).unwrap();
    }
    session.intent("recommend warfarin", "the guideline names it first").unwrap();

    // The word of the clinic's policy is found although it came in two pieces, and the clinician has seen enough.
    let said = until_marked(&mut watch).await;
    assert!(said.contains(THOUGHTS[0]) && said.contains("warfarin"), "{said}");
    let stop = Intent {
        kind: Kind::Stop,
        scope: Some(Scope::RunId(clinic.run.run_id().to_owned())),
        reason: "ibuprofen and warfarin: bleeding".to_owned(),
        ..Intent::default()
    };
    let clinician = clinic.fixture.overrides(SUPERVISOR);
    let stop = clinician.request(stop).await.unwrap();
    assert!(stop.enforced_time.is_some(), "it holds with the answer, whatever the agent does");

    let advice = json!({"drug": "warfarin", "dose": "10 mg"});
    let advice = Proposal::new("recommend_treatment", advice.to_string());
    let refused = clinic.run.propose(advice).await.unwrap_err();
    assert_eq!(refused.reason_name(), "RUN_STOPPED");
    let told = within("the assistant is told", PATIENCE, async {
        loop {
            if let SessionUpdate::Override(told) = updates.next().await.unwrap() {
                return told;
            }
        }
    });
    let told = told.await;
    assert_eq!((told.override_id.as_str(), &told.reason), (&*stop.override_id, &stop.reason));
    let shown = clinician.get(&stop.override_id).await.unwrap();
    assert!(shown.steps.iter().any(|step| step.state() == State::Delivered), "{shown:?}");

    let run = clinic.fixture.runs().get(clinic.run.run_id()).await.unwrap();
    assert_eq!(run.state(), RunState::Stopped);
    let listed = v1::ListActionsRequest { run_id: run.run_id, ..Default::default() };
    let actions = clinic.fixture.runs().actions(listed).await.unwrap().actions;
    let tools: Vec<_> = actions.iter().map(|action| action.tool.as_str()).collect();
    assert_eq!(tools, ["lookup_guideline"], "nothing was recommended");
}
