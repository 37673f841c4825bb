//! What must hold for the journal in a database, asked by SQL.

use super::postgres::sql;

/// What is asked, and what the answer has to be: nothing.
const RULES: [(&str, &str); 5] = [
    (
        "commit numbers are dense, from 1 to the head's",
        "SELECT commit_number, (SELECT count(*) FROM journal), (SELECT min(commit_number) FROM \
         journal), (SELECT max(commit_number) FROM journal) FROM head WHERE NOT (commit_number = \
         (SELECT count(*) FROM journal) AND (SELECT min(commit_number) = 1 AND \
         max(commit_number) = count(*) FROM journal))",
    ),
    (
        "sequences of a tenant grow with the commits",
        "SELECT tenant, commit_number, last_sequence, before FROM (SELECT tenant, commit_number, \
         last_sequence, lag(last_sequence, 1, 0::bigint) OVER (PARTITION BY tenant ORDER BY \
         commit_number) AS before FROM journal WHERE last_sequence IS NOT NULL) AS steps \
         WHERE last_sequence <= before LIMIT 5",
    ),
    (
        "a tenant's newest sequence is its last in the journal",
        "SELECT tenant, sequence, last FROM tenant_sequence JOIN (SELECT tenant, \
         max(last_sequence) AS last FROM journal GROUP BY tenant) AS ends USING (tenant) \
         WHERE sequence <> coalesce(last, 0)",
    ),
    (
        "every event has a sequence of its own, so that there are as many leaves",
        "SELECT leaves, (SELECT sum(sequence) FROM tenant_sequence) FROM head \
         WHERE leaves <> (SELECT sum(sequence) FROM tenant_sequence)",
    ),
    (
        "no state is newer than the head",
        "SELECT encode(key, 'hex'), version FROM state WHERE version > \
         (SELECT commit_number FROM head) LIMIT 5",
    ),
];

/// Fails with every rule that does not hold. Answers how many commits there are.
#[track_caller]
pub fn verify(dsn: &str) -> u64 {
    let mut findings = Vec::new();
    for (rule, question) in RULES {
        let answer = sql(dsn, question).unwrap();
        if !answer.is_empty() {
            findings.push(format!("{rule}: {answer}"));
        }
    }
    assert!(findings.is_empty(), "the journal does not hold:\n  {}", findings.join("\n  "));
    sql(dsn, "SELECT commit_number FROM head").unwrap().parse().unwrap()
}
