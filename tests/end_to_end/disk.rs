//! Disks that fail, stall and fill up: nothing is acknowledged that is not kept, and nothing is counted that is not.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use test_support::faults::Faults;
use test_support::random::noise;
use test_support::scripted::{Protocol, Scripted};
use test_support::{Event, Exporter, wait};

const COUNTED: &str = "twilio_debugger_events_total";

/// Posts events at the same time and gives their answers.
async fn post_together(exporter: &Exporter, numbers: std::ops::Range<u64>) -> Vec<Option<u16>> {
    let events: Vec<_> = numbers.map(|number| Event::new(number, "11200")).collect();
    let posts: Vec<_> = events
        .into_iter()
        .map(|event| {
            let post = exporter
                .client
                .post(format!("http://{}/twilio", exporter.webhook))
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-twilio-signature", event.signature())
                .body(event.body());
            tokio::spawn(post.send())
        })
        .collect();
    let mut answers = Vec::new();
    for post in posts {
        answers.push(post.await.expect("no panic").ok().map(|answer| answer.status().as_u16()));
    }
    answers
}

/// After a failed sync the kernel may drop what it could not write and report success the next time. So nobody waiting is told
/// yes, nothing is tried again, and the next process reads what is really there.
#[tokio::test]
async fn a_failed_sync_ends_the_process_and_the_next_one_recovers() {
    let faults = Faults::new();
    let mut exporter = faults.under(Exporter::with("")).start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    faults.begin("fail-sync");
    let answers = post_together(&exporter, 2..12).await;
    assert!(answers.iter().all(|answer| matches!(answer, Some(503) | None)), "{answers:?}");
    assert!(answers.contains(&Some(503)), "the waiters are told: {answers:?}");
    assert_eq!(exporter.process.ended().await.code(), Some(74));
    assert!(exporter.process.output().contains("the store cannot be written"), "{}", exporter.process.output());
    faults.end("fail-sync");
    exporter.start_again().await;
    for number in 1..12 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204), "event {number}");
    }
    let scrape = exporter.metrics().await;
    assert!((scrape.sum(COUNTED) - 11.0).abs() < 0.5, "each counted once: {}", scrape.sum(COUNTED));
    scrape.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0));
}

/// The counters of a drain are written after everything else. If that write fails, the process has not ended well, whoever told
/// it to end: Kubernetes and systemd would otherwise take a broken disk for a clean stop.
#[tokio::test]
async fn a_last_write_that_fails_is_no_clean_end() {
    let faults = Faults::new();
    let mut exporter = faults.under(Exporter::with("")).start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    assert_eq!(exporter.post_signed(&Event::new(2, "11200"), "no signature").await, Some(403));
    faults.begin("fail-sync");
    assert_eq!(exporter.terminate().await.code(), Some(74));
    let said = exporter.process.output();
    assert!(said.contains("draining") && !said.contains("drained"), "{said}");
}

/// A disk that stalls: Twilio hangs up after 15 s, so it is told within 5 that it has no receipt.
#[tokio::test]
async fn a_stalled_sync_is_answered_in_time_and_counted_as_it_was_answered() {
    let faults = Faults::new();
    let exporter = faults.under(Exporter::with("")).start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    faults.begin("slow-sync");
    let asked = Instant::now();
    let first = post_together(&exporter, 2..3);
    let others = async {
        // The first one's sync must be under way, so that these wait behind it.
        faults.met("slow-sync").await;
        post_together(&exporter, 3..43).await
    };
    let (first, others) = tokio::join!(first, others);
    assert_eq!(first, [Some(503)]);
    assert!(others.iter().all(|answer| *answer == Some(503)), "{others:?}");
    let waited = asked.elapsed();
    // Not sooner than it must, and before Twilio hangs up, however busy the machine is; the sync takes 20 s.
    assert!(waited > Duration::from_millis(4_900) && waited < Duration::from_secs(15), "{waited:?}");
    faults.end("slow-sync");
    wait::until("the disk to be well again", || async {
        (exporter.post(&Event::new(50, "11200")).await == Some(204)).then_some(())
    })
    .await;
    let page = exporter.metrics().await;
    let timed_out = page.get("twilio_debugger_exporter_rejected_total{reason=\"timeout\"}");
    // The first one's too, although its sync has come to its end since and its event is stored.
    assert!(timed_out >= Some(41.0), "{timed_out:?}");
    assert_eq!(page.get("twilio_debugger_exporter_requests_total{code=\"503\"}"), timed_out);
    for number in 1..43 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204), "event {number}");
    }
    let scrape = exporter.metrics().await;
    assert!((scrape.sum(COUNTED) - 43.0).abs() < 0.5, "each counted once: {}", scrape.sum(COUNTED));
    scrape.assert_adds_up();
}

/// A full disk refuses and waits. It must not end the process, nor tear what is stored, and it must not need a person
/// once there is room again.
#[tokio::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let mut collector = Scripted::stopped(Protocol::Grpc);
    let yaml = format!("redaction: none\notlp: {{endpoint: '{}'}}", collector.endpoint());
    let mut exporter = Exporter::with(&yaml).tmpfs_mib(12).start().await;
    let event = |number| {
        let payload = json!({"error_code": "11200", "more_info": {"bulk": noise(60_000)}});
        Event::new(number, "11200").with("Payload", &payload.to_string())
    };
    assert_eq!(exporter.post(&event(1)).await, Some(204));
    let ballast = exporter.data().join("ballast");
    let mut file = std::fs::File::create(&ballast).expect("writable");
    let block = vec![0; 64 << 10];
    for _ in 0..(8 << 20) / block.len() {
        file.write_all(&block).expect("there is room for this much");
    }
    let mut accepted = vec![1];
    let mut refused = 0;
    for number in 2..=200 {
        match exporter.post(&event(number)).await {
            Some(204) => accepted.push(number),
            Some(503) => refused += 1,
            answer => panic!("event {number}: {answer:?}\n{}", exporter.process.output()),
        }
    }
    assert!(accepted.len() > 10 && refused > 100, "{} accepted, {refused} refused", accepted.len());
    // To the last page: now there is no room for the smallest write.
    while file.write_all(&block[..4096]).is_ok() {}
    // What log export has to write while the disk is full must not end the process either. It goes on when it can note that down.
    collector.start_again();
    wait::until("the collector to have a batch", || async { (!collector.taken().is_empty()).then_some(()) }).await;
    for number in 201..=220 {
        if exporter.post(&event(number)).await == Some(204) {
            accepted.push(number);
        }
    }
    let refused = exporter.metrics().await.get("twilio_debugger_exporter_rejected_total{reason=\"store_full\"}");
    assert!(refused >= Some(100.0), "{refused:?}");
    drop(file);
    std::fs::remove_file(ballast).expect("removable");
    wait::until_within(Duration::from_secs(60), "events to be accepted again", || async {
        (exporter.post(&Event::new(999, "11200")).await == Some(204)).then_some(())
    })
    .await;
    accepted.push(999);
    wait::until("the last one at the collector", || async {
        (collector.taken().len() >= accepted.len()).then_some(())
    })
    .await;
    assert_eq!(collector.taken().len(), accepted.len(), "what was accepted, and nothing else");
    let scrape = exporter.metrics().await;
    #[allow(clippy::cast_precision_loss, reason = "hundreds")]
    let expected = accepted.len() as f64;
    assert!((scrape.sum(COUNTED) - expected).abs() < 0.5);
    scrape.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0));
}

/// The collector has taken records, and there is not one page left to write that down. A process that ended over it would send
/// the same records again at every start.
#[tokio::test]
async fn log_export_waits_for_room_to_write_down_what_is_delivered() {
    let faults = Faults::new();
    let mut collector = Scripted::stopped(Protocol::Grpc);
    let yaml = format!("otlp: {{endpoint: '{}'}}", collector.endpoint());
    let mut exporter = faults.under(Exporter::with(&yaml)).start().await;
    for number in 1..=10 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    faults.begin("full-disk");
    assert_eq!(exporter.post(&Event::new(11, "11200")).await, Some(503));
    collector.start_again();
    exporter.process.line_with("log export waits until there is room").await;
    assert_eq!(exporter.post(&Event::new(11, "11200")).await, Some(503), "it is still there");
    faults.end("full-disk");
    assert_eq!(exporter.post(&Event::new(11, "11200")).await, Some(204));
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 11.0).await;
    assert!(collector.taken().values().all(|times| *times == 1), "{:?}", collector.taken());
    let refused = exporter.metrics().await.get("twilio_debugger_exporter_rejected_total{reason=\"store_full\"}");
    assert_eq!(refused, Some(2.0));
    exporter.metrics().await.assert_adds_up();
    // A drain on a full disk cannot carry the log over into the file. The next start finds everything in the log.
    faults.begin("full-disk");
    assert_eq!(exporter.terminate().await.code(), Some(0), "{}", exporter.process.output());
    faults.end("full-disk");
    exporter.start_again().await;
    exporter.metric_is("twilio_debugger_exporter_store_events", 11.0).await;
    assert_eq!(collector.taken().len(), 11);
    assert!(collector.taken().values().all(|times| *times == 1), "{:?}", collector.taken());
}

/// The log, once written, is written again from its beginning, but the store itself cannot grow any more. What is in the log is
/// safe there; carrying it over can wait.
#[tokio::test]
async fn a_checkpoint_that_finds_no_room_ends_nothing() {
    let faults = Faults::new();
    let mut exporter = faults.under(Exporter::with("")).start().await;
    faults.begin("full-for-store");
    // Enough commits for a checkpoint to be due, and one more after it.
    for number in 1..=500 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204), "event {number}");
    }
    faults.end("full-for-store");
    exporter.process.kill();
    exporter.start_again().await;
    exporter.metric_is("twilio_debugger_exporter_store_events", 500.0).await;
    exporter.metrics().await.assert_adds_up();
}
