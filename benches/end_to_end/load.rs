//! One run of wrk on its own core.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::server::Server;

/// The core that the load runs on.
const LOAD_CORE: &str = "0";

/// The events of one batch, see benches/load.lua.
pub(crate) const BATCH_EVENTS: f64 = 100.0;

/// What wrk saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// Ten seconds of it.
pub(crate) fn run(server: &Server, kind: &str, round: usize) -> Run {
    read(&command(server, kind, round, Duration::from_secs(10)).output().expect("make bench installs wrk"))
}

/// 64 connections to `server`; `kind` is what benches/load.lua takes.
pub(crate) fn command(server: &Server, kind: &str, round: usize, duration: Duration) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("taskset");
    command
        .args(["-c", LOAD_CORE])
        .arg(root.join(".tools/bin/wrk"))
        .args(["--threads", "1", "--connections", "64", "--duration", &format!("{}s", duration.as_secs()), "--script"])
        .arg(root.join("benches/load.lua"))
        .args([&format!("http://{}", server.address), "--", kind, &round.to_string()])
        .stdout(Stdio::piped());
    command
}

/// What the script has printed.
pub(crate) fn read(output: &Output) -> Run {
    let text = String::from_utf8_lossy(&output.stdout);
    let line =
        text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("wrk printed no result:\n{text}"));
    let result: serde_json::Value = serde_json::from_str(line).expect("the script prints JSON");
    let number = |key: &str| result[key].as_f64().expect("the script prints numbers");
    assert!(number("errors") + number("not_2xx") == 0.0, "every request must be answered 2xx: {line}");
    Run {
        rate: number("requests") / number("seconds"),
        p50_ms: number("p50_ms"),
        p99_ms: number("p99_ms"),
        max_ms: number("max_ms"),
    }
}

/// The run with the middle rate; prints all of them.
pub(crate) fn median(name: &str, runs: &[Run]) -> Run {
    for run in runs {
        println!(
            "{name}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms",
            run.rate, run.p50_ms, run.p99_ms, run.max_ms
        );
    }
    let mut sorted = runs.to_vec();
    sorted.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    sorted[sorted.len() / 2]
}
