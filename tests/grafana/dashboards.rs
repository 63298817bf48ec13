//! The dashboards' form: what Grafana, its linter and a person at three in the morning need of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use test_support::queries::{self, Language, Variables, dashboards, list, panels, text};

/// The newest schema that Grafana 10.2, the oldest version they are for, writes by itself. Newer ones read it.
const SCHEMA_VERSION_MAX: u64 = 38;

/// Twilio's page about a code; no other address is absolute.
const ERROR_PAGES: &str = "https://www.twilio.com/docs/api/errors/";

/// Panels whose rows carry units of their own, or that show texts.
const WITHOUT_UNIT: [&str; 2] = ["logs", "alertlist"];

fn with_name<'a>(entries: &'a [Value], name: &str) -> &'a Value {
    entries.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn variables(dashboard: &Value) -> &[Value] {
    list(&dashboard["templating"], "list")
}

/// Every value in a document, with its key.
fn every<'a>(key: &'a str, value: &'a Value, visit: &mut dyn FnMut(&'a str, &'a Value)) {
    visit(key, value);
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| every(key, entry, visit)),
        Value::Object(entries) => entries.iter().for_each(|(key, entry)| every(key, entry, visit)),
        _ => {}
    }
}

#[test]
fn each_is_provisioned_as_it_is() {
    let dashboards = dashboards();
    let names: Vec<_> = dashboards.keys().map(String::as_str).collect();
    assert_eq!(names, ["twilio-debugger-code.json", "twilio-debugger-exporter.json", "twilio-debugger-overview.json"]);
    for (file, dashboard) in &dashboards {
        assert_eq!(format!("{}.json", text(dashboard, "uid")), *file);
        assert!((8..=40).contains(&text(dashboard, "uid").len()), "{file}: Grafana takes a uid of 8 to 40 characters");
        assert!(!text(dashboard, "title").is_empty() && !text(dashboard, "description").is_empty(), "{file}");
        assert_eq!(dashboard["id"], Value::Null, "{file}: a number is of one Grafana");
        assert_eq!(dashboard["editable"], false, "{file}: what is edited in Grafana is lost at the next start");
        assert!(dashboard["schemaVersion"].as_u64().expect("a number") <= SCHEMA_VERSION_MAX, "{file}");
        for key in ["__inputs", "__requires", "version", "iteration"] {
            assert!(dashboard.get(key).is_none(), "{file}: {key} belongs to an export");
        }
        assert!(!dashboard.to_string().contains("${DS_"), "{file}: nobody fills in an export's data sources");
    }
    let titles: BTreeSet<_> = dashboards.values().map(|dashboard| text(dashboard, "title")).collect();
    assert_eq!(titles.len(), dashboards.len());
}

#[test]
fn every_panel_says_what_it_shows() {
    for dashboard in dashboards().values() {
        let uid = text(dashboard, "uid");
        let mut titles = BTreeSet::new();
        for panel in panels(dashboard) {
            let title = text(panel, "title");
            assert!(titles.insert(title), "{uid}: two panels are called {title}");
            assert!(text(panel, "description").len() > 15, "{uid} / {title}: no description");
            let kind = text(panel, "type");
            assert!(
                WITHOUT_UNIT.contains(&kind) || panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{uid} / {title}: no unit"
            );
            assert!(kind == "alertlist" || !list(panel, "targets").is_empty(), "{uid} / {title}: no query");
            let references: BTreeSet<_> = list(panel, "targets").iter().map(|target| text(target, "refId")).collect();
            assert_eq!(references.len(), list(panel, "targets").len(), "{uid} / {title}: two queries of one name");
        }
        let mut ids = BTreeSet::new();
        for panel in list(dashboard, "panels") {
            assert!(
                ids.insert(panel["id"].as_u64().expect("a number")),
                "{uid}: two panels have the id {}",
                panel["id"]
            );
        }
    }
}

#[test]
fn no_panel_covers_another() {
    for dashboard in dashboards().values() {
        let mut taken = BTreeMap::new();
        for panel in list(dashboard, "panels") {
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
            assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24, "{}: outside the grid", panel["title"]);
            for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
                if let Some(other) = taken.insert(cell, &panel["title"]) {
                    panic!("{}: {other} and {} overlap at {cell:?}", dashboard["uid"], panel["title"]);
                }
            }
        }
        // Grafana moves panels up into a gap, and the drawing is no longer as it stands here.
        let height = taken.keys().map(|(_, y)| y + 1).max().expect("there are panels");
        assert_eq!(taken.len() as u64, height * 24, "{}: there is a gap", dashboard["uid"]);
    }
}

#[test]
fn every_dashboard_can_be_narrowed_to_what_is_looked_for() {
    for dashboard in dashboards().values() {
        let uid = text(dashboard, "uid");
        let with_logs = uid != "twilio-debugger-exporter";
        for (kind, label) in [("prometheus", "Prometheus data source"), ("loki", "Loki data source")] {
            if kind == "prometheus" || with_logs {
                let variable = with_name(variables(dashboard), &format!("{kind}_datasource"));
                assert_eq!(
                    (&variable["type"], &variable["query"], &variable["label"]),
                    (&"datasource".into(), &kind.into(), &label.into())
                );
            }
        }
        for (name, all) in
            [("job", ".+"), ("instance", ".+"), ("level", ".*"), ("error_code", ".*"), ("account_sid", ".*")]
        {
            let Some(variable) = variables(dashboard).iter().find(|variable| variable["name"] == name) else {
                assert!(!["job", "instance"].contains(&name), "{uid} has no {name}");
                continue;
            };
            // The code of the drill-down is one.
            let is_one = uid == "twilio-debugger-code" && name == "error_code";
            assert_eq!(variable["multi"], !is_one, "{uid}: {name}");
            assert_eq!(variable["includeAll"], !is_one, "{uid}: {name}");
            // `.*` also fits a series that has no such label, as without account_label.
            assert!(is_one || variable["allValue"] == all, "{uid}: {name}");
            assert_eq!(variable["refresh"], 2, "{uid}: {name} is asked for anew when the time range changes");
        }
    }
}

/// Each `$name` in queries, links, titles and options is a variable of that dashboard or of Grafana.
#[test]
fn every_variable_that_is_named_exists() {
    let grafanas =
        ["__range", "__interval", "__rate_interval", "__auto", "__from", "__url_time_range", "__value", "__field"];
    let pattern = Regex::new(r"\$\{?(?<name>\w+)").expect("a pattern");
    for dashboard in dashboards().values() {
        let own: BTreeSet<_> = variables(dashboard).iter().map(|variable| text(variable, "name")).collect();
        let mut used = BTreeSet::new();
        every("", dashboard, &mut |key, value| {
            if let (Some(found), false) = (value.as_str(), key == "value") {
                used.extend(
                    pattern.captures_iter(found).map(|found| found.name("name").expect("a name").as_str().to_owned()),
                );
            }
        });
        for name in &used {
            assert!(own.contains(&name.as_str()) || grafanas.contains(&name.as_str()), "{}: ${name}", dashboard["uid"]);
        }
        for name in own {
            assert!(used.contains(name), "{}: the variable {name} is of no use", dashboard["uid"]);
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let dashboards = dashboards();
    let by_uid: BTreeMap<_, _> = dashboards.values().map(|dashboard| (text(dashboard, "uid"), dashboard)).collect();
    let parameter = Regex::new(r"var-(?<plain>\w+)=|\$\{(?<passed>\w+):queryparam\}").expect("a pattern");
    let mut links = 0;
    for dashboard in dashboards.values() {
        let uid = text(dashboard, "uid");
        let by_tag = with_type(list(dashboard, "links"), "dashboards");
        assert_eq!((&by_tag["includeVars"], &by_tag["keepTime"]), (&true.into(), &true.into()), "{uid}");
        for tag in list(by_tag, "tags") {
            assert!(dashboards.values().all(|dashboard| list(dashboard, "tags").contains(tag)), "{uid}: {tag}");
        }
        every("", dashboard, &mut |key, value| {
            let (Some(url), true) = (value.as_str().filter(|url| !url.is_empty()), key == "url") else { return };
            links += 1;
            if let Some(code) = url.strip_prefix(ERROR_PAGES) {
                assert!(code.starts_with('$') && !code.contains('/'), "{uid}: {url}");
                return;
            }
            let target = url.strip_prefix("/d/").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
            let target = by_uid.get(target).unwrap_or_else(|| panic!("{uid}: {url} leads nowhere"));
            for found in parameter.captures_iter(url) {
                let name = found.name("plain").or(found.name("passed")).expect("one of them").as_str();
                // What the other dashboard does not know it hands on unused, which is how a way back keeps its choice.
                let is_known = by_uid.values().any(|other| variables(other).iter().any(|other| other["name"] == name));
                assert!(is_known, "{uid}: {url} sets {name}");
            }
            assert!(url.contains("${__url_time_range}"), "{uid}: {url} loses the time range");
            assert!(url.contains("${prometheus_datasource:queryparam}"), "{uid}: {url} loses the data source");
            if text(target, "uid") == "twilio-debugger-code" {
                assert!(url.contains("var-error_code=${__"), "{uid}: {url} sets no code");
            }
        });
        every("", dashboard, &mut |key, value| {
            if let (Some(other), false) = (value.as_str(), key == "url") {
                assert!(!other.contains("://"), "{uid}: {key}: {other} names an address");
            }
        });
    }
    assert!(links >= 8, "{links} links were found");
}

fn with_type<'a>(entries: &'a [Value], kind: &str) -> &'a Value {
    entries.iter().find(|entry| entry["type"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

#[test]
fn restarts_and_reloads_are_marked() {
    for dashboard in dashboards().values() {
        let annotations = list(&dashboard["annotations"], "list");
        for (name, metric) in [
            ("Restarts", "process_start_time_seconds"),
            ("Reloads", "twilio_debugger_exporter_config_last_reload_success_timestamp_seconds"),
        ] {
            let annotation = with_name(annotations, name);
            assert_eq!(annotation["enable"], true, "{}", dashboard["uid"]);
            assert!(text(annotation, "expr").contains(metric), "{}", dashboard["uid"]);
        }
    }
}

#[test]
fn the_overview_has_alerts_and_logs() {
    let dashboards = dashboards();
    let overview = &dashboards["twilio-debugger-overview.json"];
    let alerts = with_type(list(overview, "panels"), "alertlist");
    assert_eq!(alerts["options"]["alertName"], "TwilioDebugger", "the names of our alerts begin so");
    for file in ["twilio-debugger-overview.json", "twilio-debugger-code.json"] {
        let logs = with_type(list(&dashboards[file], "panels"), "logs");
        let query = text(&logs["targets"][0], "expr");
        assert!(query.starts_with("{service_name=~\"$service_name\"} |"), "{file}: {query}");
        assert!(query.ends_with("|= `$search`"), "{file}: the search is for what the line shows: {query}");
    }
}

/// All queries, each with its variables filled in.
fn filled() -> Vec<(String, Language, String)> {
    let variables =
        Variables::over(1_700_000_000, 1_700_021_600, 60).with("error_code", "11200").with("search", "time-out");
    let every = dashboards().values().flat_map(queries::of).collect::<Vec<_>>();
    // The selector of a Loki variable may be empty, which stands for all streams.
    let every = every.into_iter().filter(|query| !query.text.is_empty());
    let filled = every.map(|query| {
        let text = variables.fill(&query);
        (query.place, query.language, text)
    });
    filled.collect()
}

#[test]
fn every_query_fits_its_grammar() {
    let queries = filled();
    let of = |language| queries.iter().filter(|(_, of, _)| *of == language).count();
    assert!(of(Language::PromQl) > 60 && of(Language::LogQl) > 8, "{} queries were found", queries.len());
    let texts: Vec<_> = queries.iter().map(|(_, language, text)| (*language, text.clone())).collect();
    let wrong: Vec<_> = queries
        .iter()
        .zip(queries::parse(&texts))
        .filter_map(|((place, _, text), parsed)| Some(format!("{place}: {}\n{text}", parsed.error?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without this the test above could be one that never fails.
#[test]
fn a_broken_query_does_not_fit() {
    let broken = [
        (Language::PromQl, "sum by (level (up)"),
        (Language::PromQl, "increase(up[5m)"),
        (Language::PromQl, "increase(up[$__range])"),
        (Language::LogQl, "{service_name=\"a\"} | level=~"),
        (Language::LogQl, "{service_name=\"a\"} |= `open"),
        (Language::LogQl, "sum by (a) (count_over_time({service_name=\"a\"} [$__auto]))"),
        (Language::LogQl, "topk(10, sum by (a) (count_over_time({service_name=\"a\"} | keep a [5m]))"),
    ];
    let texts: Vec<_> = broken.iter().map(|(language, query)| (*language, (*query).to_owned())).collect();
    for ((_, query), parsed) in broken.iter().zip(queries::parse(&texts)) {
        assert!(parsed.error.is_some(), "{query} was taken");
    }
}

/// Runs Grafana's linter; what it found, by the name of the rule.
fn lint(dashboard: &str, config: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (file, config_file) = (dir.path().join("dashboard.json"), dir.path().join("lint.yaml"));
    std::fs::write(&file, dashboard).expect("writable");
    std::fs::write(&config_file, config).expect("writable");
    let linter = root().join(".tools/bin/dashboard-linter");
    let mut command = Command::new(&linter);
    command.args(["lint", "--strict", "--verbose", "--config"]).arg(config_file).arg(file);
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}; run `make tools`", linter.display()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn grafanas_linter_finds_nothing() {
    let exclusions = std::fs::read_to_string(root().join("grafana/dashboards/.lint")).expect(".lint");
    for (file, dashboard) in dashboards() {
        let (is_clean, said) = lint(&dashboard.to_string(), &exclusions);
        assert!(is_clean, "{file}:\n{said}");
    }
}

/// An exclusion that nothing needs any more hides the next fault.
#[test]
fn every_exclusion_of_the_linter_is_needed_and_says_why() {
    let exclusions = std::fs::read_to_string(root().join("grafana/dashboards/.lint")).expect(".lint");
    let parsed: Value = serde_saphyr::from_str(&exclusions).expect("YAML");
    let rules = parsed["exclusions"].as_object().expect("rules");
    assert_eq!(parsed.as_object().expect("a map").len(), 1, "there are exclusions and nothing else");
    for (rule, exclusion) in rules {
        assert!(text(exclusion, "reason").len() > 30, "{rule}: no reason");
        assert!(!list(exclusion, "entries").is_empty(), "{rule}: without entries it would be off altogether");
        for entry in list(exclusion, "entries") {
            let mut rest = parsed.clone();
            let entries = rest["exclusions"][rule]["entries"].as_array_mut().expect("a list");
            entries.retain(|other| other != entry);
            if entries.is_empty() {
                rest["exclusions"].as_object_mut().expect("a map").remove(rule);
            }
            let of = |dashboard: &Value| dashboard["title"] == entry["dashboard"];
            let dashboard = dashboards().into_values().find(of).unwrap_or_else(|| panic!("{rule}: no such dashboard"));
            // JSON is YAML.
            let (is_clean, _) = lint(&dashboard.to_string(), &rest.to_string());
            assert!(!is_clean, "{rule}: {entry} is not needed");
        }
    }
}

/// Without this the linter could be one that never complains.
#[test]
fn the_linter_is_strict() {
    let mut dashboard = dashboards().remove("twilio-debugger-exporter.json").expect("it is there");
    assert!(lint(&dashboard.to_string(), "{}").0);
    dashboard["panels"][0]["targets"][0]["expr"] = "min(up)".into();
    let (is_clean, said) = lint(&dashboard.to_string(), "{}");
    assert!(!is_clean && said.contains("job selector not found"), "{said}");
}
