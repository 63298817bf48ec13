//! The Helm chart, rendered by the real Helm 3 and Helm 4: what it makes of every shape in `ci/`, what it refuses, and what
//! Kubernetes, the operators, a posture scanner and our own `rules` command say to it.
//!
//! Nothing runs here; a real API server judges the chart in `tests/cluster`. The programs are put into `.tools/` by `make tools`.

mod bad_input;
mod both_helms;
mod configuration;
mod exposure;
mod grafana_files;
mod package;
mod posture;
mod rules;
mod schemas;
mod secrets;
mod security_contexts;
mod selectors;
mod subchart;
mod unit;
mod values_table;
