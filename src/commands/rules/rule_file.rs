//! A rule file of Prometheus as values.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/>

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file. Only what our own sources use is known here; anything else in them is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub(super) groups: Vec<Group>,
}

/// Rules that are evaluated together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
}

/// An alert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) alert: String,
    pub(super) expr: String,
    #[serde(default, rename = "for")]
    pub(super) pending: Option<String>,
    #[serde(default)]
    pub(super) keep_firing_for: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// The rules that the sources make are no rule file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct RuleFileError(String);

pub(super) fn parse(text: &str) -> Result<RuleFile, RuleFileError> {
    serde_saphyr::from_str(text).map_err(|error| RuleFileError(error.to_string()))
}
