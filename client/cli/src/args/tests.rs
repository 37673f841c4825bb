//! The command line as scripts write it.

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_tree_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn every_verb_has_an_example_or_verbs() {
    fn check(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
        for verb in command.get_subcommands() {
            let path = format!("{path} {}", verb.get_name());
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            if verb.has_subcommands() {
                check(verb, &path, missing);
            } else if !help.contains("Example") {
                missing.push(path);
            }
        }
    }
    let mut missing = Vec::new();
    check(&Arguments::command(), "pointsman", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn global_options_stand_anywhere() {
    let before = parse("pointsman -o json --address http://a:1 inbox").unwrap();
    let after = parse("pointsman inbox --address http://a:1 -o json").unwrap();
    for arguments in [before, after] {
        assert_eq!(arguments.globals.output, Format::Json);
        assert_eq!(arguments.globals.address.as_deref(), Some("http://a:1"));
    }
}

#[test]
fn scripts_are_understood() {
    for line in [
        "pointsman inbox -w --mine",
        "pointsman esc list --state resolved --severity high --limit 3",
        "pointsman escalation approve esc_1 --digest 9c41e07b --no-input",
        "pointsman esc reject esc_1 --reason wrong_amount",
        "pointsman esc reject esc_1 --note no",
        "pointsman esc modify esc_1 --set a=1 --set b.c=2 --edit",
        "pointsman esc respond esc_1 --with @file",
        "pointsman esc wait esc_1 --timeout 30m",
        "pointsman gate --tool deploy -- ./deploy.sh --all -o x",
        "pointsman policy lint -",
        "pointsman policy put p.yaml --note tighter",
        "pointsman policy test p.yaml -o json",
        "pointsman policy explain act_1 --policy pol_2",
        "pointsman policy backtest pol_2 --actions 10000 -o json",
        "pointsman policy backtest p.yaml --trajectories f --tools t --domain k --against general",
        "pointsman policy guidance --run run_1",
        "pointsman policy diff p.yaml",
        "pointsman policy diff pol_2 pol_1",
        "pointsman policy activate pol_2 --replacing pol_1 --reason agreed",
        "pointsman policy rollback --reason slow",
        "pointsman policy evaluate --tool t --arguments @f --policy p.yaml --hops 2",
        "pointsman policy starter show strict",
        "pointsman token create a --role agent,admin --ttl 30d",
        "pointsman auth login prod --address https://a --prod --token-file f",
        "pointsman auth logout",
        "pointsman top --readonly --context prod",
        "pointsman top --plain",
        "pointsman auth status -o json --context prod",
        "pointsman auth token --show",
        "pointsman auth can-i approve esc_1",
        "pointsman auth can-i approve --lane money --amount 7000 --tool refund --tier high --as a",
        "pointsman auth can-i stop run_1",
        "pointsman auth can-i --list",
        "pointsman serve --data-dir d --policy p.yaml",
        "pointsman serve --store postgres://h1,h2/p?target_session_attrs=read-write",
        "pointsman migrate --store postgres://h/p",
        "pointsman doctor d",
        "pointsman doctor postgres://h/p --ca f",
        "pointsman store copy d postgres://h/p --tenant a --to-ca f",
        "pointsman store copy postgres://h/p d --from-ca f -o json",
        "pointsman restore backup d",
        "pointsman dev --port 0 --no-demo",
        "pointsman completion fish",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "pointsman",
        "pointsman esc reject esc_1",
        "pointsman esc respond esc_1",
        "pointsman esc modify esc_1 --set a=1 --arguments {}",
        "pointsman gate --tool deploy",
        "pointsman gate ./deploy.sh",
        "pointsman gate --tool t --accept-modified -- x",
        "pointsman inbox --timeout 10",
        "pointsman inbox -q -v",
        "pointsman token create a",
        "pointsman auth can-i",
        "pointsman auth can-i approve esc_1 --lane money",
        "pointsman auth can-i approve --amount 7",
        "pointsman auth can-i approve --list",
        "pointsman inbox --context a/b",
        "pointsman policy backtest p.yaml --actions 10001",
        "pointsman policy backtest p.yaml --trajectories f",
        "pointsman policy backtest p.yaml --against general",
        "pointsman inbo",
    ] {
        assert_eq!(parse(line).err().map(|error| error.exit_code()), Some(2), "{line}");
    }
}
