//! What the estimates of affected resources take in memory: every code with an hour of many different things behind it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use twilio_debugger_exporter::error_code::ErrorCode;
use twilio_debugger_exporter::level::Level;
use twilio_debugger_exporter::metrics::{Gains, Metrics, Restored, SeriesGain, Settings, Touched, seconds};
use twilio_debugger_exporter::sid::AccountSid;

use super::server;

/// Things in each of the hour's six windows: of a code that fails now and then, and just before a sketch becomes a dense one, which is
/// when it takes most.
pub(crate) const FEW: u64 = 10;
pub(crate) const MOST: u64 = 300;

/// How much more memory is resident once `codes` codes have met `things` in each window, in MiB.
pub(crate) fn resident_mib(codes: u32, things: u64) -> f64 {
    let settings = Settings { error_codes_max: codes as usize, ..Settings::default() };
    let (metrics, mut admission) = Metrics::new(&settings, &[], false, Restored::default());
    let account = AccountSid::parse("AC1").expect("valid");
    let now = seconds(Timestamp::now());
    let before = server::own_resident_mib();
    for code in 0..codes {
        let mut new = Vec::new();
        let labels = admission.labels(Level::Error, ErrorCode::Code(code), &account, &mut new);
        admission.admit(new);
        let touched = (0..6 * things).map(|thing| {
            let mut hasher = DefaultHasher::new();
            thing.hash(&mut hasher);
            Touched { resource: hasher.finish(), occurred: now - 599.0 * (thing % 6) as f64 }
        });
        let gain = SeriesGain { labels, events: 6 * things, late: 0, newest: now, touched: touched.collect() };
        metrics.count(Gains { series: vec![gain], ..Gains::default() }, admission.len());
    }
    server::own_resident_mib() - before
}
