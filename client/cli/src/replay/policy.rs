//! The policy document that a replay puts in force.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Deserialize;
use serde_norway::{Mapping, Value};

use super::ReplayArguments;

/// The rule that stands for the catalogue.
const RULE: &str = "catalogue-reads";

#[derive(Deserialize)]
struct Tool {
    write: bool,
}

/// The policy, and in front of its rules one that allows what the catalogue
/// calls read-only. Without a policy nothing but that is allowed.
pub(super) fn document(arguments: &ReplayArguments) -> anyhow::Result<String> {
    let text = match &arguments.policy {
        None => "version: 1\ndefault: escalate\n".to_owned(),
        Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
    };
    let Some(file) = &arguments.tools else { return Ok(text) };
    let catalogues = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let reads = reads(&catalogues, &arguments.domain)?;
    with_reads(&text, reads)
}

fn reads(catalogues: &str, domains: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let catalogues: BTreeMap<String, BTreeMap<String, Tool>> = serde_json::from_str(catalogues)?;
    let mut reads = BTreeSet::new();
    for domain in domains {
        let catalogue = catalogues.get(domain).with_context(|| {
            let known: Vec<_> = catalogues.keys().map(String::as_str).collect();
            format!("no catalogue `{domain}`; there are {}", known.join(", "))
        })?;
        let is_read = |(name, tool): (&String, &Tool)| (!tool.write).then(|| name.clone());
        reads.extend(catalogue.iter().filter_map(is_read));
    }
    Ok(reads)
}

fn with_reads(text: &str, reads: BTreeSet<String>) -> anyhow::Result<String> {
    if reads.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document: Mapping = serde_norway::from_str(text)?;
    let mut rule = Mapping::new();
    for (key, value) in [
        ("id", RULE.into()),
        ("tools", Value::Sequence(reads.into_iter().map(Value::from).collect())),
        ("effect", "allow".into()),
        ("reason", "the catalogue calls it read-only".into()),
    ] {
        rule.insert(key.into(), value);
    }
    let rules = document.entry("rules".into()).or_insert_with(|| Value::Sequence(Vec::new()));
    let rules = rules.as_sequence_mut().context("`rules` is not a list")?;
    rules.insert(0, Value::Mapping(rule));
    Ok(serde_norway::to_string(&document)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_tools_are_allowed_in_front() {
        let catalogues =
            r#"{"a/b":{"get":{"write":false},"set":{"write":true,"description":"x"}}}"#;
        let reads = reads(catalogues, &["a/b".to_owned()]).unwrap();
        let text = with_reads("version: 1\ndefault: escalate\n", reads).unwrap();
        assert!(text.contains("- get\n") && !text.contains("set\n"), "{text}");
        assert!(super::reads(catalogues, &["c".to_owned()]).is_err());
    }
}
