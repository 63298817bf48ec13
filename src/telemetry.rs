//! What Prometheus, Kubernetes and people see.

pub mod web_config;
