//! The dashboards' queries of log records, and their equivalents for a log store that tests can run.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use test_support::logsql::equivalents;
use test_support::queries::{self, Language, Query, dashboards, variable};

fn log_queries() -> Vec<Query> {
    let queries = dashboards().values().flat_map(queries::of).collect::<Vec<_>>();
    queries.into_iter().filter(|query| query.language == Language::LogQl).collect()
}

/// A range of its own would count the same events whatever time is looked at.
#[test]
fn every_range_is_the_one_that_is_looked_at() {
    let range = Regex::new(r"\[([^]]*)\]").expect("a pattern");
    let mut ranges = 0;
    for query in log_queries() {
        for found in range.captures_iter(&query.text) {
            assert_eq!(&found[1], "$__auto", "{}: {}", query.place, query.text);
            ranges += 1;
        }
    }
    assert!(ranges > 5, "there are queries with a range");
}

/// A query without its equivalent would be one that no server has ever answered, and one too many an answer to a question that
/// nobody asks.
#[test]
fn every_query_stands_beside_its_equivalent_in_logsql() {
    let in_dashboards: BTreeSet<_> = log_queries().into_iter().map(|query| (query.place, query.text)).collect();
    let table = equivalents();
    let pairs = table.iter().flat_map(|entry| entry.places.iter().map(|place| (place.clone(), entry.logql.clone())));
    let in_table: Vec<_> = pairs.collect();
    let missing: Vec<_> = in_dashboards.iter().filter(|query| !in_table.contains(query)).collect();
    let stale: Vec<_> = in_table.iter().filter(|query| !in_dashboards.contains(query)).collect();
    assert!(missing.is_empty(), "not in tests/grafana/logsql.yaml: {missing:#?}");
    assert!(stale.is_empty(), "in tests/grafana/logsql.yaml, and in no dashboard: {stale:#?}");
    assert_eq!(in_table.len(), in_dashboards.len(), "one of them stands there twice");
}

/// What Grafana fills in must reach both.
#[test]
fn both_ask_for_the_same_variables() {
    for entry in equivalents() {
        let names = |text: &str| -> BTreeSet<_> {
            variable().captures_iter(text).map(|found| found["name"].to_owned()).collect()
        };
        let mut of_logql = names(&entry.logql);
        // In LogsQL the range is none of the query's.
        of_logql.remove("__auto");
        assert_eq!(of_logql, names(&entry.logsql), "{:?}", entry.places);
    }
}

/// Grafana is under the AGPL; the grammars of its query editors are packages of their own, which are not.
#[test]
fn the_grammars_are_under_permissive_licences() {
    let lock: Value = serde_json::from_str(include_str!("grammar/package-lock.json")).expect("JSON");
    let packages = lock["packages"].as_object().expect("packages").iter().filter(|(folder, _)| !folder.is_empty());
    let licences: BTreeMap<_, _> = packages.map(|(folder, package)| (folder, &package["license"])).collect();
    assert!(licences.len() > 2, "{licences:?}");
    assert!(licences.values().all(|licence| *licence == "Apache-2.0" || *licence == "MIT"), "{licences:?}");
}
