//! `/`: what runs here, what to paste into Twilio's console, and what was refused lately with what to do about it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Html;

use super::Telemetry;
use crate::redact::mask_url;

pub(super) async fn page(State(telemetry): State<Arc<Telemetry>>) -> Html<String> {
    let shown = telemetry.shown.load_full();
    let uptime = humantime::format_duration(Duration::from_secs(telemetry.started.elapsed().as_secs()));
    let mut urls = String::new();
    for url in &shown.public_urls {
        let _ = write!(urls, "<li><code>{}</code></li>", escape(&url.to_string()));
    }
    let export = match &shown.otlp_endpoint {
        Some(endpoint) => format!("Log records go to <code>{}</code>.", escape(&mask_url(endpoint))),
        None => "Log export is off: no OTLP endpoint is configured.".to_owned(),
    };
    Html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>twilio-debugger-exporter</title>\
         <style>body{{font:16px/1.5 sans-serif;margin:2em;max-width:60em}}td,th{{text-align:left;padding:.2em 1em .2em 0;\
         vertical-align:top}}</style></head><body>\
         <h1>twilio-debugger-exporter</h1>\
         <p>Version {version} ({revision}), up {uptime}.</p>\
         <p><a href=\"metrics\">Metrics</a> · <a href=\"-/healthy\">Health</a> · <a href=\"-/ready\">Readiness</a></p>\
         <h2>Webhook</h2><p>Paste into Twilio's console, under Monitor, Logs, Errors, Webhook:</p><ul>{urls}</ul>\
         {sink_test}<p>{export}</p><h2>Refused lately</h2>{refused}</body></html>\n",
        version = env!("CARGO_PKG_VERSION"),
        revision = crate::BUILD_REVISION,
        sink_test = sink_test(&telemetry),
        refused = refused(&telemetry),
    ))
}

/// What to do about the test event of an Event Streams sink, if one has come.
fn sink_test(telemetry: &Telemetry) -> String {
    let Some(test) = telemetry.seen.last_sink_test() else { return String::new() };
    format!(
        "<p>The test event of an Event Streams sink came at {:.0}. Confirm the sink with its test id: <code>{}</code></p>",
        test.at,
        escape(&test.id)
    )
}

fn refused(telemetry: &Telemetry) -> String {
    let lately = telemetry.seen.refused_lately();
    if lately.is_empty() {
        return "<p>Nothing since the start.</p>".to_owned();
    }
    let mut rows = String::from(
        "<table><tr><th>Reason</th><th>Since start</th><th>Last</th><th>From</th><th>What to do</th></tr>",
    );
    for refused in lately {
        let hint = refused.hint.as_deref().map(|hint| format!(" <b>{}</b>", escape(hint))).unwrap_or_default();
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{:.0}</td><td>{}</td><td>{}{hint}</td></tr>",
            refused.reason.as_str(),
            refused.count,
            refused.last,
            refused.peer,
            escape(refused.advice),
        );
    }
    rows + "</table>"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
