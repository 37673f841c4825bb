//! `pointsman review`: judging afterwards what was decided without a person.

mod show;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::Judgement;
use pointsman_api::v1::review::State;
use pointsman_client::{Reviews, Said};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::time;
use crate::span::parse_span;

const PAGE: i32 = 500;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewVerb {
    /// List reviews: what waits, and what people found
    #[command(after_help = "Example: pointsman review list --state done")]
    List(ListArguments),
    /// Take the oldest review that you may judge, and show it
    #[command(after_help = "Example: pointsman review next --rule small-refund")]
    Next(NextArguments),
    /// Say what you think of an action whose review you hold
    #[command(
        after_help = "Example: pointsman review submit rev_01kb3… wrong-action --severity 2 --note 'not theirs'"
    )]
    Submit(SubmitArguments),
    /// Pass a review that you hold on to others
    #[command(after_help = "Example: pointsman review skip rev_01kb3… --reason 'I know them'")]
    Skip(SkipArguments),
    /// Show one review; what came of it only once you have judged it, or it is over
    #[command(after_help = "Example: pointsman review get rev_01kb3…")]
    Get(GetArguments),
    /// Count what people found, and how far they agree
    #[command(after_help = "Example: pointsman review stats --since 30d --rule small-refund")]
    Stats(StatsArguments),
}

/// Of which agent and rule.
#[derive(Debug, Args)]
pub(crate) struct Only {
    /// Only of this agent
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true)]
    agent: String,
    /// Only decided by this rule
    #[arg(long, value_name = "RULE", default_value_t, hide_default_value = true)]
    rule: String,
}

/// Which reviews.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only those in this state; left out: those that wait
    #[arg(long, value_enum, value_name = "STATE", default_value_t = StateName::Open)]
    state: StateName,
    #[command(flatten)]
    only: Only,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Which review to take.
#[derive(Debug, Args)]
pub(crate) struct NextArguments {
    #[command(flatten)]
    only: Only,
    /// For how long, 10s to 30m; left out: 5m
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    lease: Option<Duration>,
}

/// What you say of which review.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    /// The review's id
    #[arg(value_name = "REV_ID")]
    id: String,
    /// What you think of the action
    #[arg(value_enum, value_name = "JUDGEMENT")]
    judgement: JudgementName,
    /// How grave the mistake is: 0 none to speak of, 1 small, 2 serious, 3 grave
    #[arg(long, default_value_t = 0, value_name = "0-3", value_parser = clap::value_parser!(u32).range(0..=3))]
    severity: u32,
    /// Why
    #[arg(long, value_name = "TEXT", default_value_t, hide_default_value = true)]
    note: String,
}

/// Which review to pass on, and why.
#[derive(Debug, Args)]
pub(crate) struct SkipArguments {
    /// The review's id
    #[arg(value_name = "REV_ID")]
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Which review.
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// The review's id
    #[arg(value_name = "REV_ID")]
    id: String,
}

/// What to count.
#[derive(Debug, Args)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    only: Only,
    /// Only reviews that were opened in this last time
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    since: Option<Duration>,
}

/// States by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// People are still wanted
    Open,
    /// Judged
    Done,
    /// Given up
    Skipped,
    /// In any state
    All,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Open => Self::Open,
            StateName::Done => Self::Done,
            StateName::Skipped => Self::Skipped,
            StateName::All => Self::Unspecified,
        }
    }
}

/// Judgements by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum JudgementName {
    /// It was right
    Correct,
    /// A person should have been asked
    ShouldHaveEscalated,
    /// It was wrong
    WrongAction,
    /// It was right, by a wrong rule or for a wrong reason
    RightActionWrongReason,
    /// What is shown does not say
    CannotTell,
}

impl From<JudgementName> for Judgement {
    fn from(name: JudgementName) -> Self {
        match name {
            JudgementName::Correct => Self::Correct,
            JudgementName::ShouldHaveEscalated => Self::ShouldHaveEscalated,
            JudgementName::WrongAction => Self::WrongAction,
            JudgementName::RightActionWrongReason => Self::RightActionWrongReason,
            JudgementName::CannotTell => Self::CannotTell,
        }
    }
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: ReviewVerb) -> Result<Exit, Failure> {
    let reviews = Reviews::new(context.connect(Capacity::Reviewer).await?);
    match verb {
        ReviewVerb::List(list) => self::list(context, &reviews, list).await,
        ReviewVerb::Next(next) => self::next(context, &reviews, next).await,
        ReviewVerb::Submit(submit) => {
            let held = held(&reviews, submit.id).await?;
            let (severity, note) = (submit.severity, submit.note);
            let said = Said { judgement: submit.judgement.into(), severity, note };
            Ok(print(context, &reviews.submit(&held, said).await?))
        }
        ReviewVerb::Skip(skip) => {
            let held = held(&reviews, skip.id).await?;
            let skipped = reviews.skip(&held, skip.reason).await?;
            let id = inline(&skipped.review_id);
            context.output.one(&node_of("Review", &skipped), || format!("{id} is passed on."));
            Ok(Exit::Ok)
        }
        ReviewVerb::Get(get) => Ok(print(context, &reviews.get(get.id).await?)),
        ReviewVerb::Stats(stats) => self::stats(context, &reviews, stats).await,
    }
}

/// A review that the caller holds. Without a claim the server refuses what follows, and
/// would say less.
async fn held(reviews: &Reviews, id: String) -> Result<v1::Review, Failure> {
    let review = reviews.get(id).await?;
    if review.claim.is_none() && review.state() == State::Open && review.revealed.is_none() {
        let what = format!("you do not hold {}", inline(&review.review_id));
        let next = "Take the next one: pointsman review next";
        return Err(Failure::new(Exit::Conflict, what).next(next));
    }
    Ok(review)
}

fn print(context: &Context, review: &v1::Review) -> Exit {
    context.output.one(&node_of("Review", review), || show::review(review));
    Exit::Ok
}

async fn list(context: &Context, reviews: &Reviews, list: ListArguments) -> Result<Exit, Failure> {
    let mut request = v1::ListReviewsRequest {
        page_size: i32::try_from(list.limit).unwrap_or(PAGE).clamp(1, PAGE),
        page_token: String::new(),
        state: State::from(list.state).into(),
        agent: list.only.agent,
        rule_id: list.only.rule,
    };
    let mut found = Vec::new();
    while found.len() < list.limit {
        let page = reviews.list(request.clone()).await?;
        found.extend(page.reviews);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(list.limit);
    let nodes = found.iter().map(|review| node_of("Review", review)).collect();
    context.output.many(nodes, || show::reviews_table(&context.output, &found));
    Ok(Exit::Ok)
}

async fn next(context: &Context, reviews: &Reviews, next: NextArguments) -> Result<Exit, Failure> {
    let claimed = reviews.claim_next(next.only.agent, next.only.rule, next.lease).await?;
    let Some(review) = claimed else {
        return Err(Failure::new(Exit::NotFound, "there is no review that you may judge"));
    };
    let exit = print(context, &review);
    let id = inline(&review.review_id);
    context.output.say(format!("Say what you think: pointsman review submit {id} JUDGEMENT"));
    Ok(exit)
}

async fn stats(
    context: &Context,
    reviews: &Reviews,
    stats: StatsArguments,
) -> Result<Exit, Failure> {
    let since_time = stats.since.map(|span| {
        let now = time::local_now();
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        prost_types::Timestamp { seconds: now.seconds.saturating_sub(seconds), nanos: now.nanos }
    });
    let request = v1::GetReviewStatsRequest {
        since_time,
        until_time: None,
        agent: stats.only.agent,
        rule_id: stats.only.rule,
    };
    let counted = reviews.stats(request).await?;
    let node = node_of("GetReviewStatsResponse", &counted);
    context.output.one(&node, || show::stats(&context.output, &counted));
    Ok(Exit::Ok)
}
