//! Writes the published JSON Schemas of policy documents and of queue settings, and
//! the reference of the former:
//! `cargo run -p pointsman-server --example policy_docs`, from the project's root.

use pointsman_server::domain::policy::{json_schema, reference};
use pointsman_server::domain::queue;

fn main() -> std::io::Result<()> {
    let schema = serde_json::to_string_pretty(&json_schema())? + "\n";
    std::fs::write("docs/policy.schema.json", schema)?;
    let schema = serde_json::to_string_pretty(&queue::json_schema())? + "\n";
    std::fs::write("docs/queue.schema.json", schema)?;
    std::fs::write("docs/policy-reference.md", reference())
}
