//! Providers that take a POST.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Response;
use futures::stream;

use super::people::HttpDesk;
use super::*;

pub(super) const VERIFIED: &str = r#"{"facts": [
  {"name": "verified", "value": true, "observeTime": "2027-01-15T08:00:00.250Z"},
  {"name": "since", "value": 3, "observe_time": "2027-01-15T08:00:00.250Z", "later": 1}
], "later": {}}"#;

fn answer(status: u16, kind: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

fn json_answer(body: impl Into<Body>) -> Response<Body> {
    answer(200, "application/json; charset=utf-8", body)
}

async fn served(desk: &HttpDesk) -> Arc<dyn FactProvider> {
    provider(&config(&format!("http://{}/facts", desk.serve().await)))
}

#[tokio::test]
async fn it_gets_the_same_message_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let token_file = Some(write(dir.path(), "token", "first\n"));
    let desk = HttpDesk::new(|| json_answer(VERIFIED));
    let url = format!("http://{}/facts", desk.serve().await);
    let provider = provider(&FactProviderConfig { token_file, ..config(&url) });
    let answers = ask(&provider).await.unwrap();
    assert_eq!(answers["verified"], seen(json!(true)));
    assert_eq!(answers["since"], seen(json!(3)));
    let (headers, body) = desk.asked.lock().unwrap().remove(0);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["authorization"], "Bearer first");
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({
        "names": ["verified", "since"],
        "tool": "pay",
        "runId": question().run.unwrap().to_string(),
        "agent": "claims",
        "onBehalfOf": "anna",
        "arguments": {"customer": "c-1", "to": {"iban": "DE1"}, "amounts": [1, 2.5, null]},
    });
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn what_is_no_answer_is_told_in_our_words() {
    let large = || format!(r#"{{"facts": [], "pad": "{}"}}"#, "x".repeat(MAX_ANSWER_BYTES));
    let chunks = move || {
        let chunk = Ok::<_, std::io::Error>("x".repeat(1024));
        Body::from_stream(stream::repeat_with(move || {
            Ok::<_, std::io::Error>(chunk.as_ref().unwrap().clone())
        }))
    };
    type Make = Box<dyn Fn() -> Response<Body> + Send + Sync>;
    let cases: [(Make, &str); 8] = [
        (Box::new(|| answer(503, "text/plain", "hunter2")), "it answered 503"),
        (Box::new(|| answer(404, "application/json", VERIFIED)), "it answered 404"),
        (Box::new(|| answer(204, "application/json", "")), "it answered 204"),
        (Box::new(|| answer(200, "text/html", VERIFIED)), "not of type application/json"),
        (Box::new(|| json_answer("<hunter2>")), "is not a GetFactsResponse in JSON"),
        (Box::new(|| json_answer(r#"{"facts": [{"name": 1}]}"#)), "is not a GetFactsResponse"),
        (Box::new(move || json_answer(large())), "over 65536 bytes"),
        // One that never ends is cut off as well.
        (Box::new(move || json_answer(chunks())), "over 65536 bytes"),
    ];
    for (make, words) in cases {
        let make = Arc::new(make);
        let desk = HttpDesk::new(move || make());
        let refused = refusal(&served(&desk).await).await;
        assert!(refused.contains(words), "{words}: {refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    // It hangs up in the middle, before or after the head is there.
    let desk = HttpDesk::new(|| {
        let parts = [Ok("{\"facts\""), Err(std::io::Error::other("hunter2"))];
        json_answer(Body::from_stream(stream::iter(parts)))
    });
    let refused = refusal(&served(&desk).await).await;
    assert!(["broke off", "no connection"].iter().any(|it| refused.contains(it)), "{refused}");
    let twice = r#"{"facts": [{"name": "verified", "value": true}, {"name": "verified"}]}"#;
    let desk = HttpDesk::new(move || json_answer(twice));
    assert_eq!(refusal(&served(&desk).await).await, "it answered one fact twice");
}

#[tokio::test]
async fn it_is_not_followed_elsewhere() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&followed);
    let elsewhere = HttpDesk::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        json_answer(VERIFIED)
    });
    let elsewhere = format!("http://{}/facts", elsewhere.serve().await);
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = elsewhere.clone();
        let desk = HttpDesk::new(move || {
            let mut answer = answer(status, "application/json", VERIFIED);
            answer.headers_mut().insert("location", elsewhere.parse().unwrap());
            answer
        });
        let refused = refusal(&served(&desk).await).await;
        assert!(refused.contains(&format!("{status}, and is not followed")), "{refused}");
    }
    assert_eq!(followed.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_time_that_is_none_is_no_time() {
    let body = r#"{"facts": [{"name": "verified", "value": true, "observeTime": "today"}]}"#;
    let desk = HttpDesk::new(move || json_answer(body));
    let answers = ask(&served(&desk).await).await.unwrap();
    assert_eq!(answers["verified"], Reply { value: json!(true), time: None });
}
