//! A policy document with what a tool catalogue knows beside it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use pointsman_server::domain::policy::Lexicon;
use serde::Deserialize;
use serde_norway::{Mapping, Value};

#[derive(Deserialize)]
struct Tool {
    write: bool,
    #[serde(default)]
    description: String,
}

type Catalogue = BTreeMap<String, Tool>;

/// Fills in what the document does not say of its tools: whether they write, what
/// they do, and of which class their effects are, by the words of their names. What
/// the document says stays.
pub(super) fn merge(document: &str, file: &Path, domains: &[String]) -> anyhow::Result<String> {
    let place = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(place)?;
    let catalogues: BTreeMap<String, Catalogue> =
        serde_json::from_str(&text).with_context(place)?;
    let mut document: Mapping = serde_norway::from_str(document).context("the policy")?;
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
            fill_in(entry, name, tool);
        }
    }
    Ok(serde_norway::to_string(&document)?)
}

fn fill_in(entry: &mut Mapping, name: &str, tool: &Tool) {
    let mut fill = |key: &str, value: Value| {
        entry.entry(key.into()).or_insert(value);
    };
    fill("write", tool.write.into());
    if !tool.description.is_empty() {
        fill("description", tool.description.as_str().into());
    }
    if tool.write {
        let classes = Lexicon::standard().classes_of_tool(name, &tool.description);
        let names = classes.iter().map(|class| Value::from(class.name())).collect();
        fill("effects", Value::Sequence(names));
    }
}
