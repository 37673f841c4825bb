//! The policy that a command tries: the document of a file or of a starter, with what
//! a tool catalogue knows beside it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use pointsman_server::domain::policy::{Lexicon, LexiconDoc};
use serde::Deserialize;
use serde_norway::{Mapping, Value};

use crate::exit::Failure;

#[derive(Deserialize)]
struct Tool {
    write: bool,
    #[serde(default)]
    description: String,
}

type Catalogue = BTreeMap<String, Tool>;

/// The document: a file if there is one of this name, else a starter policy.
pub(crate) fn document(policy: &str) -> Result<String, Failure> {
    let is_name = !policy.contains(['/', '.']) && !Path::new(policy).exists();
    if is_name {
        return Ok(crate::policy::find_starter(policy)?.document.to_owned());
    }
    std::fs::read_to_string(policy)
        .map_err(|error| Failure::usage(format!("cannot read the policy {policy}: {error}")))
}

/// Fills in what the document does not say of its tools: whether they write, what
/// they do, and of which class their effects are, by the words of their names. What
/// the document says stays.
pub(crate) fn merge(document: &str, file: &Path, domains: &[String]) -> anyhow::Result<String> {
    let place = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(place)?;
    let catalogues: BTreeMap<String, Catalogue> =
        serde_json::from_str(&text).with_context(place)?;
    let mut document: Mapping = serde_norway::from_str(document).context("the policy")?;
    let lexicon = lexicon(&document)?;
    let tools = document.entry("tools".into()).or_insert_with(|| Mapping::new().into());
    let tools = tools.as_mapping_mut().context("`tools` of the policy is no mapping")?;
    for domain in domains {
        let catalogue = catalogues.get(domain).with_context(|| {
            let known: Vec<_> = catalogues.keys().map(String::as_str).collect();
            format!("no catalogue `{domain}`; there are {}", known.join(", "))
        })?;
        for (name, tool) in catalogue {
            let entry = tools.entry(name.as_str().into());
            let entry = entry.or_insert_with(|| Mapping::new().into());
            let entry = entry.as_mapping_mut().with_context(|| format!("tool `{name}`"))?;
            fill_in(entry, name, tool, &lexicon);
        }
    }
    Ok(serde_norway::to_string(&document)?)
}

/// The lexicon with the document's words.
fn lexicon(document: &Mapping) -> anyhow::Result<Lexicon> {
    let Some(words) = document.get("lexicon") else { return Ok(Lexicon::standard().clone()) };
    let words: LexiconDoc = serde_norway::from_value(words.clone()).context("`lexicon`")?;
    Lexicon::standard().extended(&words).context("`lexicon`")
}

fn fill_in(entry: &mut Mapping, name: &str, tool: &Tool, lexicon: &Lexicon) {
    let mut fill = |key: &str, value: Value| {
        entry.entry(key.into()).or_insert(value);
    };
    fill("write", tool.write.into());
    if !tool.description.is_empty() {
        fill("description", tool.description.as_str().into());
    }
    if tool.write {
        let classes = lexicon.classes_of_tool(name, &tool.description);
        let names = classes.iter().map(|class| Value::from(class.name())).collect();
        fill("effects", Value::Sequence(names));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_fills_in_what_the_document_leaves_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tools.json");
        let tools = r#"{"a/b":{"get":{"write":false},"zap_out":{"write":true},
            "send_mail":{"write":true,"description":"x"}}}"#;
        std::fs::write(&file, tools).unwrap();
        let document = "version: 1\ntools: { send_mail: { effects: [] } }\n\
                        lexicon: { words: { money: { tools: [zap] } } }\n";
        let merged = merge(document, &file, &["a/b".to_owned()]).unwrap();
        let merged: Value = serde_norway::from_str(&merged).unwrap();
        let tool = |name: &str, key: &str| merged["tools"][name][key].clone();
        assert_eq!(tool("get", "write"), Value::from(false));
        assert_eq!(tool("zap_out", "effects"), Value::Sequence(vec!["money".into()]));
        assert_eq!(tool("send_mail", "effects"), Value::Sequence(Vec::new()));
        assert_eq!(tool("send_mail", "description"), Value::from("x"));
        let error = merge(document, &file, &["c".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("no catalogue `c`; there are a/b"), "{error}");
    }

    #[test]
    fn a_policy_is_a_file_or_a_starter() {
        assert!(document("general").unwrap().contains("name: general"));
        assert!(document("no/such/file.yaml").is_err());
        assert!(document("nobody-wrote-this").is_err());
    }
}
