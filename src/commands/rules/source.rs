//! The rule sources and how their tokens are filled in.
//!
//! A token is `@name@`, replaced as text. The Helm chart fills in the same files by the same rule, which is why they know no
//! template language.

use std::borrow::Cow;

use clap::ValueEnum;

const EVENTS: &str = include_str!("../../../grafana/rules/events.yaml");
const THRESHOLDS: &str = include_str!("../../../grafana/rules/thresholds.yaml");
const INSIGHTS: &str = include_str!("../../../grafana/rules/insights.yaml");
const HEALTH: &str = include_str!("../../../grafana/rules/health.yaml");
const SILENCE: &str = include_str!("../../../grafana/rules/silence.yaml");

/// The list that is used where none is given; the chart's default values are the same.
pub(super) const DEFAULT_THRESHOLDS: &str = include_str!("../../../grafana/rules/default-thresholds.yaml");

/// What stands above the rendered rules.
const HEAD: &str = "\
# Printed by `twilio-debugger-exporter rules`: change grafana/rules/ and print it again.
# How events are counted in these expressions is explained in grafana/rules/events.yaml.
groups:
";

/// How a rule begins.
const RULE: &str = "      - alert: ";

/// Which codes a threshold is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Codes {
    /// All together.
    All,
    /// Every one on its own.
    Each,
    /// This one, as it stands in the label.
    One(String),
}

/// An entry of a list of thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Threshold {
    pub(super) codes: Codes,
    pub(super) level: &'static str,
    pub(super) window: &'static str,
    /// Fires at so many or more.
    pub(super) count: u64,
    pub(super) severity: &'static str,
}

/// A group of rules that not everybody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OptInGroup {
    /// An alert for every single error or warning
    Events,
    /// An alert when nothing came for a day
    Silence,
}

/// Everything that is filled in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) job: &'a str,
    pub(super) runbooks: &'a str,
    pub(super) thresholds: &'a [Threshold],
    pub(super) with: &'a [OptInGroup],
}

impl Source<'_> {
    /// The rule file.
    pub(super) fn render(&self) -> String {
        let mut groups = Vec::new();
        if self.with.contains(&OptInGroup::Events) {
            groups.push(self.fill(body(EVENTS)));
        }
        // A group without rules is none.
        if !self.thresholds.is_empty() {
            groups.push(self.threshold_group());
        }
        groups.extend([INSIGHTS, HEALTH].map(|source| self.fill(body(source))));
        if self.with.contains(&OptInGroup::Silence) {
            groups.push(self.fill(body(SILENCE)));
        }
        format!("{HEAD}{}", groups.join("\n"))
    }

    /// The group of thresholds: for each entry the rule of its template.
    fn threshold_group(&self) -> String {
        let mut parts = body(THRESHOLDS).split(RULE);
        let mut template = || parts.next().unwrap_or_default().trim_end();
        let (head, together, by_code) = (template(), template(), template());
        let rules = self.thresholds.iter().map(|entry| {
            let template = if entry.codes == Codes::All { together } else { by_code };
            fill(&format!("{RULE}{template}\n"), |token| entry.value(token).or_else(|| self.value(token)))
        });
        format!("{head}\n{}", rules.collect::<Vec<_>>().join("\n"))
    }

    fn fill(&self, text: &str) -> String {
        fill(text, |token| self.value(token))
    }

    fn value(&self, token: &str) -> Option<Cow<'_, str>> {
        match token {
            "job" => Some(self.job.into()),
            "runbooks" => Some(self.runbooks.into()),
            _ => None,
        }
    }
}

impl Threshold {
    fn value(&self, token: &str) -> Option<Cow<'_, str>> {
        Some(match token {
            "code" => self.code().into(),
            "level" => self.level.into(),
            "level_matcher" if self.level == "any" => "level=~\"error|warning\"".into(),
            "level_matcher" => format!("level=\"{}\"", self.level).into(),
            "code_matcher" => match &self.codes {
                Codes::One(code) => format!(", error_code=\"{code}\"").into(),
                Codes::All | Codes::Each => "".into(),
            },
            "window" => self.window.into(),
            "threshold" => self.count.to_string().into(),
            "severity" => self.severity.into(),
            _ => return None,
        })
    }

    /// The value of the label `code`.
    pub(super) fn code(&self) -> &str {
        match &self.codes {
            Codes::All => "all",
            Codes::Each => "each",
            Codes::One(code) => code,
        }
    }
}

/// A source without its head: its one group.
fn body(source: &str) -> &str {
    source.split_once("\ngroups:\n").map_or(source, |(_, body)| body)
}

/// Replaces each `@token@` that has a value, in one pass: what is filled in is not looked at again.
fn fill<'a>(text: &str, value: impl Fn(&str) -> Option<Cow<'a, str>>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        filled.push_str(before);
        let token = after.split_once('@').and_then(|(token, after)| Some((value(token)?, after)));
        if let Some((value, after)) = token {
            filled.push_str(&value);
            rest = after;
        } else {
            filled.push('@');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::{OptInGroup, Source, fill};
    use crate::commands::rules::source::DEFAULT_THRESHOLDS;
    use crate::commands::rules::thresholds;

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let value = |token: &str| match token {
            "a" => Some("@b@".into()),
            "b" => Some("seen".into()),
            _ => None,
        };
        assert_eq!(fill("@a@@b@ x@y @c@ @", value), "@b@seen x@y @c@ @");
    }

    #[test]
    fn no_token_is_left() {
        let thresholds = thresholds::parse(DEFAULT_THRESHOLDS).expect("our own list");
        let with = [OptInGroup::Events, OptInGroup::Silence];
        let source = Source { job: "j", runbooks: "https://r", thresholds: &thresholds, with: &with };
        let rendered = source.render();
        assert!(!rendered.contains('@'), "{rendered}");
        assert_eq!(rendered.matches("- alert: ").count(), 24);
    }

    #[test]
    fn an_empty_list_makes_no_group() {
        let source = Source { job: "j", runbooks: "https://r", thresholds: &[], with: &[] };
        assert!(!source.render().contains("thresholds"));
    }
}
