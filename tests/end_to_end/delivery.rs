//! Log export from outside: whatever the collector answers, each event is delivered, waits in the store, or is in quarantine.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use tonic::Code;

use test_support::exporter::binary;
use test_support::scripted::{Protocol, Reply, Scripted};
use test_support::{Event, Exporter, wait};

const UP: &str = "twilio_debugger_exporter_otlp_up";
const RECORDS: &str = "twilio_debugger_exporter_otlp_records_total";
const QUARANTINED: &str = "twilio_debugger_exporter_quarantined_total{reason=\"otlp_rejected\",source=\"webhook\"}";

fn failures(class: &str) -> String {
    format!("twilio_debugger_exporter_otlp_failures_total{{class=\"{class}\"}}")
}

fn yaml(collector: &Scripted, protocol: Protocol) -> String {
    format!("otlp: {{endpoint: '{}', protocol: {}, timeout: 1s}}", collector.endpoint(), protocol.name())
}

fn sid(number: u64) -> String {
    format!("NO{number:032x}")
}

async fn post_all(exporter: &Exporter, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204), "event {number}");
    }
}

/// Waits until the collector has taken exactly these events, each once.
async fn takes_once(collector: &Scripted, numbers: impl IntoIterator<Item = u64>) {
    let expected: BTreeSet<String> = numbers.into_iter().map(sid).collect();
    wait::until(&format!("{} records at the collector", expected.len()), || async {
        (collector.taken().len() >= expected.len()).then_some(())
    })
    .await;
    let taken = collector.taken();
    assert_eq!(taken.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(taken.values().all(|times| *times == 1), "{taken:?}");
}

/// An exporter that starts before its collector, as in any cluster, must neither fail nor forget.
#[tokio::test]
async fn a_collector_that_comes_up_later_gets_everything_once() {
    for protocol in Protocol::BOTH {
        let mut collector = Scripted::stopped(protocol);
        let mut exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
        post_all(&exporter, 1..=20).await;
        exporter.metric_is(UP, 0.0).await;
        let scrape = exporter.metrics().await;
        assert!(scrape.get(&failures("unavailable")) >= Some(1.0));
        assert_eq!(scrape.get(RECORDS), Some(0.0));
        assert_eq!(scrape.get("twilio_debugger_exporter_store_events"), Some(20.0));
        collector.start_again();
        takes_once(&collector, 1..=20).await;
        exporter.metric_is(RECORDS, 20.0).await;
        exporter.metric_is(UP, 1.0).await;
        assert!(
            exporter.metrics().await.get("twilio_debugger_exporter_otlp_last_success_timestamp_seconds") > Some(1e9)
        );
        assert_eq!(exporter.terminate().await.code(), Some(0));
    }
}

/// An outage in the middle: events keep being accepted, and nothing is sent twice when it is over.
#[tokio::test]
async fn a_collector_that_goes_down_and_comes_back_gets_everything_once() {
    for protocol in Protocol::BOTH {
        let mut collector = Scripted::start(protocol, |_| Reply::Ok);
        let exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
        post_all(&exporter, 1..=10).await;
        exporter.metric_is(RECORDS, 10.0).await;
        collector.stop();
        post_all(&exporter, 11..=30).await;
        exporter.metric_is(UP, 0.0).await;
        collector.start_again();
        takes_once(&collector, 1..=30).await;
        exporter.metric_is(RECORDS, 30.0).await;
        exporter.metrics().await.assert_adds_up();
    }
}

/// Each answer that means "later" is counted under its class, and costs nothing but time.
#[tokio::test]
async fn every_answer_that_means_later_delivers_later() {
    for (class, status, code, wait) in [
        ("unavailable", 503, Code::Unavailable, None),
        ("unavailable", 502, Code::Internal, None),
        ("throttled", 429, Code::ResourceExhausted, Some(Duration::from_secs(1))),
        ("timeout", 504, Code::DeadlineExceeded, None),
    ] {
        for protocol in Protocol::BOTH {
            let collector = Scripted::start(protocol, move |request| {
                // The first request is the look at the start.
                if (1..=2).contains(&request.number) { Reply::No(status, code, wait) } else { Reply::Ok }
            });
            let exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
            post_all(&exporter, 1..=5).await;
            takes_once(&collector, 1..=5).await;
            exporter.metric_is(RECORDS, 5.0).await;
            let scrape = exporter.metrics().await;
            assert_eq!(scrape.get(&failures(class)), Some(2.0), "{status} {code:?} over {protocol:?}");
            assert!((scrape.sum("twilio_debugger_exporter_otlp_failures_total") - 2.0).abs() < 0.5);
            assert_eq!((scrape.get(UP), scrape.get(QUARANTINED)), (Some(1.0), Some(0.0)));
        }
    }
}

/// A token that has expired is nobody's record's fault: all is held, at one try a minute, and a person is told once.
#[tokio::test]
async fn a_destination_at_fault_holds_everything() {
    for (status, code) in [(401, Code::Unauthenticated), (403, Code::PermissionDenied), (404, Code::Unimplemented)] {
        for protocol in Protocol::BOTH {
            let collector = Scripted::start(protocol, move |_| Reply::no(status, code));
            let mut exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
            post_all(&exporter, 1..=5).await;
            exporter.process.line_with("everything is held").await;
            exporter.metric_is(UP, 0.0).await;
            let scrape = exporter.metrics().await;
            assert!(scrape.get(&failures("destination")) >= Some(1.0), "{status} over {protocol:?}");
            assert_eq!((scrape.get(RECORDS), scrape.get(QUARANTINED)), (Some(0.0), Some(0.0)));
            assert!(collector.received().len() <= 3, "held: {status} over {protocol:?}");
            // Mended; an operator who does not want to wait for the probe restarts the exporter.
            collector.answer(|_| Reply::Ok);
            assert_eq!(exporter.terminate().await.code(), Some(0), "a hold does not hold up a drain");
            exporter.start_again().await;
            takes_once(&collector, 1..=5).await;
        }
    }
}

/// The record that no collector will ever take is kept where a person can find it, and the others go on.
#[tokio::test]
async fn a_poisonous_record_is_quarantined_and_the_rest_delivered() {
    for protocol in Protocol::BOTH {
        let mut collector = Scripted::stopped(protocol);
        collector.answer(
            |request| {
                if request.has(&sid(7)) { Reply::no(400, Code::InvalidArgument) } else { Reply::Ok }
            },
        );
        let mut exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
        post_all(&exporter, 1..=20).await;
        collector.start_again();
        takes_once(&collector, (1..=20).filter(|number| *number != 7)).await;
        exporter.metric_is(QUARANTINED, 1.0).await;
        exporter.metric_is(RECORDS, 19.0).await;
        let scrape = exporter.metrics().await;
        assert!(scrape.get(&failures("rejected")) >= Some(1.0));
        assert_eq!(scrape.get(UP), Some(1.0), "a collector that refuses a record is up");
        scrape.assert_adds_up();
        let line = exporter.process.line_with("it is in quarantine").await;
        assert!(line.contains(&sid(7)), "{line}");
        let store = twilio_debugger_exporter::store::Archive::open(&exporter.data()).expect("beside the exporter");
        let quarantine = store.quarantine(10).expect("readable");
        assert_eq!(quarantine.len(), 1);
        assert_eq!(quarantine[0].entry.sid.as_deref(), Some(sid(7).as_str()));
        // And it stays there: a restart does not send it again.
        let requests = collector.received().len();
        assert_eq!(exporter.terminate().await.code(), Some(0));
        exporter.start_again().await;
        post_all(&exporter, [21]).await;
        takes_once(&collector, (1..=21).filter(|number| *number != 7)).await;
        assert!(!collector.received()[requests..].iter().any(|request| request.has(&sid(7))));
        exporter.metric_is(QUARANTINED, 1.0).await;
    }
}

/// A collector with a small limit, and one that drops records of what it takes.
#[tokio::test]
async fn too_large_is_halved_and_partial_is_not_repeated() {
    for protocol in Protocol::BOTH {
        let mut collector = Scripted::stopped(protocol);
        collector.answer(|request| match request.sids.len() {
            3.. => Reply::no(413, Code::ResourceExhausted),
            2 if request.has(&sid(8)) => Reply::Partial(1),
            _ => Reply::Ok,
        });
        let exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
        post_all(&exporter, 1..=8).await;
        collector.start_again();
        takes_once(&collector, 1..=8).await;
        exporter.metric_is(RECORDS, 7.0).await;
        let scrape = exporter.metrics().await;
        assert!(scrape.get(&failures("too_large")) >= Some(1.0));
        assert_eq!(scrape.get(&failures("partial_success")), Some(1.0), "{protocol:?}: counted by record");
        let store = twilio_debugger_exporter::store::Archive::open(&exporter.data()).expect("beside the exporter");
        let partial = store.partial_deliveries(10).expect("readable");
        assert_eq!((partial.len(), partial[0].rejected), (1, 1));
        assert_eq!(partial[0].sids, [sid(7), sid(8)], "so that a person can look which one is missing");
    }
}

/// The cursor is on disk: a restart, clean or not, starts where the collector's last word left it.
#[tokio::test]
async fn a_restart_sends_nothing_twice() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, |_| Reply::Ok);
        let mut exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
        for round in 0..4_u32 {
            let last = u64::from(round) * 5 + 5;
            post_all(&exporter, last - 4..=last).await;
            takes_once(&collector, 1..=last).await;
            // The collector has the records; that the cursor is synced too is what the metric says.
            exporter.metric_is(RECORDS, f64::from(round) * 5.0 + 5.0).await;
            if round % 2 == 0 {
                assert_eq!(exporter.terminate().await.code(), Some(0));
            } else {
                exporter.process.kill();
            }
            exporter.start_again().await;
        }
        post_all(&exporter, [21]).await;
        takes_once(&collector, 1..=21).await;
    }
}

/// A collector that hangs must not keep a pod from ending, nor an event from being accepted.
#[tokio::test]
async fn a_silent_collector_holds_up_nothing_but_delivery() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, |_| Reply::Silence);
        let mut exporter = Exporter::with(&yaml(&collector, protocol)).start().await;
        post_all(&exporter, 1..=20).await;
        wait::until("a time-out to be counted", || async {
            (exporter.metrics().await.get(&failures("timeout")) >= Some(1.0)).then_some(())
        })
        .await;
        let asked = Instant::now();
        assert_eq!(exporter.terminate().await.code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        collector.answer(|_| Reply::Ok);
        exporter.start_again().await;
        takes_once(&collector, 1..=20).await;
    }
}

/// Tenants and tokens go in headers; the variable and the section say the same thing.
#[tokio::test]
async fn headers_come_from_the_section_and_from_the_variable() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, |request| {
            let token = request.headers.get("authorization").is_some_and(|token| token == "Bearer t0k=n");
            if token { Reply::Ok } else { Reply::no(401, Code::Unauthenticated) }
        });
        let endpoint = collector.endpoint();
        let section = format!(
            "otlp: {{endpoint: '{endpoint}', protocol: {}, headers: {{authorization: 'Bearer t0k=n'}}}}",
            protocol.name()
        );
        let exporter = Exporter::with(&section).start().await;
        post_all(&exporter, [1]).await;
        takes_once(&collector, [1]).await;
        let exporter = Exporter::with("")
            .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
            .variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.name())
            .variable("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0k%3Dn,x-tenant=a")
            .start()
            .await;
        post_all(&exporter, [2]).await;
        takes_once(&collector, [1, 2]).await;
        let last = collector.received().pop().expect("a request");
        assert_eq!(last.headers.get("x-tenant").map(String::as_str), Some("a"));
        assert!(!exporter.process.output().contains("t0k"), "the token is in no log line");
    }
}

/// Whoever forgot the endpoint should read so at the start, and not find out from an empty dashboard.
#[tokio::test]
async fn without_an_endpoint_one_line_says_that_export_is_off() {
    let mut exporter = Exporter::start().await;
    exporter.process.line_with("log export is off").await;
    post_all(&exporter, [1]).await;
    let output = exporter.process.output();
    assert_eq!(output.matches("log export").count(), 1, "{output}");
    exporter.metrics().await.assert_adds_up();
}

/// Loki refuses a request without records. To ask with one whether it is there, and to take the refusal for an absence, would
/// fail every check and every replay.
#[tokio::test]
async fn a_collector_that_refuses_empty_requests_passes_the_check_and_takes_a_replay() {
    let collector = Scripted::start(Protocol::Http, |request| {
        if request.sids.is_empty() {
            Reply::Page(422, None, "at least one valid stream is required for ingestion")
        } else {
            Reply::Ok
        }
    });
    let exporter = Exporter::with(&yaml(&collector, Protocol::Http)).start().await;
    post_all(&exporter, 1..=3).await;
    takes_once(&collector, 1..=3).await;
    for (command, said) in [
        (&["check", "--connect"][..], "refuses a request without records: HTTP 422: at least one valid stream"),
        (&["replay", "--from", "3650d"], "3 delivered, 0 refused by the collector\n"),
    ] {
        let mut process = Command::new(binary());
        process.args(command).arg("--config").arg(exporter.folder().join("config.yml"));
        process.arg("--store.dir").arg(exporter.data());
        let ended = tokio::task::spawn_blocking(move || process.output()).await.expect("no panic").expect("it runs");
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success() && out.contains(said), "{command:?}: {out}{err}");
    }
    assert!(collector.taken().values().all(|times| *times == 2), "each once by itself, and once by the replay");
}
