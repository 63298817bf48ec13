//! Lists of thresholds: what each entry becomes, and what is refused.

use crate::prometheus;
use crate::rendered::{EVERY_FORM, run, text, with_thresholds};

/// The answer to a list that is refused.
fn refusal(list: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("list.yaml");
    std::fs::write(&path, list).expect("writable");
    let output = run(&["--thresholds", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2), "{list}");
    assert!(output.stdout.is_empty(), "a rule file that is half of what was asked for: {list}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn each_entry_is_a_rule() {
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    let group = file.groups.iter().find(|group| group.name == "twilio-debugger-thresholds").expect("the group");
    let expected = [
        ("twilio_debugger_events_total{job=\"twilio-debugger-exporter\", level=~\"error|warning\"}[5m]", ">= 1"),
        ("level=\"error\", error_code=\"11200\"}[15m]", ">= 5"),
        ("level=\"warning\", error_code=\"overflow\"}[1h]", ">= 999999999"),
        ("twilio_debugger_events_total{job=\"twilio-debugger-exporter\", level=~\"error|warning\"}[12h]", ">= 20"),
        ("level=\"error\", error_code=\"0\"}[24h]", ">= 2"),
    ];
    assert_eq!(group.rules.len(), expected.len());
    for (rule, (selector, comparison)) in group.rules.iter().zip(expected) {
        assert!(rule.expr.contains(selector), "{selector}: {}", rule.expr);
        assert!(rule.expr.trim_end().ends_with(comparison), "{comparison}: {}", rule.expr);
    }
    let labels = group.rules.iter().map(|rule| {
        let label = |name: &str| rule.labels[name].as_str();
        [label("code"), label("level"), label("window"), label("threshold"), label("severity")].join(" ")
    });
    let expected = [
        "all any 5m 1 critical",
        "11200 error 15m 5 warning",
        "overflow warning 1h 999999999 info",
        "each any 12h 20 critical",
        "0 error 24h 2 info",
    ];
    assert_eq!(labels.collect::<Vec<_>>(), expected);
}

#[test]
fn an_empty_list_leaves_the_group_out() {
    let file = prometheus::parse(&with_thresholds("prometheus", "[]"));
    assert!(file.groups.len() == 4 && file.groups.iter().all(|group| group.name != "twilio-debugger-thresholds"));
}

#[test]
fn a_faulty_entry_is_named_by_position_and_content() {
    for (entry, said) in [
        (r#"{code: "11200", level: error, window: 10m, threshold: 5, severity: info}"#, "window `10m`"),
        (r#"{code: "11200", level: fatal, window: 15m, threshold: 5, severity: info}"#, "level `fatal`"),
        (r"{code: eleven, level: error, window: 15m, threshold: 5, severity: info}", "code `eleven`"),
        (r#"{code: "11200", level: error, window: 15m, threshold: 5, severity: page}"#, "severity `page`"),
        (r#"{code: "11200", level: error, window: 15m, threshold: 0, severity: info}"#, "threshold `0`"),
        (r#"{code: "11200", level: error, window: 15m, treshold: 5, severity: info}"#, "`treshold` is not known"),
        (r"{code: each, level: any, window: 24h, threshold: 1, severity: info}", "entry 1 once more"),
    ] {
        let answer =
            refusal(&format!("- {{code: each, level: any, window: 24h, threshold: 1, severity: info}}\n- {entry}\n"));
        assert!(answer.contains("list.yaml: entry 2, {\"code\":\""), "{answer}");
        assert!(answer.contains(said), "{said}: {answer}");
        assert_eq!(answer.lines().count(), 1, "{answer}");
    }
}

#[test]
fn every_fault_is_named_in_one_run() {
    let list = "- {level: error, window: 7d, threshold: 1, severity: info}\n\
                - {level: any, window: 5m, threshold: 1, severity: info}\n\
                - {level: any, window: 5m, threshold: -1, severity: info}\n";
    let answer = refusal(list);
    assert_eq!(answer.lines().count(), 2, "{answer}");
    assert!(answer.contains("entry 1, ") && answer.contains("entry 3, ") && !answer.contains("entry 2, "), "{answer}");
}

#[test]
fn what_is_no_list_is_refused() {
    assert!(refusal("").contains("must be a list"));
    assert!(refusal("thresholds: []").contains("must be a list"));
    assert!(refusal("- {level: [").contains("is no valid YAML"));
    let output = run(&["--thresholds", "no-such-file.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-file.yaml: cannot be read"));
}

/// What people copy first.
#[test]
fn the_lists_in_the_readmes_are_accepted() {
    for (readme, entries) in [("README.md", 1), ("grafana/README.md", 3)] {
        let readme = text(readme);
        let list = readme.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
        let list: Vec<_> = list.filter(|block| block.starts_with("# thresholds.yaml")).collect();
        let [list] = list[..] else { panic!("one list") };
        let file = prometheus::parse(&with_thresholds("prometheus", list));
        let group = file.groups.iter().find(|group| group.name == "twilio-debugger-thresholds").expect("the group");
        assert_eq!(group.rules.len(), entries);
    }
}
