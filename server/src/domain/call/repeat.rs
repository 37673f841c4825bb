//! Whether two calls ask for the same thing.
//!
//! The digest of an action is over its exact bytes and its run: it is what is
//! approved. This key is over what the call means, whichever run makes it and however
//! its arguments are written. It finds the question that is open already and the
//! rejection that was given before; nothing is ever approved by it.

use serde_json::{Map, Number, Value};

use super::ToolCall;
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::run::Run;

const REPEAT_TAG: &str = "pointsman.repeat.v1";
/// 2 to the power of 64: below it every whole number of a double is an `i128`.
const WHOLE: f64 = 18_446_744_073_709_551_616.0;

impl ToolCall<'_> {
    /// The same for every call that asks for the same: tenant, agent, whom it acts for,
    /// tool, target, and the arguments by their meaning. Names are in no order, numbers
    /// count by their value, texts to the letter.
    pub fn repeat_key(&self, tenant: &str, run: &Run) -> Digest {
        let mut hasher = FieldHasher::new(REPEAT_TAG);
        hasher
            .field(tenant.as_bytes())
            .field(run.agent.as_bytes())
            .optional(run.on_behalf_of.as_deref().map(str::as_bytes))
            .field(self.fields.tool.as_bytes())
            .field(self.fields.target.as_bytes());
        object(&mut hasher, &self.view);
        hasher.finish()
    }
}

fn object(hasher: &mut FieldHasher, map: &Map<String, Value>) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    hasher.field(b"object").field(&(entries.len() as u64).to_be_bytes());
    for (name, entry) in entries {
        hasher.field(name.as_bytes());
        value(hasher, entry);
    }
}

fn value(hasher: &mut FieldHasher, of: &Value) {
    match of {
        Value::Null => {
            hasher.field(b"null");
        }
        Value::Bool(is) => {
            hasher.field(b"bool").field(&[u8::from(*is)]);
        }
        Value::Number(of) => number(hasher, of),
        Value::String(text) => {
            hasher.field(b"text").field(text.as_bytes());
        }
        Value::Array(items) => {
            hasher.field(b"array").field(&(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| value(hasher, item));
        }
        Value::Object(map) => object(hasher, map),
    }
}

/// A whole number is the same with a point behind it; what is not whole counts as the
/// double that a reader makes of it.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and within the bounds")]
fn number(hasher: &mut FieldHasher, of: &Number) {
    let whole = of.as_i128().or_else(|| {
        let float = of.as_f64()?;
        (float.fract() == 0.0 && float.abs() < WHOLE).then_some(float as i128)
    });
    match (whole, of.as_f64()) {
        (Some(whole), _) => hasher.field(b"whole").field(&whole.to_be_bytes()),
        (None, Some(float)) => hasher.field(b"float").field(&float.to_be_bytes()),
        (None, None) => hasher.field(b"number").field(of.to_string().as_bytes()),
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::tests::{BASE, call, run};
    use super::*;
    use crate::domain::call::CallFields;
    use crate::domain::ids::RunId;

    fn key(arguments: &str) -> Digest {
        let fields = CallFields { arguments: arguments.as_bytes(), ..BASE };
        call(fields).repeat_key("default", &run(None))
    }

    #[test]
    fn how_it_is_written_makes_no_difference() {
        let one = key(r#"{"amount":600,"to":"Anna","lines":[1,{"a":true,"b":null}]}"#);
        for same in [
            r#"{ "to" : "Anna", "amount" : 600, "lines" : [1, {"b":null, "a":true}] }"#,
            r#"{"amount":600.0,"to":"\u0041nna","lines":[1.0,{"a":true,"b":null}]}"#,
            r#"{"amount":6e2,"to":"Anna","lines":[1,{"a":true,"b":null}]}"#,
        ] {
            assert_eq!(key(same), one, "{same}");
        }
        assert_eq!(key(r#"{"a":-0.0}"#), key(r#"{"a":0}"#));
    }

    #[test]
    fn what_it_says_does() {
        let apart = [
            r"{}",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":true}"#,
            r#"{"a":null}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[[1]]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"b":1},"c":1}"#,
            r#"{"a":{"b":1,"c":1}}"#,
            r#"{"a":1.5}"#,
            r#"{"a":"A"}"#,
            r#"{"a":"a"}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":1e300}"#,
        ];
        for (place, one) in apart.iter().enumerate() {
            for other in apart.iter().skip(place + 1) {
                assert_ne!(key(one), key(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn the_run_and_the_schema_make_no_difference_and_everything_else_does() {
        let base = call(BASE).repeat_key("default", &run(None));
        let other_run = Run { id: RunId::new(Uuid::from_u128(9)), ..run(None) };
        assert_eq!(call(BASE).repeat_key("default", &other_run), base);
        let schema = CallFields { tool_schema_version: "3", preconditions: b"{}", ..BASE };
        assert_eq!(call(schema).repeat_key("default", &run(None)), base);
        let agent = Run { agent: "other".to_owned(), ..run(None) };
        for other in [
            call(BASE).repeat_key("other", &run(None)),
            call(BASE).repeat_key("default", &agent),
            call(BASE).repeat_key("default", &run(Some(""))),
            call(CallFields { tool: "pay", ..BASE }).repeat_key("default", &run(None)),
            call(CallFields { target: "", ..BASE }).repeat_key("default", &run(None)),
        ] {
            assert_ne!(other, base);
        }
    }

    proptest! {
        #[test]
        fn numbers_count_by_their_value(a: i64, b: i64) {
            let is_same = key(&format!(r#"{{"a":{a}}}"#)) == key(&format!(r#"{{"a":{b}}}"#));
            prop_assert_eq!(is_same, a == b);
        }

        #[test]
        fn the_order_of_names_never_counts(mut names in proptest::collection::btree_set("[a-e]{1,3}", 0..6)
            .prop_map(|set| set.into_iter().collect::<Vec<_>>()))
        {
            let written = |names: &[String]| {
                let entries: Vec<_> = names.iter().map(|it| format!("\"{it}\":\"{it}\"")).collect();
                format!("{{{}}}", entries.join(","))
            };
            let one = key(&written(&names));
            names.reverse();
            prop_assert_eq!(key(&written(&names)), one);
        }
    }
}
