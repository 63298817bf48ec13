//! What the tests share: a running exporter, signed events, real servers, and waiting for conditions.

pub(crate) mod alertmanager;
pub(crate) mod certificate;
pub(crate) mod collector;
pub(crate) mod container;
pub(crate) mod dns;
pub(crate) mod event;
pub(crate) mod exporter;
pub(crate) mod faults;
pub(crate) mod image;
pub(crate) mod kubelet;
pub(crate) mod loki;
pub(crate) mod namespace;
pub(crate) mod post;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod random;
pub(crate) mod raw;
pub(crate) mod scrape;
#[allow(dead_code, reason = "the unit tests of the delivery loop use the rest")]
pub(crate) mod scripted;
pub(crate) mod sdk;
pub(crate) mod victoriametrics;
pub(crate) mod wait;

pub(crate) use alertmanager::Alertmanager;
pub(crate) use event::{ACCOUNT, Event, TOKEN};
pub(crate) use exporter::Exporter;
pub(crate) use prometheus::{Prometheus, Release};
pub(crate) use scrape::Scrape;
pub(crate) use victoriametrics::VictoriaMetrics;
