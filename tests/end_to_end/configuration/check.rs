//! `check`, `--help`, and everything that keeps the exporter from starting.

use std::os::unix::fs::PermissionsExt as _;

use super::{check, folder, run, write_config};
use test_support::event::{ACCOUNT, PUBLIC_URL, TOKEN};

#[tokio::test]
async fn every_command_explains_itself() {
    let commands: [&[&str]; 8] =
        [&[], &["serve"], &["check"], &["send"], &["verify"], &["demo"], &["events"], &["replay"]];
    for command in commands {
        let help = run(&[command, &["--help"]].concat(), &[]).await;
        assert_eq!(help.code, Some(0), "{command:?}");
        assert!(help.output.contains("Usage: twilio-debugger-exporter"), "{command:?}: {}", help.output);
        assert!(help.output.contains("xample"), "{command:?} shows no example: {}", help.output);
    }
    for wrong in [&["chek"][..], &["check", "--conect"], &["serve", "--webhook.lissten", "x"], &["serve", "extra"]] {
        let usage = run(wrong, &[]).await;
        assert_eq!(usage.code, Some(2), "{wrong:?}");
        assert!(usage.output.contains("error:"), "{wrong:?}: {}", usage.output);
    }
}

/// A program that stops at the first fault is started twelve times for twelve faults.
#[tokio::test]
async fn twelve_faults_are_named_in_one_run() {
    let dir = folder("");
    write_config(
        dir.path(),
        "
public_url: ftp://h/
accounts: [{sid: CA1, auth_token_files: [DIR/missing]}]
webhook: {listen: nowhere, body_bytes_max: 1, conections_max: 7}
telemetry: {web_config_file: DIR/web.yml}
store: {retention: 7, dedupe_window: 0s}
metrics: {codes: [1234567], zero_first: 'yes'}
redaction: some
",
    );
    for command in ["check", "serve"] {
        let faults = run(&[command, "--config", dir.path().join("config.yml").to_str().expect("UTF-8")], &[]).await;
        assert_eq!(faults.code, Some(2), "{}", faults.output);
        for place in [
            "public_url: ",
            "accounts[0].sid: ",
            "accounts[0].auth_token_files[0]: ",
            "webhook.listen: ",
            "webhook.body_bytes_max: ",
            "webhook.conections_max: is not a known setting; did you mean connections_max?",
            "web.yml: cannot be read",
            "store.retention: ",
            "store.dedupe_window: ",
            "metrics.codes: ",
            "metrics.zero_first: ",
            "redaction: ",
        ] {
            let named = faults.output.lines().filter(|line| line.contains(place)).count();
            assert_eq!(named, 1, "{command}: {place} in:\n{}", faults.output);
        }
        assert!(!faults.output.contains("panicked"), "{}", faults.output);
    }
}

#[tokio::test]
async fn a_valid_configuration_is_said_to_be_one() {
    let dir = folder("");
    let valid = check(dir.path(), &[]).await;
    assert_eq!((valid.code, valid.output.as_str()), (Some(0), "configuration is valid\n"));
    // Without a file, three variables are enough.
    let variables = [("TWILIO_ACCOUNT_SID", ACCOUNT), ("TWILIO_AUTH_TOKEN", TOKEN), ("PUBLIC_URL", PUBLIC_URL)];
    let valid = run(&["check"], &variables).await;
    assert_eq!(valid.code, Some(0), "{}", valid.output);
    for missing in 0..3 {
        let mut fewer = variables.to_vec();
        fewer.remove(missing);
        let faults = run(&["check"], &fewer).await;
        assert_eq!(faults.code, Some(2), "without {}: {}", variables[missing].0, faults.output);
        assert!(!faults.output.contains(TOKEN));
    }
}

/// An exporter that starts without a key would refuse everything, and one with an empty key would believe everybody.
#[tokio::test]
async fn nothing_starts_without_a_key() {
    let dir = folder("");
    let file = dir.path().join("token");
    for (content, sentence) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("  \t", "white space"),
        ("a b", "white space"),
        ("a\nb\n", "white space"),
    ] {
        std::fs::write(&file, content).expect("writable");
        for command in ["check", "serve"] {
            let refused =
                run(&[command, "--config", dir.path().join("config.yml").to_str().expect("UTF-8")], &[]).await;
            assert_eq!(refused.code, Some(2), "{command}, {content:?}: {}", refused.output);
            assert!(
                refused.output.contains("auth_token_files[0]") && refused.output.contains(sentence),
                "{}",
                refused.output
            );
        }
    }
    std::fs::remove_file(&file).expect("there");
    let missing = check(dir.path(), &[]).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.output.contains("token cannot be read: No such file"), "{}", missing.output);
    // A folder can be read by nobody, root included.
    std::fs::create_dir(&file).expect("writable");
    let folder = check(dir.path(), &[]).await;
    assert!(folder.code == Some(2) && folder.output.contains("token cannot be read"), "{}", folder.output);
    std::fs::remove_dir(&file).expect("there");
    std::fs::write(&file, TOKEN).expect("writable");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).expect("ours");
    if std::fs::read(&file).is_err() {
        let forbidden = check(dir.path(), &[]).await;
        assert!(forbidden.code == Some(2) && forbidden.output.contains("token cannot be read"), "{}", forbidden.output);
    }
    for accounts in
        ["[]", "[{sid: AC1}]", "[{sid: AC1, auth_token_files: []}]", "[{sid: AC1, auth_token: secret-in-file}]"]
    {
        write_config(dir.path(), &format!("public_url: {PUBLIC_URL}\naccounts: {accounts}\n"));
        let refused = check(dir.path(), &[]).await;
        assert!(refused.code == Some(2) && refused.output.contains("accounts"), "{accounts}: {}", refused.output);
        assert!(!refused.output.contains("secret-in-file"), "{}", refused.output);
    }
    let empty = [("TWILIO_ACCOUNT_SID", ACCOUNT), ("TWILIO_AUTH_TOKEN", ""), ("PUBLIC_URL", PUBLIC_URL)];
    assert_eq!(run(&["serve"], &empty).await.code, Some(2));
}

#[tokio::test]
async fn an_unknown_key_names_its_neighbour() {
    for (yaml, neighbour) in [
        ("webhok: {}", "webhok: is not a known setting; did you mean webhook?"),
        ("store: {retension: 7d}", "store.retension: is not a known setting; did you mean retention?"),
        ("otlp: {endpont: 'http://c:4317'}", "otlp.endpont: is not a known setting; did you mean endpoint?"),
    ] {
        let refused = check(folder(yaml).path(), &[]).await;
        assert_eq!(refused.code, Some(2));
        assert!(refused.output.contains(neighbour), "{}", refused.output);
    }
    let variable = [("TWILIO_DEBUGGER_EXPORTER_STORE_DRI", "x")];
    let refused = check(folder("").path(), &variable).await;
    assert!(refused.output.contains("did you mean TWILIO_DEBUGGER_EXPORTER_STORE_DIR?"), "{}", refused.output);
}

/// A URL that Twilio signs otherwise than it looks costs a day of 403s: say so before.
#[tokio::test]
async fn an_odd_public_url_is_refused_or_warned_of() {
    let with_url = async |url: &str| {
        let dir = folder("");
        let config = std::fs::read_to_string(dir.path().join("config.yml")).expect("readable");
        write_config(dir.path(), &config.replace(PUBLIC_URL, &format!("'{url}'")));
        check(dir.path(), &[]).await
    };
    for (url, warning) in [
        ("https://h.example.com/t#rc=5&rp=all", "fragment"),
        ("https://user:pass-word@h.example.com/t", "user name or password"),
        ("https://h.example.com/España", "characters"),
        ("https://h.example.com/t?x=a@b", "characters"),
        ("http://h.example.com/t", "not https"),
    ] {
        let warned = with_url(url).await;
        assert_eq!(warned.code, Some(0), "{url}: {}", warned.output);
        assert!(warned.output.contains("warning: ") && warned.output.contains(warning), "{url}: {}", warned.output);
        assert!(!warned.output.contains("pass-word"), "{}", warned.output);
    }
    for url in [
        "",
        "h.example.com/t",
        "ftp://h/",
        "https://",
        "https:///t",
        "https://h:0/",
        "https://h:70000/",
        "https://h/a b",
        "https://h/{id}",
    ] {
        let refused = with_url(url).await;
        assert_eq!(refused.code, Some(2), "{url:?}: {}", refused.output);
        assert!(refused.output.contains("public_url: "), "{url:?}: {}", refused.output);
    }
}
