//! Whatever the server answers: nothing of it ends the process, loses a neighbour, or keeps the mark where it is for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::monitor::Reply;
use test_support::{ACCOUNT, Alert, Clock, Exporter, Monitor, Port};

use super::{ACCEPTED, failures, following, minutes, noon, page_of, read_through};

const QUARANTINED: &str = "twilio_debugger_exporter_quarantined_total{reason=\"bad_grammar\",source=\"alerts_api\"}";

/// An exporter that has read everything before noon, which it is.
async fn at_noon(monitor: &Monitor) -> (Clock, Exporter) {
    let clock = Clock::at(noon());
    let exporter = clock.under(following(monitor)).start().await;
    read_through(&exporter, noon()).await;
    (clock, exporter)
}

/// Counts requests and answers the first so many with `reply`.
fn failing(
    times: usize,
    reply: Reply,
) -> impl Fn(&test_support::monitor::Asked) -> Option<Reply> + Send + Sync + 'static {
    let asked = AtomicUsize::new(0);
    move |_| (asked.fetch_add(1, Ordering::Relaxed) < times).then(|| reply.clone())
}

#[tokio::test]
async fn the_server_says_how_long_to_wait_and_is_waited_for() {
    let monitor = Monitor::start();
    let clock = Clock::at(noon());
    monitor.answer(failing(1, Reply::Status(429, Some("3"))));
    monitor.add([Alert::new(1, "11200", noon() - minutes(10))]);
    let yaml = format!("backfill: {{enabled: true, url: '{}', interval: 1s, first: 1h}}", monitor.url());
    let exporter = clock.under(Exporter::with(&yaml)).start().await;
    exporter.metric_is(ACCEPTED, 1.0).await;
    assert_eq!(page_of(&exporter).await.get(&failures("throttled")), Some(1.0));
    let asked = monitor.asked();
    assert!(asked[1].when - asked[0].when >= Duration::from_secs(3), "{:?}", asked[1].when - asked[0].when);
}

#[tokio::test]
async fn a_server_that_is_down_for_a_while_is_asked_again() {
    let monitor = Monitor::start();
    let (clock, exporter) = at_noon(&monitor).await;
    monitor.answer(failing(2, Reply::Status(503, None)));
    monitor.add([Alert::new(1, "11200", noon() + minutes(1))]);
    read_through(&exporter, clock.advance(minutes(10))).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(&failures("unavailable"))), (Some(1.0), Some(2.0)));
}

/// A slow page is a page.
#[tokio::test]
async fn a_slow_page_and_rows_that_arrive_meanwhile_are_read() {
    let monitor = Monitor::start();
    let (clock, exporter) = at_noon(&monitor).await;
    monitor.add((0..2_500).map(|number| Alert::new(number, "11200", noon() + minutes(1))));
    monitor.answer(|asked| asked.query.contains_key("PageToken").then_some(Reply::Slowly(Duration::from_millis(500))));
    clock.advance(minutes(10));
    let first_page = Instant::now();
    exporter.metric_is(ACCEPTED, 1_000.0).await;
    // Within the window that is being read, and before the page that is being sent.
    monitor.add((10_000..10_010).map(|number| Alert::new(number, "11200", noon() + minutes(2))));
    read_through(&exporter, clock.now()).await;
    exporter.metric_is(ACCEPTED, 2_510.0).await;
    assert!(first_page.elapsed() > Duration::from_millis(900));
    page_of(&exporter).await.assert_adds_up();
}

#[tokio::test]
async fn credentials_that_are_refused_are_said_and_not_tried_all_the_time() {
    let monitor = Monitor::start();
    monitor.only(ACCOUNT, "another token");
    // The first round has nothing to ask for yet.
    let (clock, mut exporter) = at_noon(&monitor).await;
    clock.advance(minutes(10));
    exporter.metric_is(&failures("unauthorized"), 1.0).await;
    exporter.process.line_with("alerts are not read as far as they should be").await;
    let asked = monitor.asked().len();
    // That nothing comes is the promise.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(monitor.asked().len(), asked, "held");
    assert!(!exporter.process.output().contains("another token"));

    // A reload brings the right one.
    monitor.only("SK00000000000000000000000000000001", "another-secret");
    let config = exporter.folder().join("config.yml");
    std::fs::write(exporter.folder().join("key"), "SK00000000000000000000000000000001:another-secret")
        .expect("writable");
    let text = std::fs::read_to_string(&config).expect("written");
    let key = format!("auth_token_files: [{0}/token], api_key_file: {0}/key", exporter.folder().display());
    let text = text.replace(&format!("auth_token_files: [{}/token]", exporter.folder().display()), &key);
    std::fs::write(&config, text).expect("writable");
    exporter.process.signal("HUP");
    read_through(&exporter, clock.now()).await;
}

/// The server's address for the next page is sent a credential if it is believed.
#[tokio::test]
async fn a_next_page_that_is_somewhere_else_is_never_asked() {
    let elsewhere = Port::reserve();
    let listener = std::net::TcpListener::bind(elsewhere.address()).expect("the port is ours");
    listener.set_nonblocking(true).expect("a socket");
    let monitor = Monitor::start();
    let (clock, exporter) = at_noon(&monitor).await;
    monitor.add((0..1_500).map(|number| {
        Alert::new(number, "11200", noon() + minutes(1) + jiff::SignedDuration::from_millis(number.cast_signed() * 200))
    }));
    let next = format!("http://{}/v1/Alerts?PageSize=1000&Page=1", elsewhere.address());
    monitor.answer(move |asked| {
        let whole_time = asked.query["EndDate"].as_str() > "2026-01-02T12:07:00Z"
            && asked.query["StartDate"].as_str() < "2026-01-02T12:01:00Z";
        whole_time.then(|| Reply::NextPage(next.clone()))
    });
    read_through(&exporter, clock.advance(minutes(10))).await;
    let page = page_of(&exporter).await;
    assert_eq!(page.get(ACCEPTED), Some(1_500.0), "smaller parts need no next page");
    assert!(page.get(&failures("foreign_page")) >= Some(1.0));
    assert!(listener.accept().is_err(), "nobody came");
    page.assert_adds_up();
}

/// One second that cannot be read must not keep back what came before and after it.
#[tokio::test]
async fn an_answer_without_sense_leaves_out_no_more_than_it_must() {
    let monitor = Monitor::start();
    let (clock, exporter) = at_noon(&monitor).await;
    monitor.add([Alert::new(1, "11200", noon() + minutes(1)), Alert::new(2, "11200", noon() + minutes(5))]);
    let poisoned = "2026-01-02T12:03:00Z";
    monitor.answer(move |asked| {
        let is_inside = asked.query["StartDate"].as_str() <= poisoned && asked.query["EndDate"].as_str() >= poisoned;
        is_inside.then(|| Reply::Text("<html>sorry</html>".into()))
    });
    read_through(&exporter, clock.advance(minutes(10))).await;
    let page = page_of(&exporter).await;
    assert_eq!(page.get(ACCEPTED), Some(2.0));
    assert!(page.get(&failures("invalid")) >= Some(1.0));

    // A server that makes no sense at all is not believed to have nothing.
    let mark = clock.advance(minutes(10));
    monitor.answer(|_| Some(Reply::Text("<html>sorry</html>".into())));
    test_support::wait::until("another failure", || async {
        (exporter.try_metrics().await?.get(&failures("invalid")) > page.get(&failures("invalid"))).then_some(())
    })
    .await;
    monitor.add([Alert::new(3, "11200", mark - minutes(5))]);
    monitor.recover();
    exporter.metric_is(ACCEPTED, 3.0).await;
}

#[tokio::test]
async fn malformed_rows_go_to_quarantine_one_by_one_and_the_rest_go_on() {
    let monitor = Monitor::start();
    let (clock, exporter) = at_noon(&monitor).await;
    let at = noon() + minutes(1);
    let bad: [Value; 6] = [
        json!(7),
        json!("text"),
        Value::Null,
        json!([]),
        json!({"sid": "CA1"}),
        json!({"sid": "NO1", "account_sid": 7}),
    ];
    monitor.add(bad.into_iter().map(|row| Alert::new(1, "11200", at).that_is(row)));
    monitor.add((10..20).map(|number| Alert::new(number, "11200", at)));
    monitor.add([Alert::new(20, "11200", at)
        .with("alert_text", Value::Null)
        .with("error_code", 11200)
        .with("log_level", "ERROR")]);
    read_through(&exporter, clock.advance(minutes(10))).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(QUARANTINED)), (Some(11.0), Some(6.0)));
    page.assert_adds_up();
    // Listed again, they are known.
    let now = clock.advance(minutes(1));
    read_through(&exporter, now).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(QUARANTINED)), (Some(11.0), Some(6.0)));
    page.assert_adds_up();
}

/// More than a list holds, in one second: asked for level by level, and what is left is said.
#[tokio::test]
async fn a_second_with_more_than_a_list_holds_is_read_by_level() {
    let monitor = Monitor::start();
    let (clock, mut exporter) = at_noon(&monitor).await;
    let at = noon() + minutes(1);
    monitor.add((0..10_020).map(|number| {
        Alert::new(number, "11200", at).with("log_level", if number < 10_010 { "error" } else { "warning" })
    }));
    monitor.add([Alert::new(20_000, "11200", at + minutes(1))]);
    read_through(&exporter, clock.advance(minutes(10))).await;
    exporter.process.line_with("alerts of this second are left out").await;
    let page = page_of(&exporter).await;
    assert_eq!(page.get(ACCEPTED), Some(10_001.0), "of one level the first ten thousand");
    assert_eq!(page.get("twilio_debugger_accepted_events_total{level=\"warning\",source=\"alerts_api\"}"), Some(10.0));
    assert!(page.get(&failures("truncated")) >= Some(1.0));
    page.assert_adds_up();
}

#[tokio::test]
async fn each_new_alert_is_asked_for_by_itself_where_that_is_wanted() {
    let monitor = Monitor::start();
    let clock = Clock::at(noon());
    let yaml = format!("backfill: {{enabled: true, url: '{}', interval: 1s, first: 1h, details: true}}", monitor.url());
    monitor.add([1, 2].map(|number| Alert::new(number, "11200", noon() - minutes(10))));
    let exporter = clock.under(Exporter::with(&yaml)).start().await;
    read_through(&exporter, noon()).await;
    let now = clock.advance(minutes(1));
    read_through(&exporter, now).await;
    let asked = monitor.asked().iter().filter(|asked| asked.path != "/v1/Alerts").count();
    assert_eq!(asked, 2, "once each");
    let output = std::process::Command::new(test_support::exporter::binary())
        .args(["events", "--json", "--store.dir"])
        .arg(exporter.data())
        .output()
        .expect("runs");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains("ringing") && !output.contains("4155550100"), "{output}");
}
