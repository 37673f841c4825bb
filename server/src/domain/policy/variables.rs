//! The document's variables: compiled, free of circles, and not nested too deep.

use std::collections::BTreeMap;

use super::PolicyError;
use super::compile::condition;
use super::condition::{Condition, Defined};

/// How many variables may stand inside each other.
const MAX_NESTING: usize = 8;

/// Compiles the variables.
pub(super) fn compile(
    sources: &BTreeMap<String, String>,
    defined: Defined<'_>,
) -> Result<BTreeMap<String, Condition>, PolicyError> {
    let mut variables = BTreeMap::new();
    for (name, source) in sources {
        let compiled = condition(&format!("variable `{name}`"), source, defined)?;
        variables.insert(name.clone(), compiled);
    }
    let mut nesting = BTreeMap::new();
    for name in variables.keys() {
        nest(name, &variables, &mut nesting)?;
    }
    Ok(variables)
}

/// How many variables stand inside one; those that are being counted are a circle.
fn nest<'v>(
    name: &'v str,
    variables: &'v BTreeMap<String, Condition>,
    known: &mut BTreeMap<&'v str, Option<usize>>,
) -> Result<usize, PolicyError> {
    let wrong = |problem: String| Err(PolicyError { place: format!("variable `{name}`"), problem });
    match known.get(name) {
        Some(Some(nesting)) => return Ok(*nesting),
        Some(None) => return wrong("is made of itself".to_owned()),
        None => known.insert(name, None),
    };
    let Some(condition) = variables.get(name) else { return Ok(0) };
    let mut deepest = 0;
    for read in condition.reads().filter_map(|read| read.strip_prefix("vars.")) {
        let inner = read.split('.').next().unwrap_or_default();
        deepest = deepest.max(1 + nest(inner, variables, known)?);
        if deepest > MAX_NESTING {
            return wrong(format!("more than {MAX_NESTING} variables inside each other"));
        }
    }
    known.insert(name, Some(deepest));
    Ok(deepest)
}
