//! Every limit, at the limit and one beyond.

use std::time::Duration;

use test_support::post::{self, Post};
use test_support::raw::{Connection, exchange, headers_of, replaced, request};
use test_support::{Event, Exporter};

/// Above the request line and the four headers of a genuine request.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// How long a header and a body may take. A test that measures takes twice as long for too long: a busy machine is late, and a
/// limit that is not there never ends.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A signed event whose body has exactly `bytes`.
fn event_of_bytes(number: u64, bytes: usize) -> Event {
    let event = Event::new(number, "11200").with("Padding", "");
    let missing = bytes.checked_sub(event.body().len()).expect("room for an event");
    event.with("Padding", &"a".repeat(missing))
}

/// TwiML answers of 64 kB stand percent-encoded in a Payload; and a stranger must not choose how much we remember.
#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_a_byte_more_refused() {
    let standard = Exporter::start().await;
    let small = Exporter::with("webhook: {body_bytes_max: 2048}").start().await;
    for (exporter, limit) in [(&standard, 524_288), (&small, 2048)] {
        let posts = vec![Post::of(&event_of_bytes(1, limit)), Post::of(&event_of_bytes(2, limit + 1))];
        assert_eq!(post::all(exporter.webhook, posts).await, [Some(204), Some(413)], "{limit}");
        assert_eq!(exporter.refused("too_large").await, 1.0);
        exporter.metrics().await.assert_adds_up();
    }
}

/// Whoever announces ten gigabytes must hear the answer before sending them.
#[tokio::test]
async fn a_lying_length_is_answered_at_once() {
    let exporter = Exporter::start().await;
    for length in ["10000000000", "9223372036854775807"] {
        let headers =
            replaced(headers_of(&Event::new(1, "11200")), "Content-Length", &format!("Content-Length: {length}"));
        let mut connection = Connection::open(exporter.webhook);
        connection.send(request("POST /twilio HTTP/1.1", &headers, ""));
        let started = std::time::Instant::now();
        assert_eq!(connection.answer().map(|answer| answer.status), Some(413), "{length}");
        assert!(started.elapsed() < BODY_TIMEOUT, "after {:?}", started.elapsed());
        connection.closed();
    }
    assert_eq!(exporter.refused("too_large").await, 2.0);
    exporter.metrics().await.assert_adds_up();
}

/// Each field is a name to compare and a place to keep: thousands of them are an attack.
#[tokio::test]
async fn sixty_four_fields_are_taken_and_one_more_refused() {
    let exporter = Exporter::start().await;
    let with_fields = |number, count: usize| {
        (0..count - 7).fold(Event::new(number, "11200"), |event, field| event.with(&format!("New{field}"), ""))
    };
    let posts: Vec<_> = [with_fields(1, 64), with_fields(2, 65), with_fields(3, 10_000)].iter().map(Post::of).collect();
    assert_eq!(post::all(exporter.webhook, posts).await, [Some(204), Some(400), Some(400)]);
    assert_eq!(exporter.refused("framing").await, 2.0);
    exporter.metrics().await.assert_adds_up();
}

#[tokio::test]
async fn a_header_of_sixteen_kib_is_taken_and_more_refused() {
    let exporter = Exporter::start().await;
    let sized = |number, bytes: usize| {
        let event = Event::new(number, "11200");
        let padded = |bytes| replaced(headers_of(&event), "X-Padding", &format!("X-Padding: {}", "a".repeat(bytes)));
        let length = request("POST /twilio HTTP/1.1", &padded(0), "").len();
        request("POST /twilio HTTP/1.1", &padded(bytes - length), &event.body())
    };
    let status = |request: String| exchange(exporter.webhook, request).map(|answer| answer.status);
    assert_eq!(status(sized(1, HEADER_BYTES_MAX - 1)), Some(204));
    assert_eq!(status(sized(2, HEADER_BYTES_MAX + 1)), Some(431));
    assert_eq!(status(sized(3, 1024 * 1024)), Some(431));
    let many = |number, fields: usize| {
        let event = Event::new(number, "11200");
        let mut headers = headers_of(&event);
        headers.extend((headers.len()..fields).map(|field| format!("X-{field}: a")));
        request("POST /twilio HTTP/1.1", &headers, &event.body())
    };
    assert_eq!(status(many(4, 64)), Some(204));
    assert_eq!(status(many(5, 65)), Some(431));
    let long_target = format!("POST /{} HTTP/1.1", "a".repeat(20_000));
    assert_eq!(status(request(&long_target, &["Host: h".to_owned()], "")), Some(431));
    exporter.metric_is("twilio_debugger_exporter_requests_total{code=\"431\"}", 4.0).await;
    assert_eq!(exporter.refused("too_large").await, 4.0);
    exporter.metrics().await.assert_adds_up();
}

/// A connection above the limit waits in the kernel's queue and costs us nothing; it is served when there is room.
#[tokio::test]
async fn a_connection_above_the_limit_waits_for_room() {
    let exporter = Exporter::with("webhook: {connections_max: 3}").start().await;
    let event = Event::new(1, "11200");
    let genuine = request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body());
    let mut held: Vec<_> = (0..3).map(|_| Connection::open(exporter.webhook)).collect();
    // An answer each, so that it is certain that they are the ones that were let in.
    for connection in &mut held {
        connection.send(&genuine);
        assert_eq!(connection.answer().map(|answer| answer.status), Some(204));
    }
    let mut waiting = Connection::open(exporter.webhook);
    waiting.send(&genuine);
    assert!(waiting.is_silent_for(Duration::from_millis(500)), "a fourth connection is served");
    held.pop();
    assert_eq!(waiting.answer().map(|answer| answer.status), Some(204));
    exporter.metrics().await.assert_adds_up();
}

/// A thousand slow clients would otherwise hold every connection there is, for ever.
#[tokio::test]
async fn a_slow_header_is_closed_after_five_seconds_and_a_slow_body_after_ten() {
    let exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let whole = request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body());
    let cases: Vec<(&str, String, Duration)> = vec![
        ("nothing", String::new(), HEADER_TIMEOUT),
        ("half a header", whole[..40].to_owned(), HEADER_TIMEOUT),
        ("kept and idle", whole.clone(), HEADER_TIMEOUT),
        ("half a body", whole[..whole.len() - 9].to_owned(), BODY_TIMEOUT),
    ];
    let address = exporter.webhook;
    let waits = cases.into_iter().map(|(case, sent, limit)| {
        std::thread::spawn(move || {
            let mut connection = Connection::open(address);
            connection.send(sent);
            let (said, took) = connection.closed();
            (case, limit, said, took)
        })
    });
    for wait in waits.collect::<Vec<_>>() {
        let (case, limit, said, took) = wait.join().expect("no panic");
        let (least, most) = (limit.checked_sub(Duration::from_millis(500)).expect("seconds"), 2 * limit);
        assert!((least..most).contains(&took), "{case}: closed after {took:?}, having said {said:?}");
        match case {
            "kept and idle" => assert!(said.contains(" 204 "), "{said}"),
            "half a body" => assert!(said.contains(" 400 "), "{said}"),
            _ => {}
        }
    }
    // The listener has not minded any of it.
    assert_eq!(exporter.post(&event).await, Some(204));
    exporter.metrics().await.assert_adds_up();
}

/// Who takes no answer holds a connection no longer than who sends no request.
#[tokio::test]
async fn a_connection_whose_answers_nobody_reads_is_closed_after_ten_seconds() {
    let exporter = Exporter::with("webhook: {connections_max: 1}").start().await;
    let form = "Content-Type: application/x-www-form-urlencoded";
    let unsigned = request("POST /twilio HTTP/1.1", &["Host: h".into(), form.into(), "Content-Length: 0".into()], "");
    let mut deaf = Connection::open(exporter.webhook);
    deaf.send_until_stuck(unsigned.repeat(100));
    let stuck = std::time::Instant::now();
    let event = Event::new(1, "11200");
    let mut waiting = Connection::open(exporter.webhook);
    waiting.send(request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body()));
    assert_eq!(waiting.answer().map(|answer| answer.status), Some(204), "there is room again");
    let took = stuck.elapsed().as_secs();
    assert!((5..=20).contains(&took), "after {took} s, one of which it took to see that nothing moves");
    assert!(exporter.refused("unsigned").await > 100.0);
    exporter.metrics().await.assert_adds_up();
}

/// A drop of body every second is activity, and still takes all day.
#[tokio::test]
async fn a_dripping_body_has_ten_seconds_in_all() {
    let exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let whole = request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body());
    let (sent, rest) = whole.split_at(whole.len() - 40);
    let mut connection = Connection::open(exporter.webhook);
    connection.send(sent);
    let started = std::time::Instant::now();
    let mut drops = rest.chars();
    while connection.is_silent_for(Duration::from_secs(1)) {
        connection.send(drops.next().expect("closed before the body ends").to_string());
    }
    assert!(started.elapsed() < 2 * BODY_TIMEOUT, "{:?}", started.elapsed());
    assert_eq!(connection.answer().map(|answer| answer.status), Some(400));
    assert_eq!(exporter.refused("framing").await, 1.0);
    exporter.metrics().await.assert_adds_up();
}
