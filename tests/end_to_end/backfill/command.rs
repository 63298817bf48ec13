//! `backfill`: once, beside a running exporter or without one.

use std::process::{Command, Output};

use jiff::Timestamp;
use test_support::monitor::Reply;
use test_support::{Alert, Exporter, Monitor};

use super::{ACCEPTED, KNOWN, minutes, page_of, pushed};

/// Runs the command with the exporter's own configuration.
fn backfill(exporter: &Exporter, arguments: &[&str]) -> Output {
    let mut command = Command::new(test_support::exporter::binary());
    command.arg("backfill").arg("--config").arg(exporter.folder().join("config.yml"));
    command.arg("--store.dir").arg(exporter.data()).args(arguments).output().expect("runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The command has no clock of its own, so these alerts are of the last hours.
fn ago(count: i64) -> Timestamp {
    Timestamp::now() - minutes(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_reads_beside_a_running_exporter_and_without_one() {
    let monitor = Monitor::start();
    let mut exporter = Exporter::with(&format!("backfill: {{url: '{}'}}", monitor.url())).start().await;
    let at = ago(30);
    assert_eq!(exporter.post(&pushed(1, at)).await, Some(204));
    monitor.add([Alert::new(1, "11200", at), Alert::new(2, "11200", ago(40)), Alert::new(3, "11200", ago(200))]);
    monitor.add([Alert::new(9, "11200", ago(35)).with("sid", "CA1")]);

    // What is held back for want of a proof is read again once that has come.
    let beside = backfill(&exporter, &["--since", "1h"]);
    assert_eq!(beside.status.code(), Some(0), "{}", said(&beside));
    assert_eq!(said(&beside), "found 3, known 2, recovered 1, quarantined 0, held back 0\n");
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(KNOWN)), (Some(1.0), Some(3.0)), "read twice");
    page.assert_adds_up();

    assert_eq!(exporter.terminate().await.code(), Some(0));
    let alone = backfill(&exporter, &["--since", "6h"]);
    assert_eq!(said(&alone), "found 4, known 3, recovered 1, quarantined 0, held back 0\n");
    assert_eq!(alone.status.code(), Some(0));
    exporter.start_again().await;
    let page = page_of(&exporter).await;
    assert_eq!(page.get(ACCEPTED), Some(2.0), "counted by the command, and shown by the exporter");
    page.assert_adds_up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_could_not_be_read() {
    let monitor = Monitor::start();
    let exporter = Exporter::with(&format!("backfill: {{url: '{}'}}", monitor.url())).start().await;
    assert_eq!(exporter.post(&pushed(1, ago(30))).await, Some(204));
    monitor.add([Alert::new(2, "11200", ago(40))]);
    let held = backfill(&exporter, &["--since", "1h"]);
    assert_eq!(held.status.code(), Some(1));
    assert!(said(&held).starts_with("found 1, known 0, recovered 0, quarantined 0, held back 1\n"), "{}", said(&held));
    assert!(said(&held).contains("1 alerts wait"), "{}", said(&held));

    monitor.answer(|_| Some(Reply::Status(401, None)));
    let refused = backfill(&exporter, &["--since", "1h"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains(": answered 401\n"), "{}", said(&refused));

    for (arguments, code) in [(&["--since", "never"][..], 2), (&[], 2), (&["--since", "1h", "--until", "2h"], 2)] {
        let usage = backfill(&exporter, arguments);
        assert_eq!(usage.status.code(), Some(code), "{}", said(&usage));
    }
}

/// A bar is for people; a file or a pipe gets the summary alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_at_a_time_and_whoever_goes_away_ends_it() {
    let monitor = Monitor::start();
    let mut exporter = Exporter::with(&format!("backfill: {{url: '{}'}}", monitor.url())).start().await;
    monitor.answer(|_| Some(Reply::Slowly(std::time::Duration::from_secs(3_600))));
    let first = std::thread::scope(|scope| {
        let mut command = Command::new(test_support::exporter::binary());
        command.args(["backfill", "--since", "1h", "--config"]).arg(exporter.folder().join("config.yml"));
        let mut first = command.arg("--store.dir").arg(exporter.data()).spawn().expect("runs");
        while monitor.asked().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let second = scope.spawn(|| backfill(&exporter, &["--since", "1h"])).join().expect("no panic");
        assert_eq!(second.status.code(), Some(1));
        assert!(said(&second).contains("another backfill is under way"), "{}", said(&second));
        first.kill().expect("running");
        first.wait().expect("a child")
    });
    assert!(!first.success());
    monitor.recover();
    test_support::wait::until("its place to be free", || async {
        (backfill(&exporter, &["--since", "1h"]).status.code() == Some(0)).then_some(())
    })
    .await;
    assert_eq!(exporter.terminate().await.code(), Some(0));
}
