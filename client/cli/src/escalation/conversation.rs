//! What is said about a question before it is decided: questions to the agent, its
//! answers, and comments for people.

use clap::Args;
use pointsman_api::v1;
use pointsman_client::{Agent, Reviewer};

use super::{OneArguments, text_or_file};
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::id;
use crate::output::escape::{block, inline};
use crate::output::reflect::node_of;
use crate::output::time;

/// The most that is listed: more than one escalation has.
const PAGE: i32 = 500;

/// What the agent is asked.
#[derive(Debug, Args)]
pub(crate) struct AskArguments {
    #[command(flatten)]
    one: OneArguments,
    /// The question; @FILE reads it, @- from standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    question: String,
}

/// Whose questions.
#[derive(Debug, Args)]
pub(crate) struct QuestionsArguments {
    /// The escalation; left out: what the calling agent has not answered
    #[arg(value_name = "ESC_ID")]
    id: Option<String>,
}

/// What the agent says.
#[derive(Debug, Args)]
pub(crate) struct AnswerArguments {
    /// The question's id
    #[arg(value_name = "QST_ID")]
    id: String,
    /// The answer; @FILE reads it, @- from standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    with: String,
}

/// What is noted.
#[derive(Debug, Args)]
pub(crate) struct CommentArguments {
    #[command(flatten)]
    one: OneArguments,
    /// The words; @FILE reads them, @- from standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    note: String,
}

fn words(text: &str) -> Result<String, Failure> {
    let bytes = text_or_file(text)?;
    String::from_utf8(bytes).map_err(|_| Failure::usage("that is not text in UTF-8"))
}

/// Asks the agent.
pub(super) async fn ask(context: &Context, ask: AskArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let id = id::escalation_id(&reviewer, &ask.one.id, context.may_ask()).await?;
    let asked = reviewer.ask(id, words(&ask.question)?).await?;
    context.output.one(&node_of("AgentQuestion", &asked), || inline(&asked.question_id));
    context.output.say("The agent is asked. No clock stands still meanwhile.");
    Ok(Exit::Ok)
}

/// Lists questions.
pub(super) async fn questions(
    context: &Context,
    questions: QuestionsArguments,
) -> Result<Exit, Failure> {
    let capacity = match questions.id {
        Some(_) => Capacity::Reviewer,
        None => Capacity::Agent,
    };
    let agent = Agent::new(context.connect(capacity).await?);
    let escalation_id = questions.id.unwrap_or_default();
    let listed = all(&agent, escalation_id).await?;
    let nodes: Vec<_> = listed.iter().map(|it| node_of("AgentQuestion", it)).collect();
    context.output.many(nodes, || listed.iter().map(question_lines).collect());
    Ok(Exit::Ok)
}

async fn all(agent: &Agent, escalation_id: String) -> Result<Vec<v1::AgentQuestion>, Failure> {
    let mut request =
        v1::ListQuestionsRequest { page_size: PAGE, escalation_id, ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let page = agent.list_questions(request.clone()).await?;
        listed.extend(page.questions);
        if page.next_page_token.is_empty() {
            return Ok(listed);
        }
        request.page_token = page.next_page_token;
    }
}

/// Answers a question.
pub(super) async fn answer(context: &Context, answer: AnswerArguments) -> Result<Exit, Failure> {
    let agent = Agent::new(context.connect(Capacity::Agent).await?);
    let open = all(&agent, String::new()).await?;
    let question = open.into_iter().find(|it| it.question_id == answer.id).ok_or_else(|| {
        let what = format!("{} waits for no answer of this agent", inline(&answer.id));
        Failure::new(Exit::NotFound, what).next("See: pointsman esc questions")
    })?;
    let said = agent.answer_question(&question, words(&answer.with)?).await?;
    context.output.one(&node_of("AgentQuestion", &said), || question_lines(&said));
    Ok(Exit::Ok)
}

/// Notes something.
pub(super) async fn comment(context: &Context, comment: CommentArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let id = id::escalation_id(&reviewer, &comment.one.id, context.may_ask()).await?;
    let added = reviewer.comment(id, words(&comment.note)?).await?;
    context.output.one(&node_of("Comment", &added), || inline(&added.comment_id));
    Ok(Exit::Ok)
}

/// Lists what people noted.
pub(super) async fn comments(context: &Context, one: OneArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let id = id::escalation_id(&reviewer, &one.id, context.may_ask()).await?;
    let request =
        v1::ListCommentsRequest { page_size: PAGE, escalation_id: id, ..Default::default() };
    let listed = reviewer.comments(request).await?.comments;
    let nodes: Vec<_> = listed.iter().map(|it| node_of("Comment", it)).collect();
    context.output.many(nodes, || {
        let line = |it: &v1::Comment| {
            let at = it.create_time.map(|at| time::clock(&at, Some(&time::local_now())));
            let (at, author) = (at.unwrap_or_default(), inline(&it.author));
            format!("{at}  {author}: {}\n", block(&it.text))
        };
        listed.iter().map(line).collect()
    });
    Ok(Exit::Ok)
}

/// A question with its answer, in lines.
pub(crate) fn question_lines(question: &v1::AgentQuestion) -> String {
    let (asker, id) = (inline(&question.asker), inline(&question.question_id));
    let mut lines = format!("{asker} asks: {}  {id}\n", inline(&question.text));
    match question.answer.is_empty() {
        true => lines += "  not answered yet\n",
        false => {
            for line in block(&question.answer).lines() {
                lines += &format!("┃ {line}\n");
            }
        }
    }
    lines
}
