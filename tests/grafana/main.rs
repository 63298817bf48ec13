//! What is in `grafana/`, without a running exporter: the alert rules in their shapes, the files around them, and the dashboards with
//! every query by the grammar of its language.
//!
//! What the dashboards' queries answer is in `tests/end_to_end/dashboards.rs`.

mod bench;
mod dashboards;
mod log_queries;
mod pint;
mod prometheus;
mod promtool;
mod provisioning;
mod rendered;
mod routes;
mod rules;
mod runbook_claims;
mod runbooks;
mod shapes;
mod thresholds;
mod vmalert;
