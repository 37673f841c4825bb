//! `top --plain`: line by line. It prints numbered lines and asks for a word; nothing moves
//! and nothing is drawn over, so that a screen reader reads all of it once.

use pointsman_api::v1;
use pointsman_client::Reviewer;

use crate::context::{Capacity, Context};
use crate::escalation::{self, EscalationVerb, OneArguments};
use crate::exit::{Exit, Failure};
use crate::output::escape::{inline, shown};
use crate::output::table::risk;
use crate::output::time;
use crate::prompt::ask;

/// How many questions are listed.
const LISTED: i32 = 50;
const HELP: &str = "\
list           what waits for a person
open N         question N in full
claim N        hold question N, so that nobody else answers it
release N      give question N back
approve N      let exactly that run: shows it, and asks for its digits
reject N WHY   refuse it
quit           leave";

/// Asks for a word, does it, and asks again.
pub(super) async fn plain(context: &Context) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let mut listed = list(context, &reviewer).await?;
    context.output.say("Type help for the words.");
    loop {
        let Ok(line) = ask("top> ").await else { return Ok(Exit::Ok) };
        let mut words = line.splitn(3, ' ');
        let (word, number) = (words.next().unwrap_or_default(), words.next());
        let rest = words.next().unwrap_or_default().to_owned();
        match (word, number) {
            ("" | "list", _) => listed = list(context, &reviewer).await?,
            ("quit" | "q", _) => return Ok(Exit::Ok),
            ("help", _) => context.output.data(HELP),
            (_, Some(number)) => {
                let Some(id) = chosen(&listed, number) else {
                    context.output.say(format!("There is no question {}.", inline(number)));
                    continue;
                };
                let Some(verb) = verb_of(word, id, rest) else {
                    context.output.say("No such word. Type help for the words.");
                    continue;
                };
                // What went wrong is said, and the next word asked for.
                if let Err(failure) = Box::pin(escalation::dispatch(context, verb)).await {
                    context.output.say(failure.to_string());
                }
            }
            _ => context.output.say("No such word, or no number. Type help for the words."),
        }
    }
}

/// The verb of the command line that a word stands for.
fn verb_of(word: &str, id: String, rest: String) -> Option<EscalationVerb> {
    let one = OneArguments { id };
    Some(match word {
        "open" => EscalationVerb::Get(one),
        "claim" => EscalationVerb::claim(one),
        "release" => EscalationVerb::Release(one),
        "approve" => EscalationVerb::approve(one),
        "reject" if !rest.trim().is_empty() => EscalationVerb::reject(one, rest),
        _ => return None,
    })
}

fn chosen(listed: &[String], number: &str) -> Option<String> {
    let number: usize = number.parse().ok()?;
    listed.get(number.checked_sub(1)?).cloned()
}

async fn list(context: &Context, reviewer: &Reviewer) -> Result<Vec<String>, Failure> {
    let request = v1::ListEscalationsRequest {
        state: v1::escalation::State::Open.into(),
        page_size: LISTED,
        ..v1::ListEscalationsRequest::default()
    };
    let page = reviewer.list(request).await?;
    let now = page.server_time.unwrap_or_else(time::local_now);
    context.output.say(format!("{} open, {} shown.", page.open_count, page.escalations.len()));
    for (at, one) in page.escalations.iter().enumerate() {
        context.output.data(&line(at + 1, one, &now));
    }
    Ok(page.escalations.into_iter().map(|one| one.escalation_id).collect())
}

/// One question in a line of words; shapes are for the eye.
fn line(number: usize, one: &v1::Escalation, now: &prost_types::Timestamp) -> String {
    let brief = one.briefing.clone().unwrap_or_default();
    let tier = risk(one.severity()).0.split(' ').nth(1).unwrap_or_default();
    let due = time::until(one.due_time.or(one.expire_time).as_ref(), now);
    let holder = match &one.claim {
        Some(claim) => format!(", held by {}", inline(&claim.holder)),
        None => String::new(),
    };
    format!(
        "{number}. {tier}, due {due}: {}, asked by {}{holder}",
        shown(&brief.headline),
        inline(&one.agent)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_chooses_what_was_listed_and_nothing_else() {
        let listed = ["esc_1".to_owned(), "esc_2".to_owned()];
        assert_eq!(chosen(&listed, "2").as_deref(), Some("esc_2"));
        for wrong in ["0", "3", "x", ""] {
            assert_eq!(chosen(&listed, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_line_says_in_words_what_the_table_shows_and_hides_nothing() {
        let one = v1::Escalation {
            agent: "claims\u{1b}[2J".to_owned(),
            severity: v1::SeverityTier::Critical.into(),
            briefing: Some(v1::Briefing { headline: "Refund 4,812".into(), ..Default::default() }),
            due_time: Some(prost_types::Timestamp { seconds: 100, nanos: 0 }),
            ..Default::default()
        };
        let now = prost_types::Timestamp { seconds: 40, nanos: 0 };
        assert_eq!(
            line(3, &one, &now),
            "3. crit, due 1m: Refund 4,812, asked by claims‹U+001B›[2J"
        );
    }
}
