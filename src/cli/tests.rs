use clap::{CommandFactory as _, Parser as _};

use super::{Cli, Command};
use crate::config::{Environment, KEYS};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("twilio-debugger-exporter").chain(line.split_whitespace()))
}

fn typed(line: &str) -> (Command, crate::config::Sources) {
    parse(line).expect(line).into_parts(Environment::default())
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn serve_is_what_happens_without_a_command() {
    for line in
        ["--store.dir x --config f.yml", "serve --store.dir x --config f.yml", "--config f.yml serve --store.dir x"]
    {
        let (command, sources) = typed(line);
        assert!(matches!(command, Command::Serve(_)), "{line}");
        assert_eq!(sources.flags["store.dir"], ["x"], "{line}");
        assert_eq!(sources.file.expect("a file").to_str(), Some("f.yml"), "{line}");
    }
}

#[test]
fn a_flag_after_the_command_wins_over_one_before() {
    assert_eq!(typed("--store.dir a events --store.dir b").1.flags["store.dir"], ["b"]);
    assert_eq!(typed("--store.dir a events").1.flags["store.dir"], ["a"]);
    assert_eq!(typed("--store.dir a events --store.dir b show NO1").1.flags["store.dir"], ["b"]);
    assert_eq!(typed("--store.dir a events show NO1 --store.dir b --json").1.flags["store.dir"], ["b"]);
}

#[test]
fn several_public_urls_may_be_given() {
    let (_, sources) = typed("--public-url https://a/ --public-url https://b/");
    assert_eq!(sources.flags["public_url"], ["https://a/", "https://b/"]);
}

#[test]
fn the_variable_names_the_file_when_the_flag_does_not() {
    let environment = |name: &str| -> Environment { [(name.to_owned(), "f.yml".to_owned())].into_iter().collect() };
    let (_, sources) = parse("check").expect("check").into_parts(environment("TWILIO_DEBUGGER_EXPORTER_CONFIG"));
    assert_eq!(sources.file.expect("a file").to_str(), Some("f.yml"));
}

#[test]
fn wrong_usage_exits_with_2() {
    for line in [
        "serv",
        "--webhok.listen x",
        "--auth-token x",
        "events --webhook.listen x",
        "send",
        "send http://h/ --count 0",
        "send http://h/ --rate 0",
        "send http://h/ --level loud",
        "send http://h/ --error-code 1234567",
        "send http://h/ --sid CA1",
        "send http://h/ --file f --level error",
        "verify --url https://h/",
        "replay",
        "replay --from yesterday",
        "replay --error-code 11200",
        "events --level loud",
        "events show",
        "events show CA1",
        "events show NO1 --follow",
    ] {
        assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
    }
    assert_eq!(parse("--help").expect_err("help").exit_code(), 0);
}

#[test]
fn every_setting_is_in_the_help_of_serve_and_no_secret_is_a_flag() {
    let help = parse("serve --help").expect_err("help").to_string();
    for key in KEYS {
        assert!(help.contains(&format!("--{} ", key.flag())), "{}", key.path);
    }
    assert!(!help.contains("--auth") && !help.contains("header"), "{help}");
}

#[test]
fn the_account_typed_for_send_is_the_environments() {
    let (_, sources) = typed("send http://h/ --account-sid AC1 --auth-token-file f");
    assert_eq!(sources.environment.get("TWILIO_ACCOUNT_SID"), Some("AC1"));
    assert_eq!(sources.environment.get("TWILIO_AUTH_TOKEN_FILE"), Some("f"));
}
