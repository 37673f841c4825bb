//! Evidence that a rule has reviewers look at before they answer.

use std::collections::BTreeSet;

use super::document::EvidenceSource;
use super::link::LinkTemplate;
use super::{Policy, PolicyError};
use crate::domain::briefing::{Evidence, word_count};

/// The most pieces of evidence of one rule.
const MAX_EVIDENCE: usize = 8;
/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 32;
/// The most words of a label.
const LABEL_WORDS: usize = 12;

/// One piece of evidence, before it is known of which target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceTemplate {
    id: String,
    label: String,
    link: Option<LinkTemplate>,
    is_required: bool,
}

/// Reads the evidence of a rule that is at `place`.
pub(super) fn compile(
    place: &str,
    sources: &[EvidenceSource],
) -> Result<Vec<EvidenceTemplate>, PolicyError> {
    let wrong = |problem: String| PolicyError { place: place.to_owned(), problem };
    if sources.len() > MAX_EVIDENCE {
        return Err(wrong(format!("{}, more than {MAX_EVIDENCE}", sources.len())));
    }
    let mut ids = BTreeSet::new();
    let mut read = Vec::with_capacity(sources.len());
    for source in sources {
        let id = &source.id;
        let is_plain =
            id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if id.is_empty() || id.len() > MAX_ID_BYTES || !is_plain {
            return Err(wrong(format!("`{id}`: want 1 to {MAX_ID_BYTES} of `A-Za-z0-9_.-`")));
        }
        if !ids.insert(id) {
            return Err(wrong(format!("`{id}` is there twice")));
        }
        if !(1..=LABEL_WORDS).contains(&word_count(&source.label)) {
            return Err(wrong(format!("`{id}`: want a label of 1 to {LABEL_WORDS} words")));
        }
        let link = source.url.as_deref().map(LinkTemplate::compile_open).transpose();
        let link = link.map_err(|problem| wrong(format!("`{id}`, url: {problem}")))?;
        let label = source.label.clone();
        read.push(EvidenceTemplate { id: id.clone(), label, link, is_required: source.required });
    }
    Ok(read)
}

impl Policy {
    /// What a rule has reviewers look at, of one target.
    pub fn evidence(&self, rule: Option<&str>, target: &str) -> Vec<Evidence> {
        let rule = rule.and_then(|id| self.rules.iter().find(|rule| rule.id == id));
        let templates = rule.map(|rule| rule.ask.evidence.as_slice()).unwrap_or_default();
        let of_target = |it: &EvidenceTemplate| Evidence {
            id: it.id.clone(),
            label: it.label.clone(),
            link: it.link.as_ref().and_then(|link| link.to(target)).unwrap_or_default(),
            is_required: it.is_required,
        };
        templates.iter().map(of_target).collect()
    }
}
