//! Ids as people use them: shortened in tables, and any unique beginning when a
//! person types at a terminal. Scripts name the whole id.

use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_client::Reviewer;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;

/// How many characters follow the prefix of a whole id.
const WHOLE: usize = 26;
/// The fewest characters that a shortened id has behind its prefix.
const SHORTEST: usize = 6;
/// How many characters more than needed are shown, for what comes next.
const SPARE: usize = 2;
/// How many candidates of an ambiguous beginning are named.
const CANDIDATES: usize = 5;

/// Shortens ids of one kind to what tells them apart.
pub(crate) fn shorten<'a>(ids: impl IntoIterator<Item = &'a str>, output: &Output) -> usize {
    let mut ids: Vec<_> = ids.into_iter().collect();
    let whole = ids.iter().map(|id| id.len()).max().unwrap_or_default();
    if !output.is_terminal {
        return whole;
    }
    ids.sort_unstable();
    let pairs = ids.iter().zip(ids.iter().skip(1));
    let shared = pairs.map(|(one, next)| shared_beginning(one, next)).max().unwrap_or_default();
    let prefix = ids.first().map_or(0, |id| id.find('_').map_or(0, |at| at + 1));
    (shared + 1 + SPARE).max(prefix + SHORTEST).min(whole)
}

/// The first `length` bytes of an id, which is ASCII.
pub(crate) fn shortened(id: &str, length: usize) -> &str {
    id.get(..length).unwrap_or(id)
}

fn shared_beginning(one: &str, next: &str) -> usize {
    one.bytes().zip(next.bytes()).take_while(|(a, b)| a == b).count()
}

/// Whether the text is a whole id, such as only scripts must give.
fn is_whole(text: &str) -> bool {
    text.split_once('_').is_some_and(|(_, behind)| behind.len() == WHOLE)
}

/// Turns what a person typed into a whole id of an escalation.
pub(crate) async fn escalation_id(
    reviewer: &Reviewer,
    typed: &str,
    may_ask: bool,
) -> Result<String, Failure> {
    if is_whole(typed) || !may_ask {
        return Ok(typed.to_owned());
    }
    let mut found = Vec::new();
    for state in [State::Open, State::Resolved, State::Expired, State::Cancelled] {
        let request = v1::ListEscalationsRequest {
            state: state.into(),
            page_size: 500,
            ..v1::ListEscalationsRequest::default()
        };
        let page = reviewer.list(request).await?;
        found.extend(page.escalations.into_iter().map(|one| one.escalation_id));
        found.retain(|id| id.starts_with(typed));
        if !found.is_empty() {
            break;
        }
    }
    unique(typed, &found)
}

fn unique(typed: &str, found: &[String]) -> Result<String, Failure> {
    match found {
        [] => {
            let what = format!("there is no escalation that begins with {}", inline(typed));
            Err(Failure::new(Exit::NotFound, what).next("See: pointsman inbox"))
        }
        [only] => Ok(only.clone()),
        several => {
            let count = several.len();
            let what = format!("{count} escalations begin with {}", inline(typed));
            let named: Vec<_> = several.iter().take(CANDIDATES).map(|id| inline(id)).collect();
            Err(Failure::usage(what).next(format!("Say more: {}", named.join(" "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, Talk};

    fn output(is_terminal: bool) -> Output {
        Output {
            format: Format::Table,
            talk: Talk::Normal,
            is_terminal,
            has_color: false,
            width: None,
        }
    }

    #[test]
    fn ids_are_shortened_to_what_tells_them_apart() {
        let ids = ["esc_01kabcdefghij1", "esc_01kabcdefxhij2", "esc_01kabcdefghij3"];
        let length = shorten(ids, &output(true));
        assert_eq!(shortened(ids[0], length), "esc_01kabcdefghij1");
        let ids = ["esc_01kabcdefghij1", "esc_01kxbcdefghij2"];
        assert_eq!(shorten(ids, &output(true)), "esc_01kabc".len());
        assert_eq!(shorten(["esc_01kabcdefghij1"], &output(true)), "esc_01kabc".len());
        assert_eq!(shorten(ids, &output(false)), 18);
        assert_eq!(shorten([], &output(true)), 0);
    }

    #[test]
    fn a_beginning_must_be_unique() {
        let found = ["esc_1a".to_owned(), "esc_1b".to_owned()];
        assert_eq!(unique("esc_1a", &found[..1]).unwrap(), "esc_1a");
        assert_eq!(unique("esc_1", &found).unwrap_err().exit, Exit::Usage);
        assert_eq!(unique("esc_2", &[]).unwrap_err().exit, Exit::NotFound);
    }
}
