//! What is in `grafana/`, without a running exporter: the alert rules in their shapes, and the files around them.

mod prometheus;
mod provisioning;
mod rendered;
mod rules;
mod runbooks;
mod shapes;
mod thresholds;
