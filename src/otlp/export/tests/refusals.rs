//! Answers about the records: the one that is at fault is found, and nothing else suffers.

use prost::Message as _;
use tonic::Code;

use super::{events, export, settings, sid};
use test_support::scripted::{Protocol, Received, Reply, Scripted};

/// One record that the collector will never take must not stop the others, nor take them along.
#[tokio::test]
async fn one_poisonous_record_among_ten_thousand_is_quarantined_alone() {
    const POISON: u64 = 7_777;
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, |request| {
            if request.has(&sid(POISON)) { Reply::no(400, Code::InvalidArgument) } else { Reply::Ok }
        });
        let ledger = export(&settings(protocol, &collector), events(10_000, 10)).await;
        assert_eq!(ledger.refused(), [POISON], "{protocol:?}");
        assert_eq!((ledger.cursor(), ledger.delivered()), (10_000, 9_999), "{protocol:?}");
        let taken: Vec<String> =
            collector.received().into_iter().filter(|request| request.taken).flat_map(|request| request.sids).collect();
        let expected: Vec<String> = (1..=10_000).filter(|seq| *seq != POISON).map(sid).collect();
        assert!(taken == expected, "{protocol:?}: each of the others once, in order");
        let requests = collector.received().len();
        assert!(requests <= 20 + 2 * 9 + 2, "{protocol:?}: {requests} requests; halving 512 takes nine steps");
    }
}

/// Two poisons side by side, and one at each end: halving must not lose what lies between.
#[tokio::test]
async fn several_poisonous_records_are_each_found() {
    let poisons = [1, 2, 40, 64];
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, move |request| {
            let refused = poisons.iter().any(|seq| request.has(&sid(*seq)));
            if refused { Reply::no(400, Code::InvalidArgument) } else { Reply::Ok }
        });
        let ledger = export(&settings(protocol, &collector), events(64, 10)).await;
        assert_eq!(ledger.refused(), poisons, "{protocol:?}");
        assert_eq!((ledger.cursor(), ledger.delivered()), (64, 60), "{protocol:?}");
        assert!(collector.taken().values().all(|times| *times == 1), "{protocol:?}");
    }
}

/// Refuses everything, an empty request too, until it has seen `requests` requests.
fn refuses_everything(requests: usize, status: u16, code: Code) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    move |request| if request.number < requests { Reply::no(status, code) } else { Reply::Ok }
}

/// A collector that cannot read our compression answers 400 to everything: taken at its word for each record, it would empty
/// the store into quarantine.
#[tokio::test]
async fn a_destination_that_refuses_everything_is_held() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, refuses_everything(30, 400, Code::InvalidArgument));
        let ledger = export(&settings(protocol, &collector), events(8, 10)).await;
        assert!(ledger.refused().is_empty(), "{protocol:?}: {:?}", ledger.refused());
        assert_eq!((ledger.cursor(), ledger.delivered()), (8, 8), "{protocol:?}");
    }
}

/// A gateway whose quota is used up says "exhausted" to the smallest request as well; no record is too large then.
#[tokio::test]
async fn a_destination_that_finds_everything_too_large_is_held() {
    for protocol in Protocol::BOTH {
        let collector = Scripted::start(protocol, refuses_everything(30, 413, Code::ResourceExhausted));
        let ledger = export(&settings(protocol, &collector), events(8, 2_000)).await;
        assert!(ledger.refused().is_empty(), "{protocol:?}: {:?}", ledger.refused());
        assert_eq!((ledger.cursor(), ledger.delivered()), (8, 8), "{protocol:?}");
        let whole = collector
            .received()
            .iter()
            .filter(|request| request.taken)
            .all(|request| request.records().all(|record| record.encoded_len() > 2_000));
        assert!(whole, "{protocol:?}: no record was cut for it");
    }
}

/// A record is refused on its own, and in the same moment the token expires: the probe's 401 proves nothing about the record.
#[tokio::test]
async fn a_refusal_is_believed_only_of_a_destination_that_takes_the_probe() {
    for (status, code) in [(401, Code::Unauthenticated), (503, Code::Unavailable)] {
        for protocol in Protocol::BOTH {
            let collector = Scripted::start(protocol, move |request| match request.number {
                0 => Reply::no(400, Code::InvalidArgument),
                1 => Reply::no(status, code),
                _ => Reply::Ok,
            });
            let ledger = export(&settings(protocol, &collector), events(1, 10)).await;
            assert!(ledger.refused().is_empty(), "{status} over {protocol:?}");
            assert_eq!(ledger.delivered(), 1, "{status} over {protocol:?}");
        }
    }
}

/// A collector with a smaller limit than ours: the batch is halved until it fits.
#[tokio::test]
async fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    for protocol in Protocol::BOTH {
        for code in [Code::ResourceExhausted, Code::OutOfRange] {
            let collector =
                Scripted::start(
                    protocol,
                    move |request| {
                        if request.sids.len() > 10 { Reply::no(413, code) } else { Reply::Ok }
                    },
                );
            let ledger = export(&settings(protocol, &collector), events(100, 10)).await;
            assert_eq!((ledger.cursor(), ledger.delivered()), (100, 100), "{protocol:?}");
            assert!(ledger.refused().is_empty(), "{protocol:?}");
            assert!(collector.taken().values().all(|times| *times == 1), "{protocol:?}");
        }
    }
}

/// A single record above the limit loses payload, not its existence; one that cannot get smaller is quarantined.
#[tokio::test]
async fn a_single_record_is_cut_to_fit_or_quarantined() {
    for protocol in Protocol::BOTH {
        for (limit, delivered) in [(2_000, 1), (20, 0)] {
            let collector = Scripted::start(protocol, move |request| {
                let large = request.records().any(|record| record.encoded_len() > limit);
                if large { Reply::no(413, Code::ResourceExhausted) } else { Reply::Ok }
            });
            let ledger = export(&settings(protocol, &collector), events(1, 16_000)).await;
            assert_eq!((ledger.cursor(), ledger.delivered()), (1, delivered), "{protocol:?}");
            assert_eq!(ledger.refused().len() as u64, 1 - delivered, "{protocol:?}");
            if delivered == 1 {
                let last = collector.received().pop().expect("a request");
                let record = last.records().next().expect("a record").clone();
                assert!(record.attributes.iter().any(|attribute| attribute.key == "twilio.payload"));
                assert!(record.attributes.iter().any(|attribute| attribute.key == "twilio.payload.truncated"));
            }
        }
    }
}

/// Loki refuses a request without records as well, and says why. One record that is too old for it must not hold all others.
#[tokio::test]
async fn a_destination_that_refuses_empty_requests_can_still_refuse_a_record() {
    const POISON: u64 = 5;
    let collector = Scripted::start(Protocol::Http, |request| {
        if request.sids.is_empty() {
            Reply::Page(422, None, "at least one valid stream is required for ingestion")
        } else if request.has(&sid(POISON)) {
            Reply::Page(400, None, "entry 1 has timestamp too old")
        } else {
            Reply::Ok
        }
    });
    let ledger = export(&settings(Protocol::Http, &collector), events(8, 10)).await;
    assert_eq!(ledger.refused(), [POISON]);
    assert_eq!((ledger.cursor(), ledger.delivered()), (8, 7));
}
