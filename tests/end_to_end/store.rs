//! The data directory from outside: its limits, its lock, its versions, and what a restart finds in it.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use test_support::exporter::binary;
use test_support::process::Process;
use test_support::random::noise;
use test_support::scripted::{Protocol, Scripted};
use test_support::{Event, Exporter, wait};

const COUNTED: &str = "twilio_debugger_events_total";

/// Every file of a directory, byte by byte; a socket has none.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let is_socket = |entry: &DirEntry| entry.file_type().expect("a type").is_socket();
    let bytes =
        |entry: &DirEntry| if is_socket(entry) { Vec::new() } else { std::fs::read(entry.path()).expect("readable") };
    entries.map(|entry| (entry.file_name().into_string().expect("UTF-8"), bytes(&entry))).collect()
}

/// Starts an exporter that is expected to fail on `exporter`'s data, and gives its exit code and output.
async fn start_fails(exporter: &Exporter) -> (Option<i32>, String) {
    let mut process = Process::start(
        Command::new(binary())
            .args(["serve", "--config"])
            .arg(exporter.folder().join("config.yml"))
            .args(["--webhook.listen", "127.0.0.1:0", "--telemetry.listen", "127.0.0.1:0", "--store.dir"])
            .arg(exporter.data()),
    );
    let code = process.ended().await.code();
    let output = wait::until("its last words", || async {
        let output = process.output();
        output.contains("twilio-debugger-exporter: ").then_some(output)
    })
    .await;
    (code, output)
}

async fn ready(exporter: &Exporter) -> u16 {
    let answer = exporter.client.get(format!("http://{}/-/ready", exporter.telemetry)).send().await;
    answer.expect("the telemetry listener answers").status().as_u16()
}

/// Two pods of a rolling update on one volume: the second must not write, and must say why.
#[tokio::test]
async fn a_second_writer_is_refused_and_told_why() {
    let exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    let (code, output) = start_fails(&exporter).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&exporter.data().display().to_string()) && output.contains("in use"), "{output}");
    assert_eq!(exporter.post(&Event::new(2, "11200")).await, Some(204), "the first one goes on");
    exporter.metrics().await.assert_adds_up();
}

/// A downgrade: an older program must not touch what it does not understand.
#[tokio::test]
async fn a_store_of_a_newer_version_is_left_as_it_is() {
    let mut exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    assert_eq!(exporter.terminate().await.code(), Some(0));
    let store = rusqlite::Connection::open(exporter.data().join("events.db")).expect("a database");
    store.pragma_update(None, "user_version", 99).expect("writable");
    store.close().expect("closes");
    let before = contents(&exporter.data());
    let (code, output) = start_fails(&exporter).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("schema version 99") && output.contains("nothing was changed"), "{output}");
    let after = contents(&exporter.data());
    // SQLite leaves an empty log and an index beside a file that it has only read.
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "{:?}", after.keys());
    assert!(after.get("events.db-wal").is_none_or(Vec::is_empty));
}

/// A damaged file: losing sight of it silently would be worse than not starting, not starting worse than both said aloud.
#[tokio::test]
async fn an_unreadable_store_is_moved_aside_aloud() {
    let mut exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    assert_eq!(exporter.terminate().await.code(), Some(0));
    let garbage = b"this was a database once".repeat(1000);
    std::fs::write(exporter.data().join("events.db"), &garbage).expect("writable");
    exporter.start_again().await;
    let line = exporter.process.line_with("unreadable").await;
    assert!(line.contains("ERROR"), "{line}");
    assert_eq!(exporter.post(&Event::new(2, "11200")).await, Some(204), "it serves");
    let aside: Vec<_> = contents(&exporter.data())
        .into_iter()
        .filter(|(name, _)| name.starts_with("events.db.unreadable-") && !name.ends_with("-wal"))
        .collect();
    assert_eq!(aside.len(), 1, "{:?}", aside.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert!(aside[0].1 == garbage, "the bytes are kept");
    assert!(line.contains(&aside[0].0), "the line says where: {line}");
    exporter.metrics().await.assert_adds_up();
}

/// What the store holds is other people's; nobody else on the machine reads it.
#[tokio::test]
async fn only_the_owner_can_read_the_store() {
    let exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&exporter.data()), 0o700);
    let names = contents(&exporter.data());
    assert!(names.contains_key("events.db-wal"), "{:?}", names.keys());
    for name in names.keys() {
        assert_eq!(mode(&exporter.data().join(name)), 0o600, "{name}");
    }
}

/// Twilio sends again, and so does whoever recorded a request: the memory of it must outlive the process.
#[tokio::test]
async fn a_duplicate_is_known_after_a_restart_and_after_a_crash() {
    let mut exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    assert_eq!(exporter.post(&event).await, Some(204));
    for crash in [false, true] {
        if crash {
            exporter.process.kill();
        } else {
            assert_eq!(exporter.terminate().await.code(), Some(0));
        }
        exporter.start_again().await;
        assert_eq!(exporter.post(&event).await, Some(204));
    }
    let scrape = exporter.metrics().await;
    assert!((scrape.sum(COUNTED) - 1.0).abs() < 0.5);
    assert!(scrape.sum("twilio_debugger_exporter_duplicates_total") >= 1.0);
    scrape.assert_adds_up();
}

/// An outage that is longer than the disk is large: first the bulk goes, then the sender is told, and when the collector is
/// back everything that was acknowledged is delivered and the exporter takes events again, with nobody's help.
#[tokio::test]
async fn a_filling_store_trims_then_refuses_then_recovers() {
    let mut collector = Scripted::stopped(Protocol::Grpc);
    let yaml = format!("redaction: none\nstore: {{bytes_max: 16MiB}}\notlp: {{endpoint: '{}'}}", collector.endpoint());
    let mut exporter = Exporter::with(&yaml).start().await;
    let mut accepted = 0;
    loop {
        let more = json!({"Msg": noise(4_000), "bulk": noise(50_000)});
        let payload = json!({"error_code": "11200", "more_info": more}).to_string();
        let event = Event::new(accepted + 1, "11200").with("Payload", &payload);
        match exporter.post(&event).await {
            Some(204) => accepted += 1,
            answer => {
                assert_eq!(answer, Some(503));
                break;
            }
        }
        assert!(accepted < 20_000, "the store never fills");
    }
    assert!(accepted > 300, "{accepted}: trimmed events take little room");
    assert_eq!(ready(&exporter).await, 503);
    let scrape = exporter.metrics().await;
    let bytes = scrape.get("twilio_debugger_exporter_store_bytes").expect("there");
    assert!(bytes > 13e6 && bytes <= 17e6, "{bytes}");
    assert!(scrape.get("twilio_debugger_exporter_rejected_total{reason=\"store_full\"}") >= Some(1.0));
    exporter.process.line_with("the store is at 80 %").await;
    exporter.process.line_with("the store is full").await;

    collector.start_again();
    wait::until("the collector to have everything", || async {
        (collector.taken().len() as u64 >= accepted).then_some(())
    })
    .await;
    wait::until("the exporter to be ready", || async { (ready(&exporter).await == 200).then_some(()) }).await;
    assert_eq!(exporter.post(&Event::new(u64::MAX, "11200")).await, Some(204));
    wait::until("the last event", || async { (collector.taken().len() as u64 > accepted).then_some(()) }).await;
    let mut whole = 0;
    let mut trimmed = 0;
    for request in collector.received().iter().filter(|request| request.taken) {
        for record in request.records() {
            let has = |key| record.attributes.iter().any(|attribute| attribute.key == key);
            whole += u64::from(has("twilio.payload"));
            trimmed += u64::from(!has("twilio.payload") && has("twilio.payload.truncated"));
        }
    }
    assert_eq!(whole + trimmed, accepted + 1, "each once");
    assert!(whole > 150 && trimmed > 100, "{whole} whole, {trimmed} trimmed");
    exporter.metrics().await.assert_adds_up();
}

/// An operator who enlarges the disk does not want to lose what is under way, nor to wait.
#[tokio::test]
async fn a_reload_changes_the_limit() {
    let mut exporter = Exporter::with("store: {bytes_max: 64MiB}").start().await;
    exporter.metric_is("twilio_debugger_exporter_store_bytes_max", f64::from(64 << 20)).await;
    let file = exporter.folder().join("config.yml");
    for mib in [32, 128] {
        let config = std::fs::read_to_string(&file).expect("readable");
        let (before, _) = config.split_once("store:").expect("a section");
        std::fs::write(&file, format!("{before}store: {{bytes_max: {mib}MiB}}\n")).expect("writable");
        let already = exporter.process.output().matches("configuration reloaded").count();
        exporter.process.signal("HUP");
        wait::until("the reload", || async {
            (exporter.process.output().matches("configuration reloaded").count() > already).then_some(())
        })
        .await;
        wait::until_within(Duration::from_secs(20), "the new limit", || async {
            let limit = exporter.metrics().await.get("twilio_debugger_exporter_store_bytes_max");
            (limit == Some(f64::from(mib << 20))).then_some(())
        })
        .await;
    }
    assert_eq!(exporter.terminate().await.code(), Some(0));
}

/// A large store must not make a rolling update long. The figure is printed, not judged: it is the bench's.
#[allow(clippy::print_stdout, reason = "the figure is the result")]
#[tokio::test]
async fn a_start_over_fifty_thousand_events_recovers_them() {
    let mut exporter = Exporter::start().await;
    assert_eq!(exporter.terminate().await.code(), Some(0));
    fill(&exporter.data(), 50_000);
    let started = Instant::now();
    exporter.start_again().await;
    println!("started over 50,000 events in {:?}", started.elapsed());
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.get("twilio_debugger_exporter_store_events"), Some(50_000.0));
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    exporter.metric_is("twilio_debugger_exporter_store_events", 50_001.0).await;
}

/// Writes events into a store as the exporter writes them, 50 a group.
fn fill(data: &Path, events: u64) {
    let mut store = rusqlite::Connection::open(data.join("events.db")).expect("a database");
    let transaction = store.transaction().expect("a transaction");
    for group in 1..=events / 50 {
        let document = |number: u64| {
            json!({
                "sid": format!("NOf{number:031x}"), "account_sid": "AC1", "level": "error", "error_code": "11200",
                "source": "webhook", "occurred_at": "2026-01-02T03:04:05Z", "received_at": "2026-01-02T03:04:06Z",
            })
            .to_string()
        };
        let last = group * 50;
        let documents: Vec<_> = (last - 49..=last).map(document).collect();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
        let now = i64::try_from(now).expect("this century");
        transaction
            .execute("INSERT INTO event_groups VALUES (?1, 50, ?2, ?3)", (last, now, documents.join("\n")))
            .expect("writes");
        let fingerprints: Vec<u8> = (last - 49..=last).flat_map(|number| [number.to_le_bytes(); 2].concat()).collect();
        transaction
            .execute("INSERT INTO seen_groups (at, fingerprints) VALUES (?1, ?2)", (now, fingerprints))
            .expect("writes");
    }
    transaction.execute("UPDATE state SET events = ?1, last_seq = ?1", [events]).expect("writes");
    transaction.commit().expect("commits");
}
