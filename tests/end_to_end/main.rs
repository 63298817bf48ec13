//! The real binary, from outside: what users, Twilio, Prometheus and a collector see of it.
//!
//! Every test starts its own exporter on ports and a data directory of its own and waits for conditions, never for time to
//! pass. The tools they need (Prometheus, a collector, Twilio's SDKs) are put into `.tools/` by `make tools`.

#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the page's numbers are counts, whole and far below 2^53"
)]

mod alerting;
mod backfill;
mod cardinality;
mod chart_container;
mod collector;
mod configuration;
mod crash;
mod dashboards;
mod delivery;
mod disk;
mod duplicates;
mod event_streams;
mod framing;
mod image;
mod listing;
mod locks;
mod loki;
mod metrics_page;
mod metrics_table;
mod prometheus;
mod rule_names;
mod screenshots;
mod sending;
mod signatures;
mod store;
mod telemetry;
mod upgrade;
mod victorialogs;
mod webhook;
