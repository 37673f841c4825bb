//! What a channel may be.

use super::*;
use crate::config::Config;

fn webhook(url: &str) -> WebhookConfig {
    let secret_file = Some("/run/secrets/ops".into());
    WebhookConfig { url: url.to_owned(), secret_file, ..WebhookConfig::default() }
}

fn told(configure: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    configure(&mut config);
    config.validate().map_or_else(|error| error.to_string(), |()| "taken".to_owned())
}

fn told_of(name: &str, webhook: WebhookConfig) -> String {
    told(|config| drop(config.notices.webhooks.insert(name.to_owned(), webhook)))
}

#[test]
fn what_is_not_encrypted_stays_on_this_machine_and_in_dev() {
    assert_eq!(told_of("ops", webhook("https://hooks.example/pointsman?x=1")), "taken");
    for url in ["http://hooks.example", "http://127.0.0.1:9", "http://localhost"] {
        let told = told_of("ops", webhook(url));
        assert!(told.contains("`notices.webhooks.ops.url`"), "{told}");
        assert!(told.contains("not encrypted"), "{told}");
    }
    for (url, is_taken) in [
        ("http://127.0.0.1:9/x", true),
        ("http://localhost", true),
        ("http://[::1]:9", true),
        ("http://127.1:9", false),
        ("http://localhost.evil.test", false),
        ("http://10.0.0.1", false),
    ] {
        let told = told(|config| {
            config.dev = true;
            config.notices.webhooks.insert("ops".to_owned(), webhook(url));
        });
        assert_eq!(told == "taken", is_taken, "{url}: {told}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_key() {
    for url in ["", "hooks", "ftp://hooks", "https://", "https://a b"] {
        assert!(told_of("ops", webhook(url)).contains("ops.url"), "{url}");
    }
    let told_secret = told_of("ops", webhook("https://bob:hunter2@hooks.example"));
    assert!(!told_secret.contains("hunter2") && told_secret.contains("ops.url"), "{told_secret}");
    let both = WebhookConfig { secret_env: Some("S".to_owned()), ..webhook("https://a.example") };
    let none = WebhookConfig { secret_file: None, ..webhook("https://a.example") };
    for webhook in [both, none] {
        assert!(told_of("ops", webhook).contains("`notices.webhooks.ops.secret_file`"));
    }
    assert!(told_of("Ops", webhook("https://a.example")).contains("a-z0-9_"));
    let program = |path: &str| CommandConfig { program: path.into(), ..CommandConfig::default() };
    let relative = |config: &mut Config| {
        config.notices.commands.insert("page".to_owned(), program("page.sh"));
    };
    assert!(told(relative).contains("`notices.commands.page.program`"));
    let twice = |config: &mut Config| {
        config.notices.webhooks.insert("ops".to_owned(), webhook("https://a.example"));
        config.notices.commands.insert("ops".to_owned(), program("/bin/true"));
    };
    assert!(told(twice).contains("a webhook has this name"));
    let nobody = |config: &mut Config| config.notices.default = Some("ops".to_owned());
    assert!(told(nobody).contains("there is no channel `ops`"));
    let many = |config: &mut Config| {
        for number in 0..=MAX_NOTICE_CHANNELS {
            config.notices.webhooks.insert(format!("n{number}"), webhook("https://a.example"));
        }
    };
    assert!(told(many).contains("at most 32"));
}

#[test]
fn a_file_says_it_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pointsman.toml");
    let text = "
[notices]
default = \"ops\"
[notices.webhooks.ops]
url = \"https://hooks.internal/pointsman\"
secret_env = \"OPS_SECRET\"
allow = [\"10.0.0.0/8\", \"fd00::/8\"]
events = [\"escalation.overdue\"]
[notices.commands.page]
program = \"/usr/local/bin/page\"
args = [\"--team\", \"night\"]
";
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), |_| None, &[]).unwrap();
    config.validate().unwrap();
    let ops = &config.notices.webhooks["ops"];
    assert_eq!(ops.events, [NoticeKind::EscalationOverdue]);
    assert_eq!(ops.allow.len(), 2);
    assert_eq!(config.notices.commands["page"].args, ["--team", "night"]);
    for wrong in ["events = [\"escalation.overdu\"]", "allow = [\"10.0.0.0/33\"]", "secret = \"x\""]
    {
        std::fs::write(&file, format!("[notices.webhooks.ops]\n{wrong}\n")).unwrap();
        assert!(Config::load(Some(&file), |_| None, &[]).is_err(), "{wrong}");
    }
}
