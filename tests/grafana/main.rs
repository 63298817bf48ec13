//! What is in `grafana/`, without a running exporter: the alert rules in their shapes, the files around them, and the dashboards with
//! every query by the grammar of its language.
//!
//! What the dashboards' queries answer is in `tests/end_to_end/dashboards.rs`.

mod dashboards;
mod prometheus;
mod provisioning;
mod queries;
mod rendered;
mod rules;
mod runbooks;
mod shapes;
mod thresholds;
