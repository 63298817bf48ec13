//! `/metrics`: what this scraper is to see, and nothing that is not on disk.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Peer, Telemetry};
use crate::metrics::event_series::Viewer;

/// The one format served; it is what every Prometheus reads, and the answer to any `Accept`.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The header in which a Prometheus says how long it waits; nobody else sends it.
const SCRAPE_TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

pub(super) async fn page(
    State(telemetry): State<Arc<Telemetry>>,
    ConnectInfo(peer): Peer,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Ok(_place) = telemetry.scrapes.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // HEAD shows nothing, so it must not use up a zero.
    let is_scrape = method == Method::GET && headers.contains_key(SCRAPE_TIMEOUT_HEADER);
    let viewer = telemetry.metrics.viewer(peer.ip(), is_scrape);
    let text = render(&telemetry, viewer).await;
    let gzip = accepts_gzip(&headers);
    let encoded = tokio::task::spawn_blocking(move || if gzip { compressed(&text) } else { text.into_bytes() });
    let Ok(body) = encoded.await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

async fn render(telemetry: &Arc<Telemetry>, viewer: Viewer) -> String {
    let metrics = telemetry.metrics.clone();
    let shown = metrics.about_to_be_shown(viewer);
    let kept = telemetry.store.keep_counters(shown.clone()).await;
    if kept.is_some() {
        metrics.mark_shown(&shown);
    }
    // A store that cannot write must not blind whoever watches it; only series that nobody has seen yet stay at 0.
    let counters = kept.unwrap_or_else(|| Arc::new(metrics.durable_counters().1));
    let catalogue = telemetry.catalogue.borrow().clone();
    let rendered = tokio::task::spawn_blocking(move || metrics.render(viewer, &counters, &catalogue));
    rendered.await.unwrap_or_default()
}

fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("a Vec takes every write")
}

/// Whether the client takes gzip: named, or covered by `*`, and not with a weight of zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for offer in offers.flat_map(|value| value.split(',')) {
        let mut parts = offer.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if name.eq_ignore_ascii_case("gzip") {
            return weight > 0.0;
        }
        any |= name == "*" && weight > 0.0;
    }
    any
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::accepts_gzip;

    #[test]
    fn gzip_is_sent_only_to_those_who_offer_it() {
        for (offer, accepts) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("identity", false),
            ("", false),
            ("gzipped", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(offer))]);
            assert_eq!(accepts_gzip(&headers), accepts, "{offer:?}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
