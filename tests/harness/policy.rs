//! The policies of the tests.

/// Tools say in their names what happens to them: `allow_…`, `ask_…`, `deny_…`.
/// `ask_briefly` expires after a second. What the load of the fault tests runs has
/// a day for its outcome: a server that is killed for an hour still has time.
pub const BY_NAME: &str = r#"
version: 1
default: escalate
tools:
  allow_it: { outcome_timeout: 1d }
  ask_it: { outcome_timeout: 1d }
  allow_slow: { outcome_timeout: 1s }
  ask_slow: { outcome_timeout: 1s }
rules:
  - { id: allowed, tools: ["allow_*"], effect: allow, reason: The name says so. }
  - { id: sampled, tools: ["sample_*"], effect: sample, reason: The name says so. }
  - { id: denied, tools: ["deny_*"], effect: deny, reason: The name says so. }
  - { id: asked, tools: ["ask_*"], effect: escalate, severity: high, lane: main, reason: A person must look. }
  - { id: looked-at, tools: ["look_at"], effect: escalate, severity: medium, lane: main, reason: A person may look. }
  - { id: asked-briefly, tools: ["ask_briefly"], effect: escalate, severity: critical, lane: brief, reason: Nobody has time., due: 1s, expire: 1s }
  - { id: too-much, tools: ["allow_*", "ask_*"], when: "has(args.amount) && args.amount > 1000000", effect: deny, reason: Nobody may spend so much. }
"#;
