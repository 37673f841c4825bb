//! What the desk has to do: made up, but as such desks have it.

use bytes::Bytes;
use serde_json::{Value, json};

/// One piece of work: a run.
#[derive(Debug)]
pub(super) struct Case {
    /// What it is to reach.
    pub(super) goal: String,
    /// For whom.
    pub(super) on_behalf_of: String,
    /// Tool calls, in order.
    pub(super) steps: Vec<Act>,
}

/// One tool call.
#[derive(Debug)]
pub(super) struct Act {
    /// What it is, in words for the log.
    pub(super) what: String,
    /// The tool.
    pub(super) tool: &'static str,
    /// Its arguments.
    pub(super) arguments: Bytes,
    /// What it acts on.
    pub(super) target: String,
    /// Why.
    pub(super) reasoning: String,
    /// How sure the agent is.
    pub(super) confidence: f64,
    /// Whether it only reads.
    pub(super) is_lookup: bool,
}

const PEOPLE: [&str; 8] = [
    "Anna Novak",
    "Jorge Ruiz",
    "Mina Ito",
    "Paul Weber",
    "Lea Martin",
    "Omar Haddad",
    "Eva Lind",
    "Tom Okafor",
];
const DAMAGES: [&str; 4] =
    ["water in the kitchen", "a broken windscreen", "a stolen bicycle", "hail on the roof"];

/// The `number`th case; the same number gives the same case.
pub(super) fn case(number: u64) -> Case {
    let person = pick(&PEOPLE, number);
    match number % 8 {
        0 | 3 => claim(number, person, 600 + number * 137 % 4_400, 0.87),
        1 => refund(number, person, 12 + number * 7 % 80),
        2 => mail(number, person, "legal@northwind.example"),
        4 => claim(number, person, 80 + number * 31 % 400, 0.93),
        5 => refund(number, person, 120 + number * 53 % 700),
        6 if number % 16 == 6 => claim(number, person, 31_000 + number % 9_000, 0.71),
        6 => mail(number, person, "press@dailyherald.example"),
        _ if number % 24 == 7 => closing(number, person),
        _ if number % 16 == 15 => claim(number, person, 240 + number % 200, 0.41),
        _ => mail(number, person, "claims-team@example.com"),
    }
}

fn pick<'a>(from: &[&'a str], number: u64) -> &'a str {
    let place = usize::try_from(number).unwrap_or_default() % from.len().max(1);
    from.get(place).copied().unwrap_or_default()
}

fn claim(number: u64, person: &str, amount: u64, confidence: f64) -> Case {
    let claim = format!("C-{}", 20_000 + number % 9_000);
    let damage = pick(&DAMAGES, number / 3);
    let pay = json!({"claim": claim, "payee": person, "amount": amount, "currency": "EUR"});
    Case {
        goal: format!("Settle claim {claim} of {person}: {damage}."),
        on_behalf_of: "claims-team@example.com".to_owned(),
        steps: vec![
            lookup("lookup_claim", &json!({"claim": claim})),
            Act {
                what: format!("claim {claim}, {amount} EUR to {person}"),
                tool: "pay_claim",
                arguments: bytes(&pay),
                target: format!("account/{}", person.to_lowercase().replace(' ', ".")),
                reasoning: format!(
                    "The invoice and the photos match {damage}. The contract covers {amount} EUR."
                ),
                confidence,
                is_lookup: false,
            },
        ],
    }
}

fn refund(number: u64, person: &str, amount: u64) -> Case {
    let order = format!("O-{}", 70_000 + number % 9_000);
    let refund = json!({"order": order, "customer": person, "amount": amount, "currency": "EUR"});
    Case {
        goal: format!("Answer {person}, who was charged twice for order {order}."),
        on_behalf_of: "service@example.com".to_owned(),
        steps: vec![
            lookup("lookup_order", &json!({"order": order})),
            Act {
                what: format!("refund of {amount} EUR for order {order}"),
                tool: "refund_order",
                arguments: bytes(&refund),
                target: format!("order/{order}"),
                reasoning: "The same card was charged twice within a minute.".to_owned(),
                confidence: 0.9,
                is_lookup: false,
            },
        ],
    }
}

fn mail(number: u64, person: &str, to: &str) -> Case {
    let subject = format!("Claim of {person}, reference {}", 20_000 + number % 9_000);
    let body = "Please find our position on the claim below. We settle within ten days.";
    Case {
        goal: format!("Tell {to} where the claim of {person} stands."),
        on_behalf_of: "claims-team@example.com".to_owned(),
        steps: vec![Act {
            what: format!("mail to {to}"),
            tool: "send_mail",
            arguments: bytes(&json!({"to": to, "subject": subject, "body": body})),
            target: to.to_owned(),
            reasoning: "They asked twice this week and the file is complete.".to_owned(),
            confidence: 0.8,
            is_lookup: false,
        }],
    }
}

fn closing(number: u64, person: &str) -> Case {
    let policy = format!("P-{}", 1_000 + number % 9_000);
    Case {
        goal: format!("{person} moved abroad and wants to end policy {policy}."),
        on_behalf_of: "service@example.com".to_owned(),
        steps: vec![Act {
            what: format!("closing policy {policy} of {person}"),
            tool: "close_policy",
            arguments: bytes(&json!({"policy": policy, "customer": person, "from": "today"})),
            target: format!("policy/{policy}"),
            reasoning: "The request came by mail; the signature matches the one on file."
                .to_owned(),
            confidence: 0.66,
            is_lookup: false,
        }],
    }
}

fn lookup(tool: &'static str, arguments: &Value) -> Act {
    Act {
        what: tool.to_owned(),
        tool,
        arguments: bytes(arguments),
        target: String::new(),
        reasoning: "Needs the file first.".to_owned(),
        confidence: 1.0,
        is_lookup: true,
    }
}

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pointsman_server::domain::action::DecisionEffect;
    use pointsman_server::domain::policy::{Facts, Inputs, Policy, Sources};

    use super::*;

    /// Some actions run, some wait, some are refused: never all of one kind.
    #[test]
    fn the_cases_and_the_policy_fit() {
        let policy = Policy::parse(crate::demo::POLICY).unwrap();
        let mut counts = BTreeMap::new();
        for act in (0..240).flat_map(|number| case(number).steps) {
            let Value::Object(arguments) = serde_json::from_slice(&act.arguments).unwrap() else {
                panic!("want an object");
            };
            let verdict = policy.evaluate(&Facts {
                tool: act.tool,
                tool_schema_version: "",
                target: &act.target,
                arguments: &arguments,
                confidence: Some(act.confidence),
                agent: "agent",
                on_behalf_of: None,
                ancestors: &[],
                constraint_sets: &[],
                hop_count: 0,
                sources: &Sources::default(),
                inputs: &Inputs::default(),
                goal: "",
            });
            assert!(verdict.rule.is_some(), "{}: no rule knows it", act.what);
            assert!(!verdict.reason.contains("evaluated"), "{}: {}", act.what, verdict.reason);
            let name = match verdict.effect {
                DecisionEffect::Allow if act.is_lookup => continue,
                DecisionEffect::Allow => "allow",
                DecisionEffect::Escalate => "escalate",
                DecisionEffect::Deny => "deny",
            };
            *counts.entry(name).or_insert(0) += 1;
        }
        let enough = counts["allow"] >= 40 && counts["escalate"] >= 80 && counts["deny"] >= 15;
        assert!(enough, "{counts:?}");
    }
}
