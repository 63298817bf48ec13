//! placeholder for the interface
/// Why an export failed: the `class` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OtlpFailure {
    /// connection lost, 502, 503, 504
    Unavailable,
    /// no answer in time
    Timeout,
    /// 429, or told to wait
    Throttled,
    /// 401, 403, 404, unimplemented and the like
    Destination,
    /// 400
    Rejected,
    /// 413, resource exhausted
    TooLarge,
    /// records dropped by a collector that said so
    PartialSuccess,
}
/// All metrics.
#[derive(Debug, Clone)]
pub struct Metrics {}
impl Metrics {
    /// Counts `count` records the collector took (call only after the settlement is durable) and notes the time.
    pub fn otlp_delivered(&self, _count: u64) {
        todo!()
    }
    /// Counts failed requests (records for `PartialSuccess`).
    pub fn otlp_failed(&self, _class: OtlpFailure, _count: u64) {
        todo!()
    }
    /// Whether the destination takes records.
    pub fn otlp_up(&self, _up: bool) {
        todo!()
    }
}
