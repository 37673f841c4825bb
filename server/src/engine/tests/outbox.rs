//! Notices leave at least once, and in the end somebody sees what became of each.

pub(super) mod post;

use super::world::*;
use crate::domain::error::{Error, Resource};
use crate::domain::event::EventKind;
use crate::domain::ids::NoticeId;
use crate::domain::notice::{
    DeliveryProblem, MAX_AGE_WITHOUT_CHANNEL, MAX_ATTEMPTS, Notice, NoticeKind, NoticeState,
    RETRY_DELAYS,
};
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::list::Page;
use crate::engine::outbox::{DELIVERY_TIMEOUT, MAX_SENT_AT_ONCE, MAX_WAITING, Undelivered};
use crate::engine::resolve::Verb;
use crate::store::Direction;
use crate::store::keys::{self, Posted};
use post::{Post, channels};

const HALF_HOUR: Span = Span::from_secs(30 * 60);
const DAY: Span = Span::from_secs(24 * 60 * 60);
const LEASE: Span = Span::from_secs(60);

/// A world in which nothing is sent by itself, with who is told in it.
async fn telling() -> (World, Post, Post) {
    let (user, ops) = (Post::new(), Post::new());
    let world = World::telling(channels(&user, &ops)).await.at_rest();
    (world, user, ops)
}

impl World {
    async fn notices(&self, state: Option<NoticeState>) -> Vec<Notice> {
        self.engine.list_notices(&admin(), Page::default(), state).await.unwrap().items
    }

    async fn notice(&self, id: NoticeId) -> Notice {
        self.engine.get_notice(&admin(), id).await.unwrap()
    }

    async fn test_notice(&self, channel: &str) -> Notice {
        self.engine.send_test_notice(&admin(), "", channel).await.unwrap().value
    }

    async fn send(&self) {
        self.engine.send_due().await.unwrap();
    }

    /// What waits for a channel.
    async fn waiting(&self, channel: &str) -> Vec<Posted> {
        let range = keys::outbox_of(channel);
        let found = self.store.scan(range, Direction::Ascending, 100).await.unwrap();
        found.rows.iter().map(|(key, _)| Posted::from_key(key).unwrap()).collect()
    }
}

#[tokio::test]
async fn an_expiry_is_told_in_the_commit_that_expires_it() {
    let (world, user, ops) = telling().await;
    let escalation = world.escalate(world.run().await).await;
    world.pass(DAY).await;
    let [expired, overdue] = &world.notices(None).await[..] else { panic!("two notices") };
    assert_eq!(overdue.kind, NoticeKind::EscalationOverdue);
    assert_eq!((expired.kind, &*expired.channel), (NoticeKind::EscalationExpired, "user"));
    assert_eq!(expired.state, NoticeState::Pending);
    assert!(user.letters().is_empty());

    world.send().await;
    let [letter] = &user.letters()[..] else { panic!("one letter") };
    let subject = letter.notice.subject.as_ref().unwrap();
    assert_eq!((letter.notice.id, subject.escalation), (expired.id, escalation.id));
    assert_eq!(letter.headline, "Refund 600 to Anna");
    assert_eq!(world.notice(expired.id).await.state, NoticeState::Delivered);
    // By then the question was closed: nobody is asked to hurry any more.
    assert_eq!(world.notice(overdue.id).await.state, NoticeState::Cancelled);
    assert!(ops.letters().is_empty());
    assert!(world.waiting("user").await.is_empty() && world.waiting("ops").await.is_empty());
    for (kind, often) in [
        (EventKind::NoticeCreated, 2),
        (EventKind::NoticeDelivered, 1),
        (EventKind::NoticeCancelled, 1),
        (EventKind::NoticeFailed, 0),
    ] {
        assert_eq!(world.events(kind).await, often, "{kind:?}");
    }
    world.send().await;
    assert_eq!(user.letters().len(), 1);
}

#[tokio::test]
async fn nobody_is_called_for_what_a_person_has_in_hand() {
    let (world, _, ops) = telling().await;
    let run = world.run().await;
    let [claimed, answered, open] =
        [world.escalate(run).await, world.escalate(run).await, world.escalate(run).await];
    world.pass(HALF_HOUR).await;
    world.engine.claim(&reviewer(), "", claimed.id, ClaimStep::Claim(None)).await.unwrap();
    let answered = world.escalation(answered.id).await;
    world.resolve(&answered, Verb::Reject { reason_code: String::new() }).await.unwrap();
    world.send().await;
    let told: Vec<_> =
        ops.letters().iter().map(|it| it.notice.subject.as_ref().unwrap().escalation).collect();
    assert_eq!(told, [open.id]);
    assert_eq!(world.notices(Some(NoticeState::Cancelled)).await.len(), 2);
}

#[tokio::test]
async fn a_failed_attempt_is_made_again_and_again_with_the_same_id_until_it_is_given_up() {
    let (world, user, _) = telling().await;
    let id = world.test_notice("user").await.id;
    user.refuses(MAX_ATTEMPTS as usize, DeliveryProblem::Status(503));
    for (attempt, delay) in (1..).zip(RETRY_DELAYS) {
        world.send().await;
        let notice = world.notice(id).await;
        assert_eq!((notice.state, notice.attempts), (NoticeState::Pending, attempt));
        assert_eq!(notice.problem, Some(DeliveryProblem::Status(503)));
        let wait = notice.next_time.since(world.engine.now()).as_micros();
        let range = delay.as_micros() * 8 / 10..=delay.as_micros() * 12 / 10;
        assert!(range.contains(&wait), "{attempt}: {wait}");
        world.clock.advance(Span::from_micros(wait - 1));
        world.send().await;
        assert_eq!(user.letters().len(), attempt as usize, "not before its time");
        world.clock.advance(Span::from_micros(1));
    }
    world.send().await;
    let failed = world.notice(id).await;
    assert_eq!((failed.state, failed.attempts), (NoticeState::Failed, MAX_ATTEMPTS));
    assert_eq!(world.events(EventKind::NoticeFailed).await, 1);
    assert!(user.letters().iter().all(|letter| letter.notice.id == id));
    world.clock.advance(DAY);
    world.send().await;
    assert_eq!(user.letters().len(), MAX_ATTEMPTS as usize);

    let retried = world.engine.retry_notice(&admin(), "", id).await.unwrap().value;
    assert_eq!((retried.state, retried.attempts), (NoticeState::Pending, 0));
    world.send().await;
    let delivered = world.notice(id).await;
    assert_eq!((delivered.state, delivered.problem), (NoticeState::Delivered, None));
    let again = world.engine.retry_notice(&admin(), "", id).await;
    assert!(matches!(again, Err(Error::NoticeClosed { state: "delivered", .. })), "{again:?}");
}

#[tokio::test]
async fn a_server_that_ends_between_sending_and_recording_sends_again_with_the_same_id() {
    let (world, user, _) = telling().await;
    let id = world.test_notice("user").await.id;
    user.close();
    let engine = world.engine.clone();
    let sending = tokio::spawn(async move { engine.send_due().await });
    user.has(1).await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    user.open();
    // Until its claim lapses nobody else sends it.
    world.send().await;
    assert_eq!(user.letters().len(), 1);

    world.clock.advance(LEASE);
    world.send().await;
    let letters = user.letters();
    assert_eq!(letters.iter().map(|it| it.notice.id).collect::<Vec<_>>(), [id, id]);
    assert!(letters[1].time > letters[0].time);
    let notice = world.notice(id).await;
    assert_eq!((notice.state, notice.attempts), (NoticeState::Delivered, 2));
}

#[tokio::test]
async fn servers_that_end_while_sending_do_not_try_for_ever() {
    let (world, user, _) = telling().await;
    let id = world.test_notice("user").await.id;
    for _ in 0..MAX_ATTEMPTS {
        let posted = world.waiting("user").await.remove(0);
        let found = world.store.read(&posted.key()).await.unwrap().unwrap();
        let claimed = world.engine.claim_notice(posted, found.version).await.unwrap();
        assert_eq!(claimed.unwrap().id, id);
        world.clock.advance(LEASE);
    }
    world.send().await;
    assert_eq!(world.notice(id).await.state, NoticeState::Failed);
    assert!(user.letters().is_empty());
}

#[tokio::test]
async fn of_two_servers_one_sends() {
    let (world, _, _) = telling().await;
    world.test_notice("user").await;
    let posted = world.waiting("user").await.remove(0);
    let version = world.store.read(&posted.key()).await.unwrap().unwrap().version;
    let first = world.engine.claim_notice(posted.clone(), version);
    let second = world.engine.claim_notice(posted, version);
    let (first, second) = tokio::join!(first, second);
    let claims = [first.unwrap(), second.unwrap()];
    assert_eq!(claims.iter().flatten().count(), 1, "{claims:?}");
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other_and_is_given_up() {
    let (world, user, ops) = telling().await;
    user.close();
    for _ in 0..=MAX_SENT_AT_ONCE {
        world.test_notice("user").await;
    }
    world.test_notice("ops").await;
    let engine = world.engine.clone();
    let sending = tokio::spawn(async move { engine.send_due().await });
    ops.has(1).await;
    user.has(MAX_SENT_AT_ONCE).await;
    assert_eq!(user.letters().len(), MAX_SENT_AT_ONCE);
    world.clock.advance(DELIVERY_TIMEOUT);
    user.has(MAX_SENT_AT_ONCE + 1).await;
    user.open();
    sending.await.unwrap().unwrap();
    let pending = world.notices(Some(NoticeState::Pending)).await;
    assert_eq!(pending.len(), MAX_SENT_AT_ONCE);
    assert!(pending.iter().all(|it| it.problem == Some(DeliveryProblem::TimedOut)));
    assert_eq!(world.notices(Some(NoticeState::Delivered)).await.len(), 2);
}

#[tokio::test]
async fn who_wants_nothing_more_gets_nothing_more() {
    let (world, user, ops) = telling().await;
    user.refuses(1, DeliveryProblem::Gone);
    let first = world.test_notice("user").await.id;
    world.send().await;
    let [later, other] = [world.test_notice("user").await, world.test_notice("ops").await];
    world.clock.advance(DAY);
    world.send().await;
    assert_eq!(world.notice(first).await.state, NoticeState::Failed);
    assert_eq!(world.notice(later.id).await.state, NoticeState::Pending);
    assert_eq!(world.notice(other.id).await.state, NoticeState::Delivered);
    assert_eq!((user.letters().len(), ops.letters().len()), (1, 1));
    let views = world.engine.notice_channels(&admin()).unwrap();
    let off: Vec<_> = views.iter().map(|it| (&*it.name, it.is_off)).collect();
    assert_eq!(off, [("ops", false), ("user", true)]);
    assert_eq!(views[1].last.failures_in_a_row, 1);
    assert_eq!(views[1].last.failure.unwrap().1, DeliveryProblem::Gone);
}

#[tokio::test]
async fn a_receiver_says_how_long_it_wants_to_be_left_alone() {
    let (world, user, _) = telling().await;
    let id = world.test_notice("user").await.id;
    for (asked, granted) in [(600, 600), (10_000_000, 24 * 60 * 60)] {
        let (problem, retry_after) = (DeliveryProblem::Status(429), Some(Span::from_secs(asked)));
        user.refuses_for(1, Undelivered { problem, retry_after });
        world.send().await;
        let wait = world.notice(id).await.next_time.since(world.engine.now());
        assert_eq!(wait, Span::from_secs(granted));
        world.clock.advance(wait);
    }
}

#[tokio::test]
async fn what_is_tried_again_by_hand_counts_whatever_comes_of_the_attempt_before() {
    let (world, user, _) = telling().await;
    let id = world.test_notice("user").await.id;
    user.close();
    user.refuses(1, DeliveryProblem::Gone);
    let engine = world.engine.clone();
    let sending = tokio::spawn(async move { engine.send_due().await });
    user.has(1).await;
    let retried = world.engine.retry_notice(&admin(), "", id).await.unwrap().value;
    user.open();
    sending.await.unwrap().unwrap();
    let notice = world.notice(id).await;
    assert_eq!((notice.state, notice.attempts), (NoticeState::Pending, 0));
    assert_eq!(notice.next_time, retried.next_time);
}

#[tokio::test]
async fn too_many_are_given_up_at_once_and_seen() {
    let (world, _, _) = telling().await;
    for number in 0..MAX_WAITING {
        let id = NoticeId::new(uuid::Uuid::from_u128(number as u128));
        let (channel, tenant) = ("user".to_owned(), "default".to_owned());
        world.engine.channels().note(&Posted { channel, time: START, id, tenant }, true);
    }
    let notice = world.test_notice("user").await;
    assert_eq!(notice.state, NoticeState::Failed);
    assert_eq!(notice.problem, Some(DeliveryProblem::QueueFull));
    assert!(world.waiting("user").await.is_empty());
    assert_eq!(world.test_notice("ops").await.state, NoticeState::Pending);
}

#[tokio::test]
async fn what_no_server_can_send_is_given_up_in_the_end() {
    let (world, _, _) = telling().await;
    let id = world.test_notice("user").await.id;
    // Another server on the same store, with other channels.
    let world = world.reopened(POLICY, false).await.at_rest();
    world.clock.advance(DAY);
    world.send().await;
    assert_eq!(world.notice(id).await.state, NoticeState::Pending);
    world.clock.advance(MAX_AGE_WITHOUT_CHANNEL);
    world.send().await;
    let failed = world.notice(id).await;
    assert_eq!(failed.state, NoticeState::Failed);
    assert_eq!(failed.problem, Some(DeliveryProblem::NoChannel));
    assert!(world.waiting("user").await.is_empty());
}

#[tokio::test]
async fn a_server_sends_by_itself_what_waits_and_what_comes() {
    let (user, ops) = (Post::new(), Post::new());
    let world = World::telling(channels(&user, &ops)).await;
    user.refuses(1, DeliveryProblem::Unreachable);
    world.test_notice("user").await;
    user.has(1).await;
    // A clock that is moved before the server waits for it is waited for all the same.
    while user.letters().len() < 2 {
        world.clock.advance(Span::from_secs(1));
        tokio::task::yield_now().await;
    }
    world.test_notice("ops").await;
    ops.has(1).await;
}

#[tokio::test]
async fn what_there_is_not_is_named() {
    let (world, _, _) = telling().await;
    let nowhere = world.engine.send_test_notice(&admin(), "", "nowhere").await;
    let not_found = |answer: Result<_, Error>, resource| matches!(answer, Err(Error::NotFound { resource: named, .. }) if named == resource);
    assert!(not_found(nowhere.map(|_| ()), Resource::NoticeChannel));
    let id = NoticeId::new(uuid::Uuid::nil());
    let found = world.engine.get_notice(&admin(), id).await;
    assert!(not_found(found.map(|_| ()), Resource::Notice));
    let retried = world.engine.retry_notice(&admin(), "", id).await;
    assert!(not_found(retried.map(|_| ()), Resource::Notice));
}

#[tokio::test]
async fn a_repeated_request_sends_one_test() {
    let (world, user, _) = telling().await;
    let id = request_id(7);
    let first = world.engine.send_test_notice(&admin(), &id, "user").await.unwrap();
    let again = world.engine.send_test_notice(&admin(), &id, "user").await.unwrap();
    assert_eq!((again.is_replayed, again.value.id), (true, first.value.id));
    world.send().await;
    assert_eq!(user.letters().len(), 1);
}
