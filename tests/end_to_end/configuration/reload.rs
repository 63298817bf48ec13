//! Reading the configuration again, while requests arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use test_support::event::PUBLIC_URL;
use test_support::post::{self, Post};
use test_support::{ACCOUNT, Event, Exporter, TOKEN};

const SUCCESSFUL: &str = "twilio_debugger_exporter_config_last_reload_successful";

async fn reload(exporter: &Exporter) -> (u16, String) {
    let answer =
        exporter.client.post(format!("http://{}/-/reload", exporter.telemetry)).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

/// A bad file must not take the exporter down, nor half of it come into force.
#[tokio::test]
async fn a_bad_file_keeps_the_old_configuration_and_says_why() {
    let mut exporter = Exporter::with("webhook: {body_bytes_max: 4096}").start().await;
    let file = exporter.folder().join("config.yml");
    let good = std::fs::read_to_string(&file).expect("readable");
    let first_success =
        exporter.metrics().await.get("twilio_debugger_exporter_config_last_reload_success_timestamp_seconds");
    let bad = good.replace("4096", "2048").replace(PUBLIC_URL, "https://other.example.com/elsewhere")
        + "webhok: {}\nredaction: some\n";
    for bad in [bad.as_str(), "a: [", ""] {
        std::fs::write(&file, bad).expect("writable");
        let (status, said) = reload(&exporter).await;
        assert_eq!(status, 500, "{said}");
        assert_eq!(exporter.metrics().await.get(SUCCESSFUL), Some(0.0));
        if bad.contains("webhok") {
            assert!(said.contains("webhok: ") && said.contains("redaction: "), "{said}");
        }
        exporter.process.line_with("configuration not reloaded").await;
        assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204), "the old URL and limit");
    }
    assert_eq!(
        exporter.metrics().await.get("twilio_debugger_exporter_config_last_reload_success_timestamp_seconds"),
        first_success
    );

    // The new one comes into force as a whole.
    std::fs::write(&file, good.replace("4096", "2048")).expect("writable");
    assert_eq!(reload(&exporter).await, (200, "reloaded\n".to_owned()));
    assert_eq!(exporter.metrics().await.get(SUCCESSFUL), Some(1.0));
    assert_eq!(exporter.post(&Event::new(2, "11200").with("Padding", &"a".repeat(2048))).await, Some(413));
    let get = exporter.client.get(format!("http://{}/-/reload", exporter.telemetry)).send().await.expect("an answer");
    assert_eq!(get.status(), 405);
    exporter.metrics().await.assert_adds_up();
}

#[tokio::test]
async fn sighup_reloads_and_keeps_the_process() {
    let mut exporter = Exporter::start().await;
    let before = exporter.process.id();
    std::fs::write(exporter.folder().join("token"), "another-token").expect("writable");
    exporter.process.signal("HUP");
    exporter.process.line_with("configuration reloaded").await;
    let event = Event::new(1, "11200");
    assert_eq!(exporter.post(&event).await, Some(403), "the old token");
    assert_eq!(exporter.post_signed(&event, &event.signature_for(PUBLIC_URL, "another-token")).await, Some(204));
    assert_eq!(exporter.process.id(), before);
    exporter.metrics().await.assert_adds_up();
}

/// Whoever asks, and however many at once: what is in force is of one file and never half of each.
#[tokio::test]
async fn reloads_at_once_leave_one_configuration_in_force() {
    let exporter = Arc::new(Exporter::start().await);
    let file = exporter.folder().join("config.yml");
    let first = std::fs::read_to_string(&file).expect("readable");
    let second = first.replace(PUBLIC_URL, "https://other.example.com/elsewhere") + "webhook: {body_bytes_max: 2048}\n";
    for round in 0..40 {
        let reloads = (0..8).map(|number| {
            // Never half a file: it is put in the place of the other.
            let next = exporter.folder().join("next.yml");
            std::fs::write(&next, if (round + number) % 2 == 0 { &first } else { &second }).expect("writable");
            std::fs::rename(&next, &file).expect("renamed");
            let exporter = exporter.clone();
            tokio::spawn(async move { reload(&exporter).await })
        });
        exporter.process.signal("HUP");
        for reload in reloads.collect::<Vec<_>>() {
            assert_eq!(reload.await.expect("no panic").0, 200);
        }
        let page = exporter.client.get(format!("http://{}/", exporter.telemetry)).send().await.expect("an answer");
        let shows_the_first = page.text().await.expect("text").contains(PUBLIC_URL);
        let long = Event::new(round, "11200").with("Padding", &"a".repeat(2048));
        let status = exporter.post(&long).await;
        assert_eq!(status, Some(if shows_the_first { 204 } else { 404 }), "round {round}");
    }
}

/// A rotation as an operator does it: the new token is added, Twilio switches to it, the old one is taken out. No genuine
/// event is refused at any moment, although each step is a reload in the middle of the load.
#[tokio::test]
async fn tokens_rotate_under_load_without_a_refused_event() {
    let exporter = Arc::new(Exporter::start().await);
    let (numbers, switched, done) =
        (Arc::new(AtomicU64::new(1)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let load = {
        let (exporter, numbers, switched, done) = (exporter.clone(), numbers.clone(), switched.clone(), done.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let first = numbers.fetch_add(64, Ordering::Relaxed);
                let posts = (first..first + 64).map(|number| {
                    let token = if switched.load(Ordering::Relaxed) { "the-new-token" } else { TOKEN };
                    let event = Event::new(number, "11200");
                    Post::signed(&event, event.signature_for(PUBLIC_URL, token))
                });
                let statuses = post::all(exporter.webhook, posts.collect()).await;
                assert!(statuses.iter().all(|status| *status == Some(204)), "{statuses:?}");
            }
        })
    };
    let (file, old_file, new_file) =
        (exporter.folder().join("config.yml"), exporter.folder().join("token"), exporter.folder().join("token-new"));
    std::fs::write(&new_file, "the-new-token\n").expect("writable");
    let with_tokens = |files: &str| {
        format!("public_url: {PUBLIC_URL}\naccounts: [{{sid: {ACCOUNT}, auth_token_files: [{files}]}}]\n")
    };
    let both = format!("{}, {}", old_file.display(), new_file.display());
    for _ in 0..20 {
        std::fs::write(&file, with_tokens(&both)).expect("writable");
        assert_eq!(reload(&exporter).await.0, 200);
    }
    switched.store(true, Ordering::Relaxed);
    let new_key = format!("twilio_debugger_exporter_signing_key_used_total{{account_sid=\"{ACCOUNT}\",key=\"1\"}}");
    // The metric says when the old token is no longer needed: two batches later nothing old is under way.
    test_support::wait::until("Twilio to use the new token", || async {
        (exporter.metrics().await.get(&new_key)? > 128.0).then_some(())
    })
    .await;
    std::fs::write(&file, with_tokens(&new_file.display().to_string())).expect("writable");
    assert_eq!(reload(&exporter).await.0, 200);
    let reached = numbers.load(Ordering::Relaxed);
    test_support::wait::until("load after the last reload", || async {
        (numbers.load(Ordering::Relaxed) > reached + 200).then_some(())
    })
    .await;
    done.store(true, Ordering::Relaxed);
    load.await.expect("no event is refused");
    let event = Event::new(numbers.load(Ordering::Relaxed) + 1, "11200");
    assert_eq!(exporter.post(&event).await, Some(403), "the old token opens nothing any more");
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total") as u64, numbers.load(Ordering::Relaxed) - 1);
    scrape.assert_adds_up();
}
