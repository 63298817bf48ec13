//! A rule file of Prometheus, read strictly: the parts that our rules may use.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) expr: String,
    #[serde(default = "at_once", rename = "for")]
    pub(crate) pending: String,
    #[serde(default = "at_once")]
    pub(crate) keep_firing_for: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What Prometheus and Grafana take an absent duration for.
pub(crate) fn at_once() -> String {
    "0s".to_owned()
}

pub(crate) fn parse(text: &str) -> RuleFile {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

impl RuleFile {
    /// Every rule with the name of its group.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.groups.iter().flat_map(|group| group.rules.iter().map(|rule| (group.name.as_str(), rule)))
    }
}
