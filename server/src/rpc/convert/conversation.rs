//! Questions to agents, and comments.

use pointsman_api::v1;

use super::briefings::rendered;
use super::time;
use crate::domain::render;
use crate::engine::comments::CommentView;
use crate::engine::conversation::QuestionView;

/// The most characters of an agent's answer that are laid out: all there may be.
const ANSWER_CHARS: usize = 8 * 1024;

/// A question to an agent, with its answer.
pub(in crate::rpc) fn question(view: QuestionView) -> v1::AgentQuestion {
    let QuestionView { question, text, answer } = view;
    let answered = question.answer;
    v1::AgentQuestion {
        question_id: question.id.to_string(),
        escalation_id: question.escalation.to_string(),
        run_id: question.run.to_string(),
        asker: question.asker,
        text,
        ask_time: Some(time(question.ask_time)),
        shown_answer: answered.map(|_| rendered(&render::text(&answer, ANSWER_CHARS))),
        answer,
        answer_time: answered.map(|answer| time(answer.time)),
    }
}

/// A comment.
pub(in crate::rpc) fn comment(view: CommentView) -> v1::Comment {
    let CommentView { comment, text } = view;
    v1::Comment {
        comment_id: comment.id.to_string(),
        escalation_id: comment.escalation.to_string(),
        author: comment.author,
        text,
        create_time: Some(time(comment.create_time)),
    }
}
