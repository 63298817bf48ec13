//! What stands in `grafana/`, without a running exporter: its form, its links, and every query by the grammar of its language.
//!
//! The tools they need are put into `.tools/` by `make tools`. What the queries answer is in `tests/end_to_end/dashboards.rs`.

mod dashboards;
mod queries;
