//! Who may use whom, as `server/README.md` draws it.

use super::{Source, none, sources};

/// What one layer of the server may and may not use.
struct Layer {
    /// The first folder or file under `server/src`.
    name: &'static str,
    /// The modules of the server that it may use.
    modules: &'static [&'static str],
    /// The crates and parts of `std` that it must not use.
    never: &'static [&'static str],
}

const WIRE: [&str; 5] = ["pointsman_api::", "tonic::", "tonic_types::", "prost::", "prost_types::"];

const LAYERS: [Layer; 10] = [
    Layer {
        name: "domain",
        modules: &["domain"],
        never: &[
            "tokio::",
            "async_trait",
            "futures::",
            "pointsman_api::",
            "tonic::",
            "prost::",
            "prost_types::",
            "sled::",
            "axum::",
            "http::",
            "std::fs",
            "std::env",
            "std::net",
            "SystemTime",
            "Instant",
            "std::thread",
            "ring::rand",
            "config::",
        ],
    },
    Layer {
        name: "engine",
        modules: &["domain", "engine", "store"],
        never: &[
            "pointsman_api::",
            "tonic::",
            "tonic_types::",
            "prost::",
            "prost_types::",
            "sled::",
            "axum::",
        ],
    },
    Layer {
        name: "store",
        modules: &["domain", "store"],
        never: &[
            "pointsman_api::",
            "tonic::",
            "tonic_types::",
            "prost::",
            "prost_types::",
            "axum::",
        ],
    },
    // The wire to those whom the engine asks: a driver, as `store` is one.
    Layer {
        name: "facts",
        modules: &["facts", "engine", "domain", "config", "outgoing"],
        never: &["sled::", "axum::"],
    },
    // The wire to those whom the engine tells.
    Layer {
        name: "notices",
        modules: &["notices", "engine", "domain", "config", "outgoing"],
        never: &["sled::", "axum::", "tonic::"],
    },
    // The keys and words of those who vouch for callers.
    Layer {
        name: "identity",
        modules: &["identity", "engine", "domain", "config", "outgoing"],
        never: &["sled::", "axum::", "tonic::"],
    },
    // Whom the server trusts when it calls somebody.
    Layer { name: "outgoing", modules: &["outgoing"], never: &["sled::", "axum::", "tonic::"] },
    Layer { name: "rpc", modules: &["rpc", "engine", "domain", "telemetry"], never: &["sled::"] },
    Layer { name: "telemetry", modules: &["telemetry", "config"], never: &["sled::", "axum::"] },
    Layer { name: "http", modules: &["http", "engine", "domain", "telemetry"], never: &["sled::"] },
];

/// Store modules that the engine must not name: it knows the trait only.
const STORE_ENGINES: [&str; 3] =
    ["crate::store::embedded", "crate::store::journal", "crate::store::postgres"];

fn layer_of(source: &Source) -> Option<&'static Layer> {
    let inside = source.path.strip_prefix("server/src/")?;
    let first = inside.split('/').next()?.trim_end_matches(".rs");
    LAYERS.iter().find(|layer| layer.name == first)
}

/// The modules that a line names as `crate::module`, also in braces.
fn modules_named(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, prefix) in line.match_indices("crate::") {
        let rest = &line[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            named.extend(group.split(',').map(identifier));
        } else {
            named.push(identifier(rest));
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    let end = text
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// Whether the line uses `item` as a path's beginning, not as another's end.
fn uses(line: &str, item: &str) -> bool {
    line.match_indices(item).any(|(at, _)| {
        !line[..at].ends_with(|before: char| {
            before.is_ascii_alphanumeric() || before == '_' || before == ':'
        }) || line[..at].ends_with(" ::")
    })
}

#[test]
fn every_layer_uses_only_what_it_may() {
    let modules = top_modules();
    let mut findings = Vec::new();
    for source in sources("server/src", &["rs"]) {
        let Some(layer) = layer_of(&source).filter(|_| !source.is_unit_test()) else {
            continue;
        };
        for (number, line) in source.code_lines() {
            for module in modules_named(line) {
                if modules.iter().any(|known| known == module) && !layer.modules.contains(&module) {
                    findings
                        .push(format!("{}:{number}: {} uses {module}", source.path, layer.name));
                }
            }
            for item in layer.never.iter().filter(|item| uses(line, item)) {
                findings.push(format!("{}:{number}: {} uses {item}", source.path, layer.name));
            }
            if layer.name == "engine" {
                for item in STORE_ENGINES.iter().filter(|item| line.contains(*item)) {
                    findings.push(format!("{}:{number}: the engine names {item}", source.path));
                }
            }
        }
    }
    none(&findings, "layers (server/README.md)");
}

fn top_modules() -> Vec<String> {
    sources("server/src", &["rs"])
        .iter()
        .filter_map(|source| source.path.strip_prefix("server/src/"))
        .filter_map(|inside| inside.split('/').next())
        .map(|first| first.trim_end_matches(".rs").to_owned())
        .collect()
}

#[test]
fn the_client_knows_the_api_only() {
    let mut findings = Vec::new();
    for source in sources("client/src", &["rs"]) {
        for (number, line) in source.code_lines() {
            if line.contains("pointsman_server") {
                findings.push(format!("{}:{number}", source.path));
            }
        }
    }
    none(&findings, "client/src must not use the server");
}

#[test]
fn wire_messages_stay_out_of_records() {
    let mut findings = Vec::new();
    for source in sources("server/src/store", &["rs"]) {
        for (number, line) in source.code_lines() {
            if WIRE.iter().any(|item| uses(line, item)) {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none(&findings, "wire messages are never stored");
}
