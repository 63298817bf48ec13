//! Whether memory stays where it is, however long the load lasts: `make soak`.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::load;
use crate::server::Server;

/// How often memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// By then every cache is full: the remembered events and the store have reached their limits.
const WARM_UP: Duration = Duration::from_secs(300);

/// The load of the bench for so many minutes; prints memory once a minute, and how it moved after the warm-up.
///
/// # Panics
///
/// If the time is too short to say anything.
pub(crate) fn run(dir: &Path, minutes: u64) {
    assert!(60 * minutes > 2 * WARM_UP.as_secs(), "the warm-up alone takes {} s", WARM_UP.as_secs());
    let exporter = Server::exporter(dir);
    let started = Instant::now();
    let wrk = load::command(&exporter, "signed", 0, Duration::from_secs(60 * minutes)).spawn().expect("wrk starts");
    let load = std::thread::spawn(move || wrk.wait_with_output().expect("it was started"));
    let (mut samples, mut printed, mut peak_mib) = (Vec::new(), 0, 0.0);
    while !load.is_finished() {
        std::thread::sleep(SAMPLE_INTERVAL);
        let (elapsed, mib) = (started.elapsed(), exporter.resident_mib());
        samples.push((elapsed, mib));
        peak_mib = exporter.peak_resident_mib();
        if elapsed.as_secs() / 60 > printed {
            printed = elapsed.as_secs() / 60;
            println!("after {printed} min: {mib:.1} MiB");
        }
    }
    let run = load::read(&load.join().expect("no panic"));
    println!("{:.0} requests/s, p99 {:.2} ms, max {:.1} ms", run.rate, run.p99_ms, run.max_ms);
    let warm: Vec<f64> = samples.iter().filter(|(at, _)| *at > WARM_UP).map(|(_, mib)| *mib).collect();
    let (first, last) = warm.split_at(warm.len() / 2);
    let most = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
    println!("most memory after the warm-up: first half {:.1} MiB, second half {:.1} MiB", most(first), most(last));
    println!("most memory ever: {peak_mib:.1} MiB");
}
