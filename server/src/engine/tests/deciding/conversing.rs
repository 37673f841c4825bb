//! Questions to the agent before a person decides, and comments.

use super::super::world::*;
use crate::domain::error::{AnswerError, Error};
use crate::domain::escalation::{Escalation, EscalationState, MAX_COMMENTS, MAX_QUESTIONS};
use crate::domain::event::EventKind;
use crate::domain::ids::{EscalationId, QuestionId};
use crate::domain::principal::Role;
use crate::domain::time::Span;
use crate::engine::await_resolutions::{AwaitEvent, Awaiting, Scope};
use crate::engine::comments::AddComment;
use crate::engine::conversation::{AnswerQuestion, AskAgent, QuestionView};
use crate::engine::list::{Listed, Page};
use crate::engine::resolve::Verb;
use crate::engine::runs::StartRun;

const ASKED: &str = "Which invoice is it for?";
const SAID: &str = "Invoice 17. I am sure\u{202e}.";

impl World {
    async fn ask(&self, escalation: EscalationId, text: &str) -> Result<QuestionView, Error> {
        let (request_id, text) = (String::new(), text.to_owned());
        let command = AskAgent { request_id, escalation, text };
        self.engine.ask_agent(&reviewer(), command).await.map(|answer| answer.value)
    }

    async fn say(&self, view: &QuestionView, text: &str) -> Result<QuestionView, Error> {
        let command = AnswerQuestion {
            request_id: String::new(),
            escalation: view.question.escalation,
            question: view.question.id,
            text: text.to_owned(),
        };
        self.engine.answer_question(&agent(), command).await.map(|answer| answer.value)
    }

    async fn comment(&self, escalation: EscalationId, text: &str) -> Result<(), Error> {
        let (request_id, text) = (String::new(), text.to_owned());
        let command = AddComment { request_id, escalation, text };
        self.engine.add_comment(&reviewer(), command).await.map(|_| ())
    }

    /// What the agent still has to answer.
    async fn to_answer(&self) -> Vec<QuestionId> {
        let listed = self.engine.list_questions(&agent(), Page::default(), None).await.unwrap();
        listed.items.into_iter().map(|view| view.question.id).collect()
    }

    async fn stream_of(&self, scope: Scope) -> Awaiting {
        self.engine.await_resolutions(&agent(), scope, None).await.unwrap()
    }
}

/// The next question that a stream brings.
async fn brought(waiting: &mut Awaiting) -> QuestionView {
    loop {
        match waiting.next().await.unwrap() {
            Some(AwaitEvent::Question(view)) => return *view,
            Some(AwaitEvent::SnapshotEnd { .. }) => {}
            other => panic!("no question: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_is_shown_as_the_agents_words_and_changes_the_etag() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let asked = world.ask(escalation.id, ASKED).await.unwrap();
    assert_eq!(world.to_answer().await, [asked.question.id]);
    let open = world.escalation(escalation.id).await;
    assert_eq!((open.etag(), open.conversation.asked), (escalation.etag(), 1));
    assert_eq!(
        (open.due_time, open.expire_time),
        (escalation.due_time, escalation.expire_time),
        "no clock is stopped"
    );
    world.say(&asked, SAID).await.unwrap();
    assert_eq!(world.to_answer().await, []);
    let stale = world.resolve(&open, Verb::Approve).await;
    assert!(matches!(stale, Err(Error::EtagMismatch { .. })), "the answer was not seen");
    let view = world.engine.get_escalation(&reviewer(), escalation.id).await.unwrap();
    let shown = &view.detail.unwrap().questions[0];
    assert_eq!((&*shown.text, &*shown.answer, &*shown.question.asker), (ASKED, SAID, "alice"));
    world.approve(&view.escalation).await;
    let events = [EventKind::EscalationAsked, EventKind::EscalationAnswered];
    for kind in events {
        assert_eq!(world.events(kind).await, 1);
    }
}

#[tokio::test]
async fn every_stream_of_the_agent_brings_a_question_once_until_it_is_answered() {
    let world = World::new().await;
    let (run, other_run) = (world.run().await, world.run().await);
    let (one, other) = (world.escalate(run).await, world.escalate(other_run).await);
    let scope = Scope::Wait { escalation: one.id, wait: one.wait };
    let mut streams = [
        world.stream_of(scope).await,
        world.stream_of(Scope::Run(run)).await,
        world.stream_of(Scope::Agent).await,
    ];
    let of_other = world.ask(other.id, "And this one?").await.unwrap();
    let asked = world.ask(one.id, ASKED).await.unwrap();
    let [wait, of_run, of_agent] = &mut streams;
    assert_eq!(brought(wait).await, asked);
    assert_eq!(brought(of_run).await, asked);
    assert_eq!(
        [brought(of_agent).await, brought(of_agent).await],
        [of_other.clone(), asked.clone()]
    );
    // A new stream brings what is not answered.
    world.say(&of_other, SAID).await.unwrap();
    assert_eq!(brought(&mut world.stream_of(Scope::Agent).await).await, asked);
    // The answer of the person comes behind it, on the same stream.
    let shown = world.escalation(one.id).await;
    world.approve(&shown).await;
    let end = wait.next().await.unwrap();
    assert!(matches!(end, Some(AwaitEvent::Resumption(_))), "{end:?}");
}

#[tokio::test]
async fn a_question_ends_with_what_it_is_about() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let asked = world.ask(escalation.id, ASKED).await.unwrap();
    let closed = world.approve(&world.escalation(escalation.id).await).await;
    assert_eq!(closed.conversation.open, []);
    assert_eq!(world.to_answer().await, []);
    let late = world.say(&asked, SAID).await;
    assert!(matches!(late, Err(Error::EscalationClosed { .. })));
    let late = world.ask(escalation.id, ASKED).await;
    assert!(matches!(late, Err(Error::EscalationClosed { .. })));
    let other = world.escalate(world.run().await).await;
    world.clock.advance(Span::from_secs(24 * 60 * 60));
    let expired = world.ask(other.id, ASKED).await;
    assert!(matches!(expired, Err(Error::EscalationClosed { .. })), "nobody wins against time");
}

#[tokio::test]
async fn only_the_agent_that_is_asked_answers_and_once() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let asked = world.ask(escalation.id, ASKED).await.unwrap();
    let command = AnswerQuestion {
        request_id: String::new(),
        escalation: escalation.id,
        question: asked.question.id,
        text: SAID.to_owned(),
    };
    let stranger = principal("mailer", &[Role::Agent]);
    let refused = world.engine.answer_question(&stranger, command).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    let listed = world.engine.list_questions(&stranger, Page::default(), Some(escalation.id)).await;
    assert!(matches!(listed, Err(Error::NotFound { .. })));
    let listed = world.engine.list_questions(&reviewer(), Page::default(), None).await;
    assert!(matches!(listed, Err(Error::InvalidField { .. })));
    world.say(&asked, SAID).await.unwrap();
    let again = world.say(&asked, "No, 18.").await;
    assert!(matches!(again, Err(Error::Answer(AnswerError::QuestionAnswered { .. }))));
}

#[tokio::test]
async fn nobody_asks_their_own_and_words_have_bounds() {
    let world = World::new().await;
    let command = StartRun { on_behalf_of: "alice".to_owned(), ..StartRun::default() };
    let run = world.engine.start_run(&agent(), command).await.unwrap().value.run.id;
    let own = world.escalate(run).await;
    assert!(matches!(world.ask(own.id, ASKED).await, Err(Error::SelfReview { .. })));
    let escalation = world.escalate(world.run().await).await;
    for text in ["", " ", &"x".repeat(8 * 1024 + 1)] {
        assert!(matches!(world.ask(escalation.id, text).await, Err(Error::InvalidField { .. })));
        let comment = world.comment(escalation.id, text).await;
        assert!(matches!(comment, Err(Error::InvalidField { .. })));
    }
    let secret = "AKIAIOSFODNN7EXAMPLE";
    assert!(matches!(world.ask(escalation.id, secret).await, Err(Error::SecretFound { .. })));
    assert!(matches!(world.comment(escalation.id, secret).await, Err(Error::SecretFound { .. })));
    for _ in 0..MAX_QUESTIONS {
        world.ask(escalation.id, ASKED).await.unwrap();
    }
    let more = world.ask(escalation.id, ASKED).await;
    assert!(matches!(
        more,
        Err(Error::Answer(AnswerError::QuestionsFull { limit: MAX_QUESTIONS, .. }))
    ));
}

async fn comments_of(world: &World, escalation: &Escalation, page: Page) -> Listed<String> {
    let listed = world.engine.list_comments(&other_reviewer(), page, escalation.id).await.unwrap();
    let items = listed.items.into_iter().map(|view| view.text).collect();
    Listed { items, next_page_token: listed.next_page_token }
}

#[tokio::test]
async fn comments_are_for_people_and_leave_the_etag() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.comment(escalation.id, "I know this customer").await.unwrap();
    let of_agent = world.engine.get_escalation(&agent(), escalation.id).await.unwrap();
    assert_eq!(of_agent.escalation.conversation.comments, 0, "agents are not told of them");
    let listed = world.engine.list_comments(&agent(), Page::default(), escalation.id).await;
    assert!(matches!(listed, Err(Error::RoleRequired { .. })));
    // Whoever read it before the comment still decides on what was read.
    let done = world.approve(&escalation).await;
    assert_eq!(done.state, EscalationState::Resolved);
    for number in 1..MAX_COMMENTS {
        world.comment(escalation.id, &format!("note {number}")).await.unwrap();
    }
    let more = world.comment(escalation.id, "one more").await;
    assert!(matches!(more, Err(Error::Answer(AnswerError::CommentsFull { .. }))));
    let first = comments_of(&world, &escalation, Page { size: 40, token: String::new() }).await;
    assert_eq!((first.items.len(), &*first.items[0]), (40, "I know this customer"));
    let rest =
        comments_of(&world, &escalation, Page { size: 40, token: first.next_page_token }).await;
    assert_eq!((rest.items.len(), &*rest.next_page_token), (24, ""));
}

#[tokio::test]
async fn a_retry_of_a_question_is_the_same_question() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let command =
        AskAgent { request_id: request_id(1), escalation: escalation.id, text: ASKED.to_owned() };
    let first = world.engine.ask_agent(&reviewer(), command.clone()).await.unwrap();
    let again = world.engine.ask_agent(&reviewer(), command).await.unwrap();
    assert!(again.is_replayed && again.value == first.value);
    assert_eq!(world.escalation(escalation.id).await.conversation.asked, 1);
}
