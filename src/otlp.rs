//! Ships events as OTLP log records, and moves the cursor only on the collector's word.
//!
//! Not with the SDK's log pipeline: it drops when its queue is full, gives a failed batch up, and its exporter answers `Ok` to a
//! partial success, to a login page and to a redirect, without the collector's `Retry-After`. Here the store is the queue, a
//! request is built from it with `opentelemetry-proto`, and [`answer`] reads what the collector says exactly.
//!
//! [`record`] and [`answer`] are pure, [`client`] is the wire, `export` tries until all is settled: for [`ship()`], which moves the
//! cursor, and for [`Replay`], which moves nothing. Our own request spans, which may be lost, go out through
//! `opentelemetry-otlp`, in `log`.

pub mod answer;
pub mod client;
mod export;
pub mod record;
mod replay;
mod settings;
mod ship;

pub use answer::{SendError, Verdict};
pub use client::{Client, ClientError};
pub(crate) use client::{channel, headers, http_client};
pub use replay::{Replay, Replayed};
pub use settings::{Protocol, Settings};
pub use ship::ship;
