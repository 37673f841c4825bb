//! Steps tell people, by the channels that they name and by those that take such
//! notices; that nobody could be told is a reason to be late.

use std::sync::Arc;

use super::super::outbox::post::Post;
use super::*;
use crate::domain::notice::{DeliveryProblem, NoticeKind};
use crate::domain::queue::LateReason;
use crate::engine::outbox::{ChannelKind, Channels};

const TELLING: &str = r#"
version: 1
lanes: {money: {chain: money}}
teams: {claims: {members: [alice]}}
chains:
  money:
    - {after: 10m, do: notify, to: ["team:claims", "channel:user"]}
    - {after: 20m, do: on_call, to: ["channel:user"]}
"#;

/// A world under the settings, with who is told in it, and a question.
async fn telling() -> (World, Post, Post, Escalation) {
    let (user, ops) = (Post::new(), Post::new());
    let mut channels = Channels::default();
    // By name only, and for every step that tells people.
    for (name, post, events) in
        [("user", &user, Vec::new()), ("ops", &ops, vec![NoticeKind::EscalationStep])]
    {
        channels.register(name.to_owned(), ChannelKind::Webhook, events, Arc::new(post.clone()));
    }
    let world = World::telling(channels).await.at_rest();
    put(&world, TELLING).await.unwrap();
    let question = world.escalate(world.run().await).await;
    (world, user, ops, question)
}

fn steps_told(post: &Post) -> usize {
    post.letters().iter().filter(|it| it.notice.kind == NoticeKind::EscalationStep).count()
}

#[tokio::test]
async fn a_step_tells_whom_it_names_in_its_own_commit() {
    let (world, user, ops, question) = telling().await;
    for (after, by_user, by_ops) in [(10, 1, 1), (20, 2, 1)] {
        world.pass(minutes(10)).await;
        world.engine.send_due().await.unwrap();
        assert_eq!((steps_told(&user), steps_told(&ops)), (by_user, by_ops), "{after}");
    }
    let [letter, ..] = &user.letters()[..] else { panic!("no letter") };
    assert_eq!(letter.notice.subject.as_ref().unwrap().escalation, question.id);
    world.pass(minutes(10)).await;
    assert_eq!(world.escalation(question.id).await.late, Some(LateReason::NotLookedAt));
}

#[tokio::test]
async fn that_nobody_could_be_told_is_why_it_is_late() {
    let (world, user, ops, question) = telling().await;
    for post in [&user, &ops] {
        post.refuses(10, DeliveryProblem::Status(503));
    }
    for _ in 0..3 {
        world.pass(minutes(10)).await;
        world.engine.send_due().await.unwrap();
    }
    assert_eq!(world.escalation(question.id).await.late, Some(LateReason::Undelivered));
}
