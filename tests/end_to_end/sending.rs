//! `send --expect-counted`: the test that people run against an exporter they have just installed.

use std::process::{Command, Output};

use axum::Router;
use axum::routing::get;

use test_support::event::PUBLIC_URL;
use test_support::exporter::{Setup, binary};
use test_support::{ACCOUNT, Exporter};

/// Sends one event to `exporter` and expects it on the page at `metrics`.
async fn send(exporter: &Exporter, metrics: &str, sign_url: &str) -> Output {
    let mut command = Command::new(binary());
    command.arg("send").arg(format!("http://{}/twilio", exporter.webhook)).args(["--sign-url", sign_url]);
    command.args(["--account-sid", ACCOUNT, "--auth-token-file"]).arg(exporter.folder().join("token"));
    command.args(["--level", "debug", "--error-code", "12345", "--expect-counted", metrics]);
    // On another thread: the page may be this test's own.
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    output.expect("no panic").expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Wherever the counter stood before, and with accounts counted apart.
#[tokio::test]
async fn what_is_counted_is_seen_to_be_counted() {
    for setup in [Setup::default(), Setup::default().yaml("metrics: {account_label: true}")] {
        let exporter = setup.start().await;
        let metrics = format!("http://{}/metrics", exporter.telemetry);
        for (before, after) in [(0, 1), (1, 2)] {
            let done = send(&exporter, &metrics, PUBLIC_URL).await;
            assert!(done.status.success(), "{done:?}");
            let line = format!(
                "counted: twilio_debugger_events_total{{error_code=\"12345\",level=\"debug\"}} from {before} to {after}\n"
            );
            assert!(text(&done.stdout).ends_with(&line), "{done:?}");
        }
    }
}

/// A check that passes whatever happens would be worse than none.
#[tokio::test]
async fn what_is_not_counted_is_a_failure() {
    let exporter = Exporter::start().await;
    let own = format!("http://{}/metrics", exporter.telemetry);

    let refused = send(&exporter, &own, "https://hooks.example.com/other").await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(text(&refused.stdout).starts_with("403 ") && !text(&refused.stdout).contains("counted"), "{refused:?}");

    // Another exporter takes no notice of what this one was sent.
    let other = Exporter::start().await;
    let elsewhere = send(&exporter, &format!("http://{}/metrics", other.telemetry), PUBLIC_URL).await;
    assert_eq!(elsewhere.status.code(), Some(1), "{elsewhere:?}");
    assert!(
        text(&elsewhere.stderr).contains("not counted: ") && text(&elsewhere.stderr).contains("is 0 and should be 1")
    );

    for (page, complaint) in [
        (format!("http://{}/", exporter.webhook), "cannot be read"),
        (format!("http://{}/metrics", stranger().await), "it is not an exporter's"),
    ] {
        let done = send(&exporter, &page, PUBLIC_URL).await;
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(text(&done.stderr).contains(complaint), "{done:?}");
        assert_eq!(text(&done.stdout), "", "nothing is sent before the page is known to be readable: {done:?}");
    }
}

/// A metrics page of some other program.
async fn stranger() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("bound");
    let router = Router::new().route("/metrics", get(|| async { "up 1\n" }));
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}
