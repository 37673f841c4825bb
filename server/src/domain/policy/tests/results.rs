//! What the catalogue expects of results.

use super::*;

const TOOLS: &str = "
tools:
  read:
    write: false
    result: { type: array, items: { type: object, required: [id] } }
    expects: result.all(row, row.id > 0) && size(result) <= args.limit
  text: { write: false, expects: result.startsWith('ok') }
  act: {}
";

fn problem(tool: &str, arguments: Value, answer: &str) -> Option<String> {
    let policy = policy(&format!("default: allow\n{TOOLS}"));
    let call = Call { tool, arguments, ..Call::default() };
    call.with_facts(|facts| policy.problem_with_result(facts, answer.as_bytes()))
}

#[test]
fn a_result_is_judged_by_its_schema_and_by_what_must_hold() {
    let limit = || json!({"limit": 2});
    assert_eq!(problem("read", limit(), r#"[{"id": 1}, {"id": 2}]"#), None);
    let says = |answer: &str| problem("read", limit(), answer).unwrap();
    assert!(says(r#"[{"name": "x"}]"#).contains("required"));
    assert!(says(r#"[{"id": 0}]"#).contains("does not hold"));
    assert!(says(r#"[{"id": 1}, {"id": 2}, {"id": 3}]"#).contains("does not hold"));
    assert!(says("not found").contains("array"), "text where a list is wanted");
    assert!(says("").contains("array"));
    assert!(problem("read", json!({}), r#"[{"id": 1}]"#).unwrap().contains("could not"));
    assert_eq!(problem("text", json!({}), "ok, done"), None);
    assert!(problem("text", json!({}), "failed").is_some());
    assert!(problem("text", json!({}), "{\"a\": 1}").unwrap().contains("could not"));
    assert_eq!(problem("act", json!({}), "anything"), None);
    let policy = policy(&format!("default: allow\n{TOOLS}"));
    let call = Call { tool: "text", ..Call::default() };
    let said = call.with_facts(|facts| policy.problem_with_result(facts, &[0xff]));
    assert!(said.unwrap().contains("neither"));
}

#[test]
fn too_much_to_judge_is_unexpected() {
    let rows: Vec<_> = (1..200_000).map(|id| json!({"id": id})).collect();
    let answer = Value::Array(rows).to_string();
    let said = problem("read", json!({"limit": 1_000_000}), &answer);
    assert!(said.unwrap().contains("steps"));
}

#[test]
fn only_expectations_speak_of_results() {
    let rule = "rules: [{ id: a, tools: [x], effect: deny, reason: R., when: result == 1 }]";
    assert!(refusal(rule).contains("no result yet"));
    assert!(refusal("tools: { t: { expects: 'result.a ==' } }").contains("expects"));
    assert!(refusal("tools: { t: { result: { type: 7 } } }").contains("result"));
}

#[test]
fn a_policy_tests_what_it_expects_of_results() {
    let cases = "
tests:
  - { name: fine, tool: text, result: ok, expect: allow }
  - { name: odd, tool: text, result: bad, expect: escalate }
  - { name: wrong, tool: text, result: bad, expect: allow }
  - { name: nothing is expected, tool: act, result: 1, expect: allow }
  - { name: in doubt, tool: act, unexpected_results: 1, expect: escalate, rule: trigger.results }
  - { name: reading in doubt, tool: text, unexpected_results: 1, expect: allow }
";
    let policy = policy(&format!("default: allow\n{TOOLS}\n{cases}"));
    let failed: Vec<_> = policy.run_cases().into_iter().filter(|it| it.problem.is_some()).collect();
    let names: Vec<_> = failed.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["wrong", "nothing is expected"]);
}
