//! The token is nowhere but in its file.

use std::fmt::Write as _;

use test_support::event::PUBLIC_URL;
use test_support::{Event, Exporter, TOKEN};

/// Whoever reads a log, a page or a metric must not be able to sign.
#[tokio::test]
async fn the_token_is_in_no_log_line_and_on_no_page() {
    let secrets = [TOKEN, "token-of-the-environment", "a-mistyped-token"];
    let exporter = Exporter::with("log: {level: trace}").variable("TWILIO_AUTH_TOKEN", "token-of-the-environment");
    let exporter = exporter.variable("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000009");
    let mut exporter = exporter.start().await;
    let event = Event::new(1, "11200");
    assert_eq!(exporter.post(&event).await, Some(204));
    let forged = event.clone().with("Level", "WARNING");
    for signature in [
        event.signature(),
        forged.signature_for("http://hooks.example.com/twilio", TOKEN),
        String::new(),
        TOKEN.to_owned(),
    ] {
        assert_eq!(exporter.post_signed(&forged, &signature).await, Some(403));
    }
    // Reloads with faults of every kind around the token.
    let file = exporter.folder().join("config.yml");
    let good = std::fs::read_to_string(&file).expect("readable");
    let token_file = exporter.folder().join("token");
    let faulty = [
        good.replace("auth_token_files: [", &format!("auth_token_files: [{TOKEN}, ")),
        good.replace("auth_token_files", "auth_token"),
        good.replace("sid: AC", &format!("sid: {TOKEN} # AC")),
        format!("{good}\n{TOKEN}: 1\n").replace(&format!("{TOKEN}: 1"), "webhok: 1"),
    ];
    let mut pages = String::new();
    for faulty in faulty {
        std::fs::write(&file, faulty).expect("writable");
        let answer =
            exporter.client.post(format!("http://{}/-/reload", exporter.telemetry)).send().await.expect("an answer");
        assert_eq!(answer.status(), 500);
        pages += &answer.text().await.expect("text");
    }
    std::fs::write(&file, &good).expect("writable");
    std::fs::write(&token_file, "a-mistyped-token \n x").expect("writable");
    exporter.process.signal("HUP");
    exporter.process.line_with("white space within or around the token").await;
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/nowhere"] {
        let answer =
            exporter.client.get(format!("http://{}{path}", exporter.telemetry)).send().await.expect("an answer");
        let _ = write!(pages, "{:?}", answer.headers());
        pages += &answer.text().await.expect("text");
    }
    assert_eq!(exporter.terminate().await.code(), Some(0));
    let output = exporter.process.output();
    assert!(output.contains("request refused") && output.contains("drained"), "{output}");
    for secret in secrets {
        assert!(!output.contains(secret), "{secret} in the log:\n{output}");
        assert!(!pages.contains(secret), "{secret} on a page:\n{pages}");
    }
    // Nor what would do as well: the body and the signature of a genuine event.
    for captured in [event.signature(), event.get("Payload").to_owned(), "Got HTTP 502 response".to_owned()] {
        assert!(!output.contains(&captured) && !pages.contains(&captured), "{captured} in:\n{output}\n{pages}");
    }
    assert!(pages.contains(PUBLIC_URL));
}

/// `/proc` shows arguments to everybody on the machine.
#[tokio::test]
async fn there_is_no_flag_for_a_token() {
    for command in ["serve", "check", "send", "verify", "demo", "events", "replay"] {
        let help = super::run(&[command, "--help"], &[]).await.output;
        assert!(!help.contains("--auth-token ") && !help.contains("--auth-token <"), "{help}");
    }
    assert_eq!(super::run(&["serve", "--auth-token", TOKEN], &[]).await.code, Some(2));
}
