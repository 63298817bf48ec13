//! Answers about the moment and the destination: everything is kept, nothing goes twice.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::super::super::Client;
use super::super::{Exporter, Patience, Stopped};
use super::{Ledger, SHORT, events, export, export_until, settings, sid};
use crate::catalogue::Catalogue;
use test_support::scripted::{Protocol, Received, Reply, Scripted};

/// Answers `reply` to the first `times` requests and takes the others.
fn at_first(times: usize, reply: Reply) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    move |request| if request.number < times { reply.clone() } else { Reply::Ok }
}

/// A collector that comes back, or whose token is renewed, gets everything, and once.
#[tokio::test]
async fn what_cannot_be_taken_now_is_taken_later_and_once() {
    for (status, code) in [
        (503, Code::Unavailable),
        (502, Code::Aborted),
        (504, Code::DeadlineExceeded),
        (500, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (405, Code::NotFound),
    ] {
        for protocol in Protocol::BOTH {
            let collector = Scripted::start(protocol, at_first(3, Reply::no(status, code)));
            let ledger = export(&settings(protocol, &collector), events(5, 10)).await;
            let row = format!("{status} {code:?} over {protocol:?}");
            assert_eq!((ledger.cursor(), ledger.delivered(), ledger.0.len()), (5, 5, 1), "{row}");
            assert!(ledger.refused().is_empty(), "{row}");
            let requests = collector.received();
            assert_eq!(requests.len(), 4, "{row}: three refusals, one success");
            assert!(requests.iter().all(|request| request.sids.len() == 5), "{row}: the batch stays whole");
        }
    }
}

/// A proxy that redirects to a log-in page, and the page itself with its 200, take nothing.
#[tokio::test]
async fn a_redirect_or_a_page_is_not_a_success() {
    for reply in [
        Reply::Page(302, Some(("location", "/login")), ""),
        Reply::Page(308, Some(("location", "/login")), ""),
        Reply::Page(200, Some(("content-type", "text/html")), "<!DOCTYPE html><title>Log in</title>"),
        Reply::Page(200, Some(("content-type", "text/html")), "\n<html>\n<head><title>Log in</title></head></html>"),
        Reply::Page(200, Some(("content-type", "text/plain")), "OK"),
        Reply::Page(200, Some(("content-type", "application/json")), "{}"),
    ] {
        let collector = Scripted::start(Protocol::Http, at_first(2, reply.clone()));
        let ledger = export(&settings(Protocol::Http, &collector), events(5, 10)).await;
        assert_eq!(collector.received().len(), 3, "{reply:?}: held twice");
        assert_eq!((ledger.cursor(), ledger.delivered()), (5, 5), "{reply:?}");
    }
}

/// Two collectors behind one address, the first of which hangs: the time-out ends the wait.
#[tokio::test]
async fn silence_is_a_failure_after_the_timeout() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, at_first(2, Reply::Silence));
        let mut settings = settings(protocol, &collector);
        settings.timeout = Duration::from_millis(200);
        let ledger = export(&settings, events(3, 10)).await;
        assert_eq!((ledger.cursor(), ledger.delivered(), collector.received().len()), (3, 3, 3), "{protocol:?}");
    }
}

/// A collector that resets connections, then is down, then is up.
#[tokio::test]
async fn lost_and_refused_connections_are_tried_again() {
    for protocol in Protocol::BOTH {
        let mut collector = Scripted::stopped(protocol);
        let resetting = TcpListener::bind(collector.address).expect("the port is the collector's");
        let settings = settings(protocol, &collector);
        let export = tokio::spawn(async move { export(&settings, events(3, 10)).await });
        let resets = tokio::task::spawn_blocking(move || {
            for _ in 0..3 {
                let (mut connection, _) = resetting.accept().expect("a connection");
                // Whatever has come by now; the connection is dropped in the middle of the request.
                let _ = connection.read(&mut [0; 64]);
            }
        });
        resets.await.expect("three connections");
        collector.start_again();
        let ledger = export.await.expect("delivers");
        assert_eq!((ledger.cursor(), ledger.delivered()), (3, 3), "{protocol:?}");
        assert!(collector.taken().values().all(|times| *times == 1), "{protocol:?}");
    }
}

/// A collector under load says how long it needs; asking sooner keeps it there.
#[tokio::test]
async fn the_collectors_own_wait_is_honoured() {
    for (protocol, code) in
        [(Protocol::Grpc, Code::ResourceExhausted), (Protocol::Grpc, Code::Unavailable), (Protocol::Http, Code::Ok)]
    {
        for status in [429, 503] {
            let wait = Duration::from_secs(1);
            let collector = Scripted::start(protocol, at_first(1, Reply::No(status, code, Some(wait))));
            let ledger = export(&settings(protocol, &collector), events(4, 10)).await;
            let requests = collector.received();
            assert_eq!((requests.len(), ledger.delivered()), (2, 4), "{status} {code:?}: one wait, nothing halved");
            let waited = requests[1].at - requests[0].at;
            assert!(waited >= wait && waited < wait * 3, "{status} {code:?}: waited {waited:?}");
        }
    }
}

/// What the collector dropped from a request it took must not be sent again: the rest would arrive twice.
#[tokio::test]
async fn a_partial_success_is_settled_once_and_not_sent_again() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, at_first(1, Reply::Partial(2)));
        let ledger = export(&settings(protocol, &collector), events(5, 10)).await;
        assert_eq!((ledger.cursor(), ledger.delivered(), ledger.0.len()), (5, 3, 1), "{protocol:?}");
        assert_eq!(collector.received().len(), 1, "{protocol:?}");
        let sids = (1..=5).map(sid).collect();
        let partial = ledger.0[0].partial.as_ref().expect("a partial success");
        assert_eq!((partial.rejected, &*partial.message, &partial.sids), (2, "too old", &sids), "{protocol:?}");
    }
}

/// A drain must not last as long as a back-off.
#[tokio::test]
async fn a_stop_ends_every_wait_at_once() {
    let hour = Duration::from_secs(3600);
    for reply in [
        Reply::no(503, Code::Unavailable),
        Reply::no(401, Code::Unauthenticated),
        Reply::No(429, Code::ResourceExhausted, Some(Duration::from_secs(50))),
    ] {
        for protocol in Protocol::BOTH {
            let collector = Scripted::start(protocol, at_first(usize::MAX, reply.clone()));
            let settings = settings(protocol, &collector);
            let stop = CancellationToken::new();
            let stopped = stop.clone();
            let patience = Patience { retry_min: hour * 1000, retry_max: hour * 1000, probe_interval: hour };
            let export = tokio::spawn(async move { export_until(&settings, events(3, 10), patience, stopped).await });
            while collector.received().is_empty() {
                tokio::task::yield_now().await;
            }
            let asked = Instant::now();
            stop.cancel();
            let ended = export.await.expect("no panic");
            assert_eq!(ended.err(), Some(Stopped::ShuttingDown), "{reply:?}");
            assert!(asked.elapsed() < Duration::from_secs(2), "{reply:?} over {protocol:?}");
        }
    }
}

/// One request above a server's limit, 4 MiB nearly everywhere, would be refused for ever.
#[tokio::test]
async fn requests_are_bounded_by_records_and_by_bytes() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, |_| Reply::Ok);
        let mut settings = settings(protocol, &collector);
        let ledger = export(&settings, events(600, 16_000)).await;
        assert_eq!((ledger.cursor(), ledger.delivered()), (600, 600));
        let bytes: Vec<_> = collector.received().iter().map(|request| request.message.encoded_len()).collect();
        assert!(bytes.iter().all(|bytes| *bytes <= 3 << 20), "{protocol:?}: {bytes:?}");
        assert!(bytes.len() <= 6, "{protocol:?}: few requests, {bytes:?}");

        settings.batch_records_max = 100;
        let already = collector.received().len();
        export(&settings, events(250, 10)).await;
        let records: Vec<_> = collector.received()[already..].iter().map(|request| request.sids.len()).collect();
        assert_eq!(records, [100, 100, 50], "{protocol:?}");
    }
}

/// Headers carry the tenant and the credentials; a probe without them would be refused.
#[tokio::test]
async fn every_request_carries_the_configured_headers() {
    for protocol in Protocol::BOTH {
        for gzip in [false, true] {
            let collector = Scripted::start(protocol, |_| Reply::Ok);
            let mut settings = settings(protocol, &collector);
            settings.gzip = gzip;
            settings.headers = vec![("authorization".into(), "Bearer t0ken".to_owned().into())];
            export(&settings, events(2, 1000)).await;
            let request = collector.received().remove(0);
            assert_eq!(request.headers.get("authorization").map(String::as_str), Some("Bearer t0ken"));
            let encoding = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
            let encoding = request.headers.get(encoding).is_some_and(|encoding| encoding == "gzip");
            assert_eq!(encoding, gzip, "{protocol:?}");
            assert_eq!(request.sids, [sid(1), sid(2)]);
        }
    }
}

/// A collector that starts after the exporter is up as soon as it answers, and not only when the next event comes.
#[tokio::test]
async fn a_destination_that_comes_later_is_noticed_without_an_event() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for reply in [Reply::no(503, Code::Unavailable), Reply::no(404, Code::Unimplemented)] {
        for protocol in Protocol::BOTH {
            let collector = Scripted::start(protocol, at_first(2, reply.clone()));
            let client = Client::new(&settings(protocol, &collector)).expect("a client");
            let exporter = Exporter::new(
                &client,
                Arc::<Catalogue>::default().in_force(),
                Ledger::default(),
                SHORT,
                CancellationToken::new(),
            );
            exporter.probe_until_answered().await;
            let requests = collector.received();
            assert_eq!(requests.len(), 3, "{reply:?} over {protocol:?}: two refusals, one success");
            assert!(requests.iter().all(|request| request.sids.is_empty()), "and nothing is sent to find out");
        }
    }
}
