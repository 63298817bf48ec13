//! The promise under SIGKILL: whatever the moment, what was acknowledged is delivered, and counted once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use test_support::scripted::{Protocol, Reply, Scripted};
use test_support::{Event, Exporter, Scrape, wait};

const CYCLES: u64 = 50;
/// Where the machine is too busy for enough load within them, there are more, up to this many.
const CYCLES_MAX: u64 = 4 * CYCLES;
const CLIENTS: u64 = 8;
const COUNTED: &str = "twilio_debugger_events_total";
/// The most records of one request, and so the most duplicates of one crash.
const BATCH: usize = 64;

/// What the senders of one cycle know at its end.
#[derive(Debug, Default)]
struct Known {
    acknowledged: BTreeSet<String>,
    unanswered: BTreeSet<String>,
}

impl Known {
    fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unanswered.extend(other.unanswered);
    }
}

/// What is needed to post while the process behind the port comes and goes.
#[derive(Clone)]
struct Sender {
    client: reqwest::Client,
    url: String,
    next: Arc<AtomicU64>,
    crashed: Arc<AtomicBool>,
}

impl Sender {
    /// Posts new events until the process is gone.
    async fn send(self) -> Known {
        let mut known = Known::default();
        while !self.crashed.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let event = Event::new(number, ["11200", "30007", "12100"][usize::try_from(number % 3).expect("small")]);
            let post = self.client.post(&self.url).header("content-type", "application/x-www-form-urlencoded");
            let post = post.header("x-twilio-signature", event.signature()).body(event.body());
            let sid = event.get("Sid").to_owned();
            match post.send().await.map(|answer| answer.status().as_u16()) {
                Ok(204) => known.acknowledged.insert(sid),
                Ok(status) => panic!("answered {status}"),
                Err(_) => known.unanswered.insert(sid),
            };
        }
        known
    }
}

/// Scrapes all the time and panics when a counter goes down, over crashes too.
async fn watch(client: reqwest::Client, url: String, done: Arc<AtomicBool>, scrapes: Arc<AtomicU64>) {
    let mut last = Scrape::default();
    while !done.load(Ordering::Relaxed) {
        let page = match client.get(&url).send().await {
            Ok(answer) if answer.status() == 200 => answer.text().await,
            _ => continue,
        };
        let Ok(page) = page else { continue };
        let scrape = Scrape::parse(&page);
        scrape.assert_adds_up();
        for name in [COUNTED, "twilio_debugger_accepted_events_total", "twilio_debugger_exporter_requests_total"] {
            assert!(scrape.sum(name) >= last.sum(name), "{name} fell from {} to {}", last.sum(name), scrape.sum(name));
        }
        for (series, value) in last.samples.iter().filter(|(series, _)| series.starts_with(COUNTED)) {
            assert!(scrape.get(series) >= Some(*value), "{series} fell from {value} to {:?}", scrape.get(series));
        }
        last = scrape;
        scrapes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Power and kernels fail at moments that nobody chooses, and a crash between any two steps must not lose, repeat or invent.
#[allow(clippy::print_stdout, reason = "the seed repeats a run, the figures are its result")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_crashes_lose_nothing_and_count_nothing_twice() {
    let seed = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("CRASH_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let started = Instant::now();
    let collector = Scripted::start(Protocol::Grpc, |request| {
        // A collector of some age: one request in eight finds it busy.
        if request.number % 8 == 7 { Reply::no(503, tonic::Code::Unavailable) } else { Reply::Ok }
    });
    let yaml = format!("otlp: {{endpoint: '{}', batch_records_max: {BATCH}}}", collector.endpoint());
    let mut exporter = Exporter::with(&yaml).start().await;
    let client = exporter.client.clone();
    let url = format!("http://{}/metrics", exporter.telemetry);
    let done = Arc::new(AtomicBool::new(false));
    let scrapes = Arc::new(AtomicU64::new(0));
    let watcher = tokio::spawn(watch(client.clone(), url, done.clone(), scrapes.clone()));

    let next = Arc::new(AtomicU64::new(1));
    let mut known = Known::default();
    let mut cycle = 0;
    // Without enough load, or enough scrapes, none of this proves anything.
    let is_enough = |known: &Known| known.acknowledged.len() >= 1_000 && scrapes.load(Ordering::Relaxed) >= 100;
    while cycle < CYCLES || cycle < CYCLES_MAX && !is_enough(&known) {
        cycle += 1;
        let sender = Sender {
            client: client.clone(),
            url: format!("http://{}/twilio", exporter.webhook),
            next: next.clone(),
            crashed: Arc::default(),
        };
        let senders: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(sender.clone().send())).collect();
        // The moment of the crash is the input of this test, not a condition to wait for.
        tokio::time::sleep(Duration::from_millis(random.u64(20..400))).await;
        exporter.process.kill();
        sender.crashed.store(true, Ordering::Relaxed);
        for sender in senders {
            known.add(sender.await.unwrap_or_else(|error| panic!("cycle {cycle}, seed {seed}: {error}")));
        }
        exporter.start_again().await;
    }

    // Liveness: after all that a fresh event is taken and delivered.
    let fresh = Event::new(u64::MAX, "11200");
    assert_eq!(exporter.post(&fresh).await, Some(204), "seed {seed}");
    known.acknowledged.insert(fresh.get("Sid").to_owned());
    wait::until("the fresh event at the collector", || async {
        collector.taken().contains_key(fresh.get("Sid")).then_some(())
    })
    .await;
    done.store(true, Ordering::Relaxed);
    watcher.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));

    let delivered = collector.taken();
    let counted = exporter.metrics().await.sum(COUNTED);
    let lost: Vec<_> = known.acknowledged.iter().filter(|sid| !delivered.contains_key(*sid)).collect();
    let deliveries: usize = delivered.values().sum();
    let duplicates = deliveries - delivered.len();
    let (acknowledged, unanswered) = (known.acknowledged.len(), known.unanswered.len());
    println!(
        "seed {seed}: {cycle} crashes in {:?}, {acknowledged} acknowledged, {unanswered} unanswered, {} delivered, {duplicates} twice, {counted} counted, {} scrapes",
        started.elapsed(),
        delivered.len(),
        scrapes.load(Ordering::Relaxed),
    );
    assert!(lost.is_empty(), "seed {seed}: acknowledged and lost: {lost:?}");
    let spurious =
        delivered.keys().filter(|sid| !known.acknowledged.contains(*sid) && !known.unanswered.contains(*sid));
    assert_eq!(spurious.count(), 0, "seed {seed}: delivered and never sent");
    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    let distinct = delivered.len() as f64;
    assert!((counted - distinct).abs() < 0.5, "seed {seed}: counted {counted}, delivered {distinct}");
    assert!(delivered.len() >= acknowledged && delivered.len() <= acknowledged + unanswered, "seed {seed}");
    assert!(duplicates <= BATCH * usize::try_from(cycle).expect("small"), "seed {seed}: {duplicates} duplicates");
    assert!(is_enough(&known), "void after {cycle} crashes");
    exporter.metrics().await.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0), "seed {seed}");
}
