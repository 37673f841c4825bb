//! Layers, refusals, and the page that documents the keys.

use super::*;

const NO_ENV: fn(&str) -> Option<String> = |_| None;

fn flags<const N: usize>(pairs: [(&'static str, &str); N]) -> [(&'static str, String); N] {
    pairs.map(|(key, value)| (key, value.to_owned()))
}

fn refusal(config: Config) -> String {
    config.validate().unwrap_err().to_string()
}

#[test]
fn nothing_set_means_the_defaults_and_they_are_safe() {
    let config = Config::load(None, NO_ENV, &[]).unwrap();
    assert_eq!(config, Config::default());
    config.validate().unwrap();
    assert_eq!(config.head_file(), Path::new("pointsman-data.head"));
    assert_eq!(config.backup_dir(), Path::new("pointsman-data-backups"));
}

#[test]
fn flags_win_over_environment_wins_over_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pointsman.toml");
    std::fs::write(&file, "data_dir = \"/a\"\n[limits]\nstreams = 7\nconnections = 7\n").unwrap();
    let env = |name: &str| match name {
        "POINTSMAN_LIMITS_STREAMS" => Some("8".to_owned()),
        "POINTSMAN_LISTEN" => Some("[::1]:1".to_owned()),
        _ => None,
    };
    let config = Config::load(Some(&file), env, &flags([("listen", "127.0.0.1:2")])).unwrap();
    assert_eq!(config.data_dir, Path::new("/a"));
    assert_eq!((config.limits.connections, config.limits.streams), (7, 8));
    assert_eq!(config.listen.port(), 2);
}

#[test]
fn what_is_unknown_or_malformed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pointsman.toml");
    std::fs::write(&file, "[limits]\nstrems = 7\n").unwrap();
    let unknown = Config::load(Some(&file), NO_ENV, &[]).unwrap_err().to_string();
    assert!(unknown.contains("strems"), "{unknown}");
    let malformed = Config::load(None, NO_ENV, &flags([("limits.streams", "many")]));
    assert!(malformed.unwrap_err().to_string().contains("limits.streams"));
    assert!(Config::load(Some(&dir.path().join("absent.toml")), NO_ENV, &[]).is_err());
}

#[test]
fn nothing_is_open_to_the_outside_without_encryption() {
    let outside: SocketAddr = "0.0.0.0:7420".parse().unwrap();
    let mut config = Config { listen: outside, ..Config::default() };
    assert!(refusal(config.clone()).contains("tls.cert_file"));
    config.tls.cert_file = Some("/cert".into());
    assert!(refusal(config.clone()).contains("`tls.key_file`"));
    config.tls.key_file = Some("/key".into());
    config.validate().unwrap();
    config.dev = true;
    assert!(refusal(config).contains("loopback only"));
}

#[test]
fn what_guards_the_data_does_not_lie_in_it() {
    let inside = || Some(PathBuf::from("pointsman-data/x"));
    let head = Config { head_file: inside(), ..Config::default() };
    assert!(refusal(head).contains("`head_file`"));
    let backup = Config { backup_dir: inside(), ..Config::default() };
    assert!(refusal(backup).contains("`backup_dir`"));
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let mut config = Config::default();
    config.limits.streams = 0;
    assert!(refusal(config).contains("`limits.streams`"));
    let mut config = Config::default();
    config.disk.normal_bytes = u64::MAX;
    assert!(refusal(config).contains("`disk.normal_bytes`"));
}

#[test]
fn the_page_lists_every_key_with_its_variable_and_default() {
    let page = include_str!("../../../docs/configuration.md");
    let documented: Vec<(String, String, String)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| {
            let mut cells = line.split(" | ").map(|cell| cell.trim_matches(['`', ' ']).to_owned());
            (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    let of_providers = FactsConfig::keys().into_iter();
    let of_providers =
        of_providers.map(|(key, default)| (format!("facts.providers.NAME.{key}"), default));
    // Lists and tables stand in the file alone.
    let of_channels = NoticesConfig::keys().into_iter();
    let of_channels =
        of_channels.map(|(key, default)| (format!("notices.{key}"), "–".to_owned(), default));
    let known: Vec<_> = Config::keys()
        .into_iter()
        .chain(of_providers)
        .map(|(key, default)| (key.clone(), Config::env_name(&key), default))
        .chain(of_channels)
        .collect();
    assert_eq!(documented, known);
}
