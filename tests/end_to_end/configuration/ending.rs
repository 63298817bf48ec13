//! Which source wins, and how the process ends.

use std::process::Command;

use super::folder;
use test_support::exporter::binary;
use test_support::process::Process;
use test_support::raw::{Connection, headers_of, request};
use test_support::{Event, Exporter, wait};

/// What stands on the command line was typed last.
#[tokio::test]
async fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let exporter = Exporter::with("metrics: {codes: [11111]}\nredaction: none").start().await;
    let shown = |page: &test_support::Scrape| {
        ["11111", "22222", "33333"].map(|code| page.text.contains(&format!("error_code=\"{code}\"")))
    };
    assert_eq!(shown(&exporter.metrics().await), [true, false, false]);
    let exporter =
        Exporter::with("metrics: {codes: [11111]}").variable("TWILIO_DEBUGGER_EXPORTER_METRICS_CODES", "22222");
    let exporter = exporter.start().await;
    assert_eq!(shown(&exporter.metrics().await), [false, true, false]);
    let exporter =
        Exporter::with("metrics: {codes: [11111]}").variable("TWILIO_DEBUGGER_EXPORTER_METRICS_CODES", "22222");
    let exporter = exporter.flag("--metrics.codes", "33333").start().await;
    assert_eq!(shown(&exporter.metrics().await), [false, false, true]);
}

fn serve(config: &std::path::Path, data: &std::path::Path, webhook: &str) -> Process {
    let mut command = Command::new(binary());
    command
        .args(["serve", "--telemetry.listen", "127.0.0.1:0", "--webhook.listen", webhook])
        .arg("--config")
        .arg(config);
    Process::start(command.arg("--store.dir").arg(data))
}

/// Two writers would each count what the other has, and neither would know.
#[tokio::test]
async fn a_second_process_on_one_data_directory_does_not_start() {
    let exporter = Exporter::start().await;
    let mut second = serve(&exporter.folder().join("config.yml"), &exporter.data(), "127.0.0.1:0");
    assert_eq!(second.ended().await.code(), Some(1));
    let said = second.line_of_the_end("in use by another process").await;
    assert!(said.contains(exporter.data().to_str().expect("UTF-8")), "{said}");
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    // Until the first one is gone, however it went.
    let (config, data) = (exporter.folder().join("config.yml"), exporter.data());
    let mut exporter = exporter;
    exporter.process.kill();
    let mut third = serve(&config, &data, "127.0.0.1:0");
    third.line_with("listening for scrapes").await;
}

#[tokio::test]
async fn what_cannot_be_opened_ends_with_one_and_one_sentence() {
    let exporter = Exporter::start().await;
    let dir = folder("");
    let config = dir.path().join("config.yml");
    let mut taken = serve(&config, &dir.path().join("data"), &exporter.webhook.to_string());
    assert_eq!(taken.ended().await.code(), Some(1));
    let said = taken.line_of_the_end("cannot listen on").await;
    assert!(said.contains("webhook.listen") && said.contains("in use"), "{said}");
    let mut no_folder = serve(&config, &config.join("data"), "127.0.0.1:0");
    assert_eq!(no_folder.ended().await.code(), Some(1));
    no_folder.line_of_the_end("cannot use the data directory").await;
}

/// A rolling update sends SIGTERM with requests under way: each of them has an event in it.
#[tokio::test]
async fn sigterm_lets_requests_under_way_finish() {
    let mut exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let whole = request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body());
    let (sent, rest) = whole.split_at(whole.len() - 20);
    let mut under_way = Connection::open(exporter.webhook);
    under_way.send(sent);
    exporter.metric_is("twilio_debugger_exporter_requests_in_flight", 1.0).await;
    exporter.process.signal("TERM");
    exporter.process.line_with("draining").await;
    // Kubernetes and Prometheus still see it, and that it is not ready.
    let ready = exporter.client.get(format!("http://{}/-/ready", exporter.telemetry)).send().await.expect("an answer");
    assert_eq!(
        (ready.status().as_u16(), ready.text().await.ok().as_deref()),
        (503, Some("not ready: shutting down\n"))
    );
    wait::until("new connections to be refused", || async {
        std::net::TcpStream::connect(exporter.webhook).is_err().then_some(())
    })
    .await;
    under_way.send(rest);
    assert_eq!(under_way.answer().map(|answer| answer.status), Some(204));
    assert_eq!(exporter.process.ended().await.code(), Some(0));
    exporter.start_again().await;
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_events_total"), 1.0);
}

/// One sender that never finishes must not hold the process until the kernel kills it.
#[tokio::test]
async fn sigterm_ends_within_ten_seconds_whatever_hangs() {
    let mut exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let mut hanging = Connection::open(exporter.webhook);
    hanging.send(format!("POST /twilio HTTP/1.1\r\n{}\r\n\r\nAcc", headers_of(&event).join("\r\n")));
    let mut kept = Connection::open(exporter.webhook);
    kept.send(request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body()));
    assert_eq!(kept.answer().map(|answer| answer.status), Some(204));
    exporter.metric_is("twilio_debugger_exporter_requests_in_flight", 1.0).await;
    let started = std::time::Instant::now();
    assert_eq!(exporter.terminate().await.code(), Some(0));
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

/// SIGTERM in the middle of a flood: what was answered 2xx is there afterwards.
#[tokio::test]
async fn what_was_answered_before_sigterm_is_counted_after_it() {
    use test_support::post::{self, Post};
    let mut exporter = Exporter::start().await;
    let posts: Vec<Post> = (1..=3000).map(|number| Post::of(&Event::new(number, "11200"))).collect();
    let sender = tokio::spawn(post::all(exporter.webhook, posts));
    wait::until("a part of them", || async {
        (exporter.try_metrics().await?.sum("twilio_debugger_events_total") >= 100.0).then_some(())
    })
    .await;
    assert_eq!(exporter.terminate().await.code(), Some(0));
    let statuses = sender.await.expect("no panic");
    assert!(statuses.iter().all(|status| matches!(status, Some(204 | 503) | None)));
    let accepted = statuses.iter().filter(|status| **status == Some(204)).count();
    assert!((100..3000).contains(&accepted), "{accepted}");
    exporter.start_again().await;
    let scrape = exporter.metrics().await;
    // A drain answers everybody whom it counts.
    assert_eq!(scrape.sum("twilio_debugger_events_total"), accepted as f64);
    scrape.assert_adds_up();
}
