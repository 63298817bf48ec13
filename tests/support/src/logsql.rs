//! The table of every query of log records in LogQL, and of the same question in LogsQL: `logsql.yaml`, which says what is in it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::queries::Query;

/// An entry of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalent {
    /// Where the query stands: [`Query::place`].
    #[serde(rename = "in")]
    pub places: Vec<String>,
    pub logql: String,
    pub logsql: String,
    pub finds: Finds,
}

/// What a query finds of the events that are fed to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Finds {
    /// What its rows add up to, a line being 1.
    InAll(f64),
    /// How many, by what the panel tells apart.
    Each(BTreeMap<String, f64>),
}

/// The table.
pub fn equivalents() -> Vec<Equivalent> {
    serde_saphyr::from_str(include_str!("../../grafana/logsql.yaml"))
        .unwrap_or_else(|error| panic!("logsql.yaml: {error}"))
}

impl Equivalent {
    /// That of a query of log records. Panics if there is none.
    pub fn of(query: &Query) -> Self {
        let found = equivalents().into_iter().find(|entry| entry.places.contains(&query.place));
        let found = found.filter(|entry| entry.logql == query.text);
        found.unwrap_or_else(|| panic!("{}: not so in tests/grafana/logsql.yaml:\n{}", query.place, query.text))
    }
}
