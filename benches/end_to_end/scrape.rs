//! What a scrape costs beside the client library's own encoding of the same series: each code has a counter and a time.

use std::fmt;
use std::time::Instant;

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};
use twilio_debugger_exporter::catalogue::Catalogue;
use twilio_debugger_exporter::metrics::event_series::Viewer;
use twilio_debugger_exporter::metrics::{Admission, Gains, Metrics, Restored, SeriesGain, Settings};
use twilio_debugger_exporter::{error_code::ErrorCode, level::Level};

/// How long each takes, in milliseconds, the best of several.
pub(crate) struct Cost {
    ours: f64,
    bare: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} × ({:.2} ms / {:.2} ms)", self.ours / self.bare, self.ours, self.bare)
    }
}

pub(crate) fn measure(codes: u32) -> Cost {
    let registry = Registry::new();
    let names = Opts::new("twilio_debugger_events_total", "Debugging Events, each Sid counted once.");
    let vector = IntCounterVec::new(names, &["level", "error_code"]).expect("valid names");
    registry.register(Box::new(vector.clone())).expect("registered once");
    let names = Opts::new("twilio_debugger_last_event_timestamp_seconds", "Time of the newest Debugging Event.");
    let times = GaugeVec::new(names, &["level", "error_code"]).expect("valid names");
    registry.register(Box::new(times.clone())).expect("registered once");
    let (metrics, mut admission) = metrics(codes);
    let account = "AC1".to_owned().try_into().expect("valid");
    for code in 0..codes {
        vector.with_label_values(&["error", &code.to_string()]).inc_by(7);
        times.with_label_values(&["error", &code.to_string()]).set(1e9);
        let mut new = Vec::new();
        let labels = admission.labels(Level::Error, ErrorCode::Code(code), &account, &mut new);
        admission.admit(new);
        let gain = SeriesGain { labels, events: 7, late: 0, newest: 1e9, touched: Vec::new() };
        metrics.count(Gains { series: vec![gain], ..Gains::default() }, admission.len());
    }
    let bare = best(|| TextEncoder::new().encode_to_string(&registry.gather()).expect("encodes").len());
    let catalogue = Catalogue::default();
    let ours = best(|| metrics.render(Viewer::Anyone, &metrics.durable_counters().1, &catalogue).len());
    Cost { ours, bare }
}

fn metrics(codes: u32) -> (Metrics, Admission) {
    let settings = Settings { error_codes_max: codes as usize, ..Settings::default() };
    Metrics::new(&settings, &[], false, Restored::default())
}

fn best(mut work: impl FnMut() -> usize) -> f64 {
    let run = |_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed().as_secs_f64() * 1000.0
    };
    (0..15).map(run).fold(f64::INFINITY, f64::min)
}
