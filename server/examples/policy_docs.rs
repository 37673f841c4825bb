//! Writes the published JSON Schema of policy documents and their reference:
//! `cargo run -p pointsman-server --example policy_docs`, from the project's root.

use pointsman_server::domain::policy::{json_schema, reference};

fn main() -> std::io::Result<()> {
    let schema = serde_json::to_string_pretty(&json_schema())? + "\n";
    std::fs::write("docs/policy.schema.json", schema)?;
    std::fs::write("docs/policy-reference.md", reference())
}
