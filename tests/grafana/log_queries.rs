//! The dashboards' queries of log records.

use regex::Regex;

use test_support::queries::{self, Language, Query, dashboards};

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
