//! Providers that serve `FactProviderService`.

use pointsman_api::v1;
use prost_types::value::Kind;
use tonic::Status;

use super::people::GrpcDesk;
use super::*;

fn fact(name: &str, kind: Kind) -> v1::Fact {
    v1::Fact {
        name: name.to_owned(),
        value: Some(prost_types::Value { kind: Some(kind) }),
        observe_time: Some(SEEN.parse().unwrap()),
    }
}

pub(super) fn verified() -> v1::GetFactsResponse {
    v1::GetFactsResponse {
        facts: vec![fact("verified", Kind::BoolValue(true)), fact("since", Kind::NumberValue(3.0))],
    }
}

async fn served(desk: &GrpcDesk) -> Arc<dyn FactProvider> {
    provider(&config(&format!("grpc://{}", desk.serve(None).await)))
}

#[tokio::test]
async fn it_is_asked_what_the_policy_wants_and_answers_by_name() {
    let desk = GrpcDesk::new(|| Ok(verified()));
    let answers = ask(&served(&desk).await).await.unwrap();
    assert_eq!(answers["verified"], seen(json!(true)));
    assert_eq!(answers["since"], seen(json!(3.0)));
    let (asked, token) = desk.asked.lock().unwrap().remove(0);
    assert_eq!(asked.names, ["verified", "since"]);
    assert_eq!((asked.tool.as_str(), asked.agent.as_str()), ("pay", "claims"));
    assert_eq!(asked.on_behalf_of, "anna");
    assert_eq!(asked.run_id, question().run.unwrap().to_string());
    let arguments = values::to_json(
        asked.arguments.map(|it| prost_types::Value { kind: Some(Kind::StructValue(it)) }),
    );
    let told = json!({"customer": "c-1", "to": {"iban": "DE1"}, "amounts": [1.0, 2.5, null]});
    assert_eq!(arguments, told);
    assert_eq!(token, None);
}

#[tokio::test]
async fn it_is_shown_the_token_that_the_file_has_now() {
    let dir = tempfile::tempdir().unwrap();
    let token = write(dir.path(), "token", "first\n");
    let desk = GrpcDesk::new(|| Ok(verified()));
    let url = format!("grpc://{}", desk.serve(None).await);
    let provider =
        provider(&FactProviderConfig { token_file: Some(token.clone()), ..config(&url) });
    ask(&provider).await.unwrap();
    write(dir.path(), "token", "second");
    ask(&provider).await.unwrap();
    std::fs::remove_file(token).unwrap();
    assert_eq!(refusal(&provider).await, "its token cannot be read");
    let shown: Vec<_> = desk.asked.lock().unwrap().iter().map(|(_, it)| it.clone()).collect();
    assert_eq!(shown, [Some("Bearer first".to_owned()), Some("Bearer second".to_owned())]);
}

#[tokio::test]
async fn what_is_no_answer_is_told_in_our_words() {
    let large = Kind::StringValue("x".repeat(MAX_ANSWER_BYTES));
    let large = v1::GetFactsResponse { facts: vec![fact("verified", large)] };
    let once = || fact("verified", Kind::BoolValue(true));
    let twice = v1::GetFactsResponse { facts: vec![once(), once()] };
    for (answer, words) in [
        (Err(Status::unavailable("db password is hunter2")), "it answered Unavailable"),
        (Err(Status::internal("hunter2")), "it answered Internal"),
        (Ok(large), "over 65536 bytes"),
        (Ok(twice), "it answered one fact twice"),
    ] {
        let desk = GrpcDesk::new(move || answer.clone());
        let refused = refusal(&served(&desk).await).await;
        assert!(refused.contains(words), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[tokio::test]
async fn what_it_does_not_know_or_cannot_say_is_not_known() {
    let answer = v1::GetFactsResponse {
        facts: vec![
            fact("verified", Kind::NumberValue(f64::NAN)),
            fact("since", Kind::NullValue(0)),
            v1::Fact { name: "level".to_owned(), ..v1::Fact::default() },
        ],
    };
    let desk = GrpcDesk::new(move || Ok(answer.clone()));
    let answers = ask(&served(&desk).await).await.unwrap();
    assert_eq!(answers["verified"], seen(json!(null)));
    assert_eq!(answers["since"], seen(json!(null)));
    assert_eq!(answers["level"], Reply { value: json!(null), time: None });
}
