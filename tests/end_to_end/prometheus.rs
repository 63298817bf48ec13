//! What stock Prometheus makes of the counters: Debian's 2.42 and a current 3.x scrape the binary.

mod first_event;
mod restart;
mod scrapers;

/// One series of `twilio_debugger_events_total`, as the events of the tests make it.
fn events(code: &str) -> String {
    format!("twilio_debugger_events_total{{error_code=\"{code}\"}}")
}

/// What alert rules ask.
fn increase(code: &str) -> String {
    format!("increase({}[5m])", events(code))
}
