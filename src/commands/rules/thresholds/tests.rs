use super::{Codes, Threshold, parse};

fn faults(list: &str) -> Vec<String> {
    parse(list).expect_err("refused")
}

#[test]
fn an_entry_is_read() {
    let list = "- {code: \"11200\", level: error, window: 15m, threshold: 5, severity: critical}\n\
                - {code: 30007, level: any, window: 24h, threshold: 1, severity: info}\n\
                - {code: each, level: warning, window: 5m, threshold: 999999999, severity: warning}\n\
                - {level: any, window: 12h, threshold: 2, severity: info}";
    let entry = |codes, level, window, count, severity| Threshold { codes, level, window, count, severity };
    let expected = [
        entry(Codes::One("11200".to_owned()), "error", "15m", 5, "critical"),
        entry(Codes::One("30007".to_owned()), "any", "24h", 1, "info"),
        entry(Codes::Each, "warning", "5m", 999_999_999, "warning"),
        entry(Codes::All, "any", "12h", 2, "info"),
    ];
    assert_eq!(parse(list), Ok(expected.into()));
    assert_eq!(parse("[]"), Ok(Vec::new()));
}

#[test]
fn every_faulty_entry_is_named_in_one_run() {
    let list = "- {code: \"11200\", level: loud, window: 15m, threshold: 5, severity: critical}\n\
                - {code: each, level: error, window: 1h, threshold: 1, severity: info}\n\
                - {code: each, level: error, window: 7m, threshold: 0, severity: page}\n\
                - just words";
    let faults = faults(list);
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("entry 1, {\"code\":\"11200\",\"level\":\"loud\""), "{}", faults[0]);
    assert!(faults[0].ends_with(": level `loud` is not known; it must be one of error, warning, any"), "{}", faults[0]);
    assert!(faults[1].starts_with("entry 3, "), "{}", faults[1]);
    for said in ["window `7m`", "threshold `0`", "severity `page`"] {
        assert!(faults[1].contains(said), "{said}: {}", faults[1]);
    }
    assert!(faults[2].starts_with("entry 4, \"just words\": must hold "), "{}", faults[2]);
}

#[test]
fn a_code_that_no_event_can_have_is_refused() {
    for code in ["\"011200\"", "1234567", "\"\"", "all", "11200x", "-1", "1.5", "null", "[1]", "\"11200|30007\""] {
        let list = format!("- {{code: {code}, level: error, window: 1h, threshold: 1, severity: info}}");
        let faults = faults(&list);
        assert!(faults.len() == 1 && faults[0].contains(": code `"), "{code}: {faults:?}");
    }
    for code in ["none", "invalid", "overflow", "\"0\"", "999999"] {
        let list = format!("- {{code: {code}, level: error, window: 1h, threshold: 1, severity: info}}");
        assert!(parse(&list).is_ok(), "{code}");
    }
}

#[test]
fn a_threshold_is_a_whole_number_from_one_on() {
    for threshold in ["0", "-5", "2.5", "\"5\"", "1000000000", "true", "null"] {
        let list = format!("- {{level: error, window: 1h, threshold: {threshold}, severity: info}}");
        let faults = faults(&list);
        assert!(faults.len() == 1 && faults[0].contains(": threshold `"), "{threshold}: {faults:?}");
    }
}

#[test]
fn unknown_and_missing_keys_are_named() {
    let faults = faults("- {codes: \"11200\", level: error, window: 1h, severity: info}");
    assert_eq!(faults.len(), 1);
    for said in ["`codes` is not known", "threshold is missing"] {
        assert!(faults[0].contains(said), "{said}: {}", faults[0]);
    }
}

#[test]
fn an_entry_that_stands_twice_is_refused() {
    let twice = "- {code: \"11200\", level: error, window: 1h, threshold: 5, severity: info}\n\
                 - {code: 11200, level: error, window: 1h, threshold: 5, severity: critical}";
    let faults = faults(twice);
    assert!(faults.len() == 1 && faults[0].starts_with("entry 2, ") && faults[0].ends_with("is entry 1 once more"));
    let steps = "- {code: \"11200\", level: error, window: 1h, threshold: 5, severity: info}\n\
                 - {code: \"11200\", level: error, window: 1h, threshold: 50, severity: critical}";
    assert!(parse(steps).is_ok());
}

#[test]
fn what_is_no_list_is_refused() {
    for text in ["", "thresholds: []", "5", "~"] {
        let faults = faults(text);
        assert!(faults[0].starts_with("must be a list"), "{text}: {faults:?}");
    }
    assert!(faults("- {level: error,\n- [").first().is_some_and(|fault| fault.contains("is no valid YAML")));
    assert!(faults("- {level: error, level: any}").first().is_some_and(|fault| fault.contains("is no valid YAML")));
}
