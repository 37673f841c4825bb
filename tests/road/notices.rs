//! What leaves the server for somebody who does not look: from the question to the
//! receiver that docs/notices.md shows.

use pointsman_api::v1;
use pointsman_api::v1::notice::{Kind, State};
use pointsman_client::Proposal;
use pointsman_server::config::CommandConfig;

use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually};
use crate::harness::receiver::{Receiver, SECRET};

const OTHER_SECRET: &str = "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";

async fn notices(fixture: &Fixture, state: State) -> Vec<v1::Notice> {
    let request = v1::ListNoticesRequest { state: state.into(), ..Default::default() };
    fixture.admin().list_notices(request).await.unwrap().notices
}

async fn settled(fixture: &Fixture, notice_id: &str) -> v1::Notice {
    eventually("the notice is settled", PATIENCE, || async {
        let notice = fixture.admin().get_notice(notice_id).await.unwrap();
        (notice.state() != State::Pending || !notice.problem.is_empty()).then_some(notice)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_asked_for_learns_that_nobody_answered() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let mut receiver = Receiver::start(&format!("{OTHER_SECRET} {SECRET}")).await;
    let fixture = Fixture::start_with(policy::BY_NAME, |config| {
        config.notices.default = Some("user".to_owned());
        config.notices.webhooks.insert("user".to_owned(), receiver.webhook(&secret));
    })
    .await;
    let wait = asked(&fixture.run().await, Proposal::new("ask_briefly", "{}")).await;

    let told = receiver.next().await;
    let (notice_id, text) = told.split_once(' ').unwrap();
    assert!(text.starts_with("Expired, nobody answered"), "{told}");
    let notice = settled(&fixture, notice_id).await;
    assert_eq!((notice.kind(), notice.state()), (Kind::EscalationExpired, State::Delivered));
    assert_eq!(notice.escalation_id, wait.escalation_id());
    let channels = fixture.admin().list_notice_channels().await.unwrap().channels;
    assert_eq!((&*channels[0].name, channels[0].failure_count), ("user", 0));
    assert!(channels[0].success_time.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_with_another_secret_is_refused_and_seen() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, OTHER_SECRET).unwrap();
    let mut receiver = Receiver::start(SECRET).await;
    let fixture = Fixture::start_with(policy::BY_NAME, |config| {
        config.notices.webhooks.insert("ops".to_owned(), receiver.webhook(&secret));
    })
    .await;
    let sent = fixture.admin().send_test_notice("ops").await.unwrap();
    let refused = settled(&fixture, &sent.notice_id).await;
    assert_eq!((refused.state(), &*refused.problem), (State::Pending, "the receiver answered 401"));

    // Both secrets sign while they change, without a restart.
    std::fs::write(&secret, format!("{OTHER_SECRET}\n{SECRET}\n")).unwrap();
    fixture.admin().retry_notice(&*sent.notice_id).await.unwrap();
    assert!(receiver.next().await.starts_with(&sent.notice_id));
    let delivered = eventually("it is delivered", PATIENCE, || async {
        let found = notices(&fixture, State::Delivered).await;
        found.into_iter().next()
    })
    .await;
    assert_eq!(delivered.notice_id, sent.notice_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_a_server_ends_is_sent_by_the_next() {
    let mut fixture = Fixture::start_with(policy::BY_NAME, |config| {
        let program = "/bin/false".into();
        let command = CommandConfig { program, ..CommandConfig::default() };
        config.notices.commands.insert("page".to_owned(), command);
    })
    .await;
    let sent = fixture.admin().send_test_notice("page").await.unwrap();
    let failed = settled(&fixture, &sent.notice_id).await;
    assert_eq!(&*failed.problem, "the program ended with exit code 1");

    fixture.restart().await;

    let again = eventually("it is tried again", PATIENCE, || async {
        let notice = fixture.admin().get_notice(&*sent.notice_id).await.unwrap();
        (notice.attempt_count > 1).then_some(notice)
    })
    .await;
    assert_eq!(again.state(), State::Pending);
}
