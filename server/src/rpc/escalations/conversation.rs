//! Questions to agents, and comments.

use pointsman_api::v1;
use tonic::{Request, Response, Status};

use super::read_id;
use crate::engine::Engine;
use crate::engine::comments::AddComment;
use crate::engine::conversation::{AnswerQuestion, AskAgent};
use crate::rpc::caller::{Call, open};
use crate::rpc::convert::{self, answer, conversation, header, page, time};
use crate::rpc::limits::fits;

pub(super) async fn ask_agent(
    engine: &Engine,
    request: Request<v1::AskAgentRequest>,
) -> Result<Response<v1::AskAgentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let escalation = read_id(&message.escalation_id)?;
    let (request_id, text) = (message.request_id, message.text);
    let asked = engine.ask_agent(&caller, AskAgent { request_id, escalation, text }).await?;
    let header = header(&asked);
    answer(v1::AskAgentResponse { header, question: Some(conversation::question(asked.value)) })
}

pub(super) async fn answer_question(
    engine: &Engine,
    request: Request<v1::AnswerQuestionRequest>,
) -> Result<Response<v1::AnswerQuestionResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = AnswerQuestion {
        escalation: read_id(&message.escalation_id)?,
        question: convert::id("question_id", &message.question_id)?,
        request_id: message.request_id,
        text: message.text,
    };
    let said = engine.answer_question(&caller, command).await?;
    let header = header(&said);
    let question = Some(conversation::question(said.value));
    answer(v1::AnswerQuestionResponse { header, question })
}

pub(super) async fn list_questions(
    engine: &Engine,
    request: Request<v1::ListQuestionsRequest>,
) -> Result<Response<v1::ListQuestionsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let escalation = convert::optional_id("escalation_id", &message.escalation_id)?;
    let page = page(message.page_size, message.page_token);
    let listed = engine.list_questions(&caller, page, escalation).await?;
    answer(fits(v1::ListQuestionsResponse {
        questions: listed.items.into_iter().map(conversation::question).collect(),
        next_page_token: listed.next_page_token,
        server_time: Some(time(engine.now())),
    })?)
}

pub(super) async fn add_comment(
    engine: &Engine,
    request: Request<v1::AddCommentRequest>,
) -> Result<Response<v1::AddCommentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let escalation = read_id(&message.escalation_id)?;
    let (request_id, text) = (message.request_id, message.text);
    let added = engine.add_comment(&caller, AddComment { request_id, escalation, text }).await?;
    let header = header(&added);
    answer(v1::AddCommentResponse { header, comment: Some(conversation::comment(added.value)) })
}

pub(super) async fn list_comments(
    engine: &Engine,
    request: Request<v1::ListCommentsRequest>,
) -> Result<Response<v1::ListCommentsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let escalation = read_id(&message.escalation_id)?;
    let page = page(message.page_size, message.page_token);
    let listed = engine.list_comments(&caller, page, escalation).await?;
    answer(fits(v1::ListCommentsResponse {
        comments: listed.items.into_iter().map(conversation::comment).collect(),
        next_page_token: listed.next_page_token,
        server_time: Some(time(engine.now())),
    })?)
}
