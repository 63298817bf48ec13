//! The numbers the project promises, as ratios in one run on one machine: `make bench`; and memory over an hour: `make soak`.
//!
//! The server under load is pinned to one core and the load, wrk, to another; what both need of the machine (a bare axum handler, a
//! bare sync, the client library's bare encoding) is measured beside them. A number without its neighbour means nothing.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark prints numbers")]

mod affected;
mod backfill;
mod load;
mod scrape;
mod server;
mod soak;
mod startup;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use server::Server;

/// What one line of the table says.
struct Row {
    what: &'static str,
    measured: String,
    bar: &'static str,
}

fn main() {
    if std::env::args().any(|argument| argument == "--serve-bare") {
        return server::serve_bare();
    }
    let dir = tempfile::tempdir().expect("a temporary folder on the disk that is measured");
    if let Ok(minutes) = std::env::var("SOAK_MINUTES") {
        return soak::run(dir.path(), minutes.parse().expect("SOAK_MINUTES is a number of minutes"));
    }
    let sync = sync_latency(dir.path());
    println!("disk: 4 KiB write + fdatasync, p50 {:.2} ms, p99 {:.2} ms", sync.0, sync.1);

    let mut rows = forms(dir.path(), sync);
    rows.extend(batches(dir.path()));
    rows.extend(alerts(dir.path()));
    rows.extend(scrapes());
    rows.extend(estimates());
    rows.extend(starts(dir.path()));
    rows.push(Row {
        what: "binary, stripped", measured: format!("{:.1} MiB", server::binary_mib()), bar: "≤ 15 MiB"
    });
    println!("\n| what | measured | bar |\n| --- | --- | --- |");
    for Row { what, measured, bar } in rows {
        println!("| {what} | {measured} | {bar} |");
    }
}

/// The webhook's forms, beside a server that only reads them. `sync` is the disk's own latency.
fn forms(dir: &Path, sync: (f64, f64)) -> Vec<Row> {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    let (mut idle_mib, mut loaded_mib) = (0.0, 0.0);
    // Around and around, so that a machine that changes its mind shows as spread and not as a result.
    for round in 0..3 {
        bare.push(load::run(&Server::bare(), "plain", round));
        let exporter = Server::exporter(&dir.join(format!("load-{round}")));
        idle_mib = exporter.resident_mib();
        ours.push(load::run(&exporter, "signed", round));
        loaded_mib = f64::max(loaded_mib, exporter.peak_resident_mib());
    }
    let (bare, ours) = (load::median("bare axum", &bare), load::median("exporter", &ours));
    // The best general pipeline, scripted to do the job with a disk buffer, did 3,800/s where bare axum did 77,000/s.
    let pipeline = 3800.0 / 77_000.0 * bare.rate;
    let p99_bar = 4.0 * sync.1 + 10.0;
    vec![
        Row { what: "bare axum, 64 connections", measured: format!("{:.0}/s", bare.rate), bar: "" },
        Row { what: "exporter, 64 connections", measured: format!("{:.0}/s", ours.rate), bar: "" },
        Row {
            what: "exporter / bare axum",
            measured: format!("{:.2}", ours.rate / bare.rate),
            bar: "≥ 0.20, aim 0.30",
        },
        Row {
            what: "exporter / general pipeline (by its published share)",
            measured: format!("{:.1} ×", ours.rate / pipeline),
            bar: "≥ 5 ×",
        },
        Row {
            what: "p99 at 64 connections",
            measured: format!("{:.1} ms", ours.p99_ms),
            bar: "≤ 10 ms, or 4 × sync p99 + 10 ms",
        },
        Row {
            what: "sync of 4 KiB, p99 (and the p99 bar it gives)",
            measured: format!("{:.2} ms ({p99_bar:.1} ms)", sync.1),
            bar: "",
        },
        Row { what: "resident memory, idle", measured: format!("{idle_mib:.1} MiB"), bar: "≤ 24 MiB" },
        Row {
            what: "resident memory, peak under this load",
            measured: format!("{loaded_mib:.1} MiB"),
            bar: "≤ 64 MiB",
        },
    ]
}

/// Batches of Event Streams, beside a server that only parses them.
fn batches(dir: &Path) -> [Row; 3] {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    let mut peak_mib = 0.0;
    for round in 0..3 {
        bare.push(load::run(&Server::bare(), "plain-batch", round));
        let exporter = Server::exporter(&dir.join(format!("batches-{round}")));
        ours.push(load::run(&exporter, "batches", round));
        peak_mib = f64::max(peak_mib, exporter.peak_resident_mib());
    }
    let (bare, ours) = (load::median("bare parse of batches", &bare), load::median("exporter, batches", &ours));
    [
        Row {
            what: "Event Streams in batches of 100, events",
            measured: format!("{:.0}/s", ours.rate * load::BATCH_EVENTS),
            bar: "≥ 100,000/s, or 0.4 of a bare parse",
        },
        Row {
            what: "the same / a bare parse of the same bytes",
            measured: format!("{:.2}", ours.rate / bare.rate),
            bar: "",
        },
        Row { what: "resident memory, peak under these", measured: format!("{peak_mib:.1} MiB"), bar: "" },
    ]
}

/// Backfill, beside a client that only parses the same pages.
fn alerts(dir: &Path) -> [Row; 2] {
    let backfill::Rates { ours, bare, requests } = backfill::measure(&dir.join("backfill"));
    println!("backfill: {requests} requests");
    [
        Row { what: "backfill of 100,000 alerts, rows", measured: format!("{ours:.0}/s"), bar: "" },
        Row { what: "the same / a bare parse of such pages", measured: format!("{:.2}", ours / bare), bar: "" },
    ]
}

fn scrapes() -> [Row; 2] {
    let row = |what, codes| Row { what, measured: scrape::measure(codes).to_string(), bar: "≤ 2 ×" };
    let few = row("/metrics at 1,000 codes / bare encode", 1_000);
    [few, Row { bar: "", ..row("/metrics at 100,000 codes / bare encode", 100_000) }]
}

/// The memory of the estimates of affected resources.
fn estimates() -> [Row; 2] {
    let row = |what, things| {
        let measured = format!("{:.1} MiB", affected::resident_mib(1_000, things));
        Row { what, measured, bar: "≤ 20 MiB" }
    };
    [
        row("memory of 1,000 codes' estimates, 60 resources an hour each", affected::FEW),
        row("the same, 1,800 resources an hour each, the most", affected::MOST),
    ]
}

fn starts(dir: &Path) -> [Row; 3] {
    let empty = startup::empty(dir);
    let full = startup::with_a_million_events(dir);
    let millis = |millis: f64| format!("{millis:.0} ms");
    [
        Row { what: "start to listening, empty store", measured: millis(empty.millis), bar: "≤ 50 ms" },
        Row { what: "start to listening, 1,000,000 stored events", measured: millis(full.millis), bar: "≤ 500 ms" },
        Row {
            what: "resident memory after that start",
            measured: format!("{:.1} MiB", full.resident_mib),
            bar: "≤ 64 MiB",
        },
    ]
}

/// The disk's own latency in milliseconds, median and 99th percentile.
fn sync_latency(dir: &Path) -> (f64, f64) {
    let mut file = std::fs::File::create(dir.join("sync")).expect("writable");
    let mut millis: Vec<f64> = (0..2000)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("the disk takes 8 MiB");
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    (millis[millis.len() / 2], millis[millis.len() * 99 / 100])
}
