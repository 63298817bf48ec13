//! `events` and `replay` beside a running `serve`: which events are meant, and all that is kept of one.

use std::process::{Command, Output};

use test_support::event::{ACCOUNT, Event};
use test_support::exporter::{Exporter, binary};
use test_support::scripted::{Protocol, Reply, Scripted};
use test_support::wait;

/// Runs a command on the exporter's configuration and data.
async fn run(exporter: &Exporter, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary());
    command.args(arguments).arg("--config").arg(exporter.folder().join("config.yml"));
    command.arg("--store.dir").arg(exporter.data());
    let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let Output { status, stdout, stderr } = ended.expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// The Sids' numbers, in the order of the list.
async fn listed(exporter: &Exporter, arguments: &[&str]) -> Vec<u64> {
    let (code, out, err) = run(exporter, &[&["events", "--json"], arguments].concat()).await;
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    let number = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).expect("JSON");
        u64::from_str_radix(&entry["sid"].as_str().expect("a Sid")[2..], 16).expect("hexadecimal")
    };
    out.lines().map(number).collect()
}

async fn post(exporter: &Exporter, events: impl IntoIterator<Item = Event>) {
    for event in events {
        assert_eq!(exporter.post(&event).await, Some(204), "{event:?}");
    }
}

/// What the Console's Debugger is asked: which errors, of which product, since when, on which call.
#[tokio::test]
async fn events_are_found_by_what_is_known_of_them() {
    let exporter = Exporter::start().await;
    let message = Event::new(4, "30007");
    let payload = message.get("Payload").replace("\"CA", "\"SM");
    post(
        &exporter,
        [
            Event::new(1, "11200"),
            Event::new(2, "13224").with("Level", "WARNING"),
            Event::new(3, "13224").with("Timestamp", "2026-01-03T00:00:00Z"),
            message.with("Payload", &payload),
            Event::new(5, "11200").with("Payload", "{"),
        ],
    )
    .await;
    let call = format!("CA{:032x}", 1);
    for (arguments, numbers) in [
        (&[][..], &[5, 4, 3, 2, 1][..]),
        (&["--limit", "2"], &[5, 4]),
        (&["--level", "error"], &[4, 3, 1]),
        (&["--level", "error", "--limit", "1"], &[4]),
        (&["--error-code", "11200,30007"], &[4, 1]),
        (&["--product", "voice"], &[3, 2]),
        (&["--product", "Voice", "--level", "warning"], &[2]),
        (&["--resource", "message"], &[4]),
        (&["--resource", &call], &[1]),
        (&["--account", ACCOUNT, "--until", "2026-01-02T03:04:06Z"], &[4, 2, 1]),
        (&["--since", "2026-01-02T12:00:00Z", "--level", "error"], &[3]),
        (&["--account", "AC2"], &[]),
        (&["--source", "webhook"], &[5, 4, 3, 2, 1]),
        (&["--quarantined"], &[5]),
    ] {
        assert_eq!(listed(&exporter, arguments).await, numbers, "{arguments:?}");
    }
    for (arguments, named) in [
        (&["--level", "loud"][..], "loud"),
        (&["--product", "Voise"], "Voise"),
        (&["--since", "1h", "--until", "2h"], "is not before"),
    ] {
        let (code, _, err) = run(&exporter, &[&["events"], arguments].concat()).await;
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(named), "{err}");
    }
}

#[tokio::test]
async fn one_event_is_shown_whole_and_what_never_came_is_said() {
    let exporter = Exporter::start().await;
    post(&exporter, [Event::new(1, "11200"), Event::new(2, "11200").with("Payload", "{")]).await;
    let (one, two, three) = (format!("NO{:032X}", 1), format!("NO{:032x}", 2), format!("NO{:032x}", 3));
    let (code, out, err) = run(&exporter, &["events", "show", &one]).await;
    assert_eq!(code, Some(0), "{err}");
    for part in [
        "error 11200, Webhooks",
        "Got HTTP 502 response",
        &format!("https://www.twilio.com/console/debugger/{}", one.to_lowercase().replace("no", "NO")),
        "https://www.twilio.com/docs/api/errors/11200",
        "\"error_code\": \"11200\"",
    ] {
        assert!(out.contains(part), "{part} in:\n{out}");
    }
    let (code, out, err) = run(&exporter, &["events", "show", &two]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("in quarantine, bad_payload"), "{out}");
    let (code, out, _) = run(&exporter, &["events", "show", &one, "--json"]).await;
    let entry: serde_json::Value = serde_json::from_str(&out).expect("one line of JSON");
    assert_eq!((code, &entry["kind"], &entry["product"]), (Some(0), &"event".into(), &"Webhooks".into()));
    let (code, out, err) = run(&exporter, &["events", "show", &three]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains(&format!("nothing is kept of {three}")), "{err}");
}

/// A collector that lost one code's records does not want all the others twice.
#[tokio::test]
async fn a_replay_takes_the_same_filters() {
    let collector = Scripted::start(Protocol::Http, |_| Reply::Ok);
    let yaml = format!("otlp: {{endpoint: \"{}\", protocol: http/protobuf}}", collector.endpoint());
    let exporter = Exporter::with(&yaml).start().await;
    post(&exporter, [Event::new(1, "11200"), Event::new(2, "13224"), Event::new(3, "13225")]).await;
    wait::until("all three", || async { (collector.taken().len() == 3).then_some(()) }).await;
    let (code, out, err) = run(&exporter, &["replay", "--since", "3650d", "--product", "Voice"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "2 delivered, 0 refused by the collector\n"), "{err}");
    let times: Vec<_> = collector.taken().into_values().collect();
    assert_eq!(times, [1, 2, 2]);
    let (code, _, err) = run(&exporter, &["replay", "--since", "1h", "--level", "loud"]).await;
    assert_eq!(code, Some(2), "{err}");
}

const LIST: &str = r#"[{"code": 11200, "message": "HTTP retrieval failure", "product": "Platform"}]"#;

/// A number is no language: whoever looks should read what it stands for, on the page, in the log record and in the list.
#[tokio::test]
async fn a_catalogue_names_codes_wherever_they_are_shown() {
    let collector = Scripted::start(Protocol::Http, |_| Reply::Ok);
    let otlp = format!("otlp: {{endpoint: \"{}\", protocol: http/protobuf}}", collector.endpoint());
    let exporter = Exporter::with(&otlp).yaml("error_catalogue: DIR/codes.json").file("codes.json", LIST).start().await;
    let silent = Event::new(1, "11200").with("Payload", r#"{"error_code": "11200"}"#);
    post(&exporter, [silent, Event::new(2, "30007")]).await;
    let info = "twilio_debugger_error_code_info";
    let page = "https://www.twilio.com/docs/api/errors/11200";
    let named =
        format!(r#"{info}{{docs_url="{page}",error_code="11200",product="Platform",title="HTTP retrieval failure"}}"#);
    exporter.metric_is(&named, 1.0).await;
    exporter.metric_is(&format!(r#"{info}{{docs_url="",error_code="30007",product="Messaging",title=""}}"#), 1.0).await;
    let (code, out, err) = run(&exporter, &["check"]).await;
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "error_catalogue: 1 codes are known\nconfiguration is valid\n"),
        "{err}"
    );
    let (_, out, _) = run(&exporter, &["events", "--product", "platform"]).await;
    assert!(out.lines().count() == 2 && out.ends_with("  HTTP retrieval failure\n"), "{out}");

    // A list that is broken later keeps nothing else from being taken.
    std::fs::write(exporter.folder().join("codes.json"), "[{}]").expect("writable");
    let reload = exporter.client.post(format!("http://{}/-/reload", exporter.telemetry)).send().await;
    assert_eq!(reload.expect("an answer").status(), 200);
    exporter.metric_is(&named, 1.0).await;
    assert!(exporter.process.output().contains("codes.json entry 1: missing field `code`"));
    let (code, _, err) = run(&exporter, &["check"]).await;
    assert_eq!(code, Some(2), "a start would fail: {err}");
    std::fs::write(exporter.folder().join("codes.json"), LIST.replace("failure", "fault")).expect("writable");
    let reload = exporter.client.post(format!("http://{}/-/reload", exporter.telemetry)).send().await;
    assert_eq!(reload.expect("an answer").status(), 200);
    exporter.metric_is(&named.replace("failure", "fault"), 1.0).await;
}
