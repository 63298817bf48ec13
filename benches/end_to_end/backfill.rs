//! A hundred thousand alerts, read from a server that lists them as Twilio does, beside a client that only parses the same pages.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use test_support::{Alert, Monitor};

use crate::server::BINARY;

/// How many alerts there are.
const ALERTS: u64 = 100_000;

/// How many there are in a second.
const A_SECOND: u64 = 2;

pub(crate) struct Rates {
    /// Rows that the command reads and keeps in a second, each once.
    pub(crate) ours: f64,
    /// Rows that a bare client reads and parses in a second.
    pub(crate) bare: f64,
    /// Requests that the command needs for them.
    pub(crate) requests: usize,
}

pub(crate) fn measure(dir: &Path) -> Rates {
    let monitor = Monitor::start();
    let last = Timestamp::now() - SignedDuration::from_mins(10);
    let at = |number: u64| last - SignedDuration::from_secs((number / A_SECOND).cast_signed());
    monitor.add((0..ALERTS).map(|number| Alert::new(number, "11200", at(number))));

    let bare = bare(&monitor);
    let before = monitor.asked().len();
    std::fs::create_dir_all(dir).expect("writable");
    let config = dir.join("config.yml");
    let token = dir.join("token");
    std::fs::write(&token, test_support::TOKEN).expect("writable");
    let yaml = format!(
        "public_url: https://hooks.example.com/twilio\naccounts: [{{sid: {}, auth_token_files: [{}]}}]\nbackfill: {{url: '{}'}}\n",
        test_support::ACCOUNT,
        token.display(),
        monitor.url()
    );
    std::fs::write(&config, yaml).expect("writable");
    let started = Instant::now();
    let mut command = Command::new(BINARY);
    command.args(["backfill", "--since", "24h", "--config"]).arg(&config).arg("--store.dir").arg(dir.join("data"));
    let output = command.stderr(Stdio::inherit()).output().expect("it starts");
    let seconds = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("recovered {ALERTS},")), "{said}");
    Rates { ours: ALERTS as f64 / seconds, bare, requests: monitor.asked().len() - before }
}

/// Reads ten thousand rows, which is one list, page by page.
fn bare(monitor: &Monitor) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // The exporter's own command does so for itself.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let started = Instant::now();
    let mut rows = 0;
    runtime.block_on(async {
        let mut next = Some(format!("{}/v1/Alerts?PageSize=1000", monitor.url()));
        while let Some(url) = next {
            let request = client.get(url).basic_auth(test_support::ACCOUNT, Some(test_support::TOKEN));
            let body = request.send().await.expect("an answer").bytes().await.expect("a page");
            let page: Value = serde_json::from_slice(&body).expect("JSON");
            rows += page["alerts"].as_array().expect("rows").len();
            next = page["meta"]["next_page_url"].as_str().map(str::to_owned);
        }
    });
    rows as f64 / started.elapsed().as_secs_f64()
}
