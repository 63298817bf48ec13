//! Values that cannot work: refused by both Helms, in a sentence that says what to set.

use serde_json::Value;

use test_support::chart::{self, HELMS};

/// The least that renders.
const LEAST: [&str; 3] = [
    "twilio.publicUrl=https://hooks.example.com/twilio",
    "twilio.accountSid=AC0123456789abcdef0123456789abcdef",
    "twilio.existingSecret=twilio",
];

/// What is set on top of the least, and the whole of what is said.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["twilio.existingSecret="],
        "twilio: the account AC0123456789abcdef0123456789abcdef has no auth token; set twilio.existingSecret to a Secret that holds it.",
    ),
    (
        &["twilio.existingSecret=", "twilio.accountSid="],
        "twilio.existingSecret is not set: make a Secret with the account's auth token (kubectl create secret generic twilio \
         --from-literal=auth-token=...) and set twilio.existingSecret to its name and twilio.accountSid to the account's Sid.",
    ),
    (
        &["twilio.publicUrl="],
        "twilio.publicUrl is not set: set it to the URL that stands in Twilio's console, for example https://hooks.example.com/twilio.",
    ),
    (
        &["twilio.publicUrl=hooks.example.com/twilio"],
        "twilio.publicUrl \"hooks.example.com/twilio\" is no URL: set it to the whole URL that stands in Twilio's console, from https:// on.",
    ),
    (
        &["twilio.publicUrl=https://user:password@hooks.example.com/twilio"],
        "twilio.publicUrl holds a user name or a password, which Twilio does not sign: leave them out here and keep them in Twilio's console.",
    ),
    (
        &["twilio.accountSid="],
        "twilio.accountSid is not set: set it to the account's Sid (AC...), which Twilio's console shows beside the auth token.",
    ),
    (
        &["replicas=2"],
        "replicas is 2: set it to 1, because the store is embedded in the pod, and a second one would count and export on its own.",
    ),
    (
        &["ingress.enabled=true"],
        "ingress.hosts is empty: set it to the host of twilio.publicUrl, because an Ingress without a host answers for every name.",
    ),
    (
        &["httpRoute.enabled=true"],
        "httpRoute.parentRefs is empty: set it to the Gateway that the route belongs to, for example [{name: public, namespace: gateways}].",
    ),
    (
        &["config.public_url=https://hooks.example.com/twilio"],
        "config.public_url is written by the chart: set twilio.publicUrl of the values instead.",
    ),
    (
        &["config.store.dir=/data"],
        "config.store.dir is written by the chart: set persistence.mountPath of the values instead.",
    ),
    (
        &["persistence.size=1Gi"],
        "persistence.size is 1Gi: set it to more than config.store.bytes_max (1GiB) and 128Mi of write-ahead log together.",
    ),
    (
        &["serviceMonitor.enabled=true", "podMonitor.enabled=true"],
        "serviceMonitor.enabled and podMonitor.enabled are both true: set one of them to false, or each event is counted twice in sums.",
    ),
    (
        &["kind=Deployment", "updateStrategy.type=RollingUpdate"],
        "updateStrategy.type is RollingUpdate: set it to Recreate, because two pods of a Deployment cannot share the volume, or set kind \
         to StatefulSet.",
    ),
    (
        &["containerPorts.webhook=9979"],
        "containerPorts.webhook and containerPorts.telemetry are both 9979: set two different ports.",
    ),
    (
        &["terminationGracePeriodSeconds=5"],
        "terminationGracePeriodSeconds is 5: set it to 15 or more, because the exporter takes up to 10 s to drain.",
    ),
    (
        &["otlp.endpoint=https://otlp.example.com", "otlp.existingSecretHeaders.authorization=key"],
        "otlp.existingSecretHeaders names keys of a Secret: set otlp.existingSecret to that Secret.",
    ),
];

/// Misspelt and mistyped: the key that the schema's answer must name.
const NOT_IN_THE_SCHEMA: &[(&str, &str)] = &[
    ("ingres.enabled=true", "ingres"),
    ("twilio.publicURL=https://hooks.example.com/twilio", "publicURL"),
    ("serviceMonitor.intervall=30s", "intervall"),
    ("persistence.emptyDir.limit=1Gi", "limit"),
    ("replicas=two", "replicas"),
    ("kind=DaemonSet", "kind"),
    ("service.webhook.type=Internal", "type"),
    ("rules.thresholds[0].windw=15m", "windw"),
    ("rules.thresholds[0].level=fatal", "level"),
    ("config.weebhook.connections_max=1", "weebhook"),
];

/// Keys of the schema that have no default, beside those of Kubernetes' own objects.
const WITHOUT_DEFAULT: [&str; 8] = [
    // For the condition of a parent chart; this one does not read it.
    ".enabled",
    // Listed so that the answer can say which value of the chart sets them.
    ".config.accounts",
    ".config.public_url",
    ".config.telemetry",
    // The exporter's own default holds.
    ".config.error_catalogue",
    ".config.event_streams",
    ".config.late_after",
    ".config.redaction",
];

/// What Helm says to the values, without what it puts around the chart's own words.
fn refusal(program: &str, sets: &[&str]) -> String {
    let arguments: Vec<_> = LEAST.iter().chain(sets).flat_map(|set| ["--set", *set]).collect();
    chart::template(program, &chart::folder(), &arguments).expect_err(&format!("{program} renders {sets:?}"))
}

/// The chart's own lines of a refusal.
fn sentences(refusal: &str) -> Vec<&str> {
    let around = |line: &&str| line.starts_with("Error: execution error at") || line.starts_with("Use --debug flag");
    refusal.lines().filter(|line| !line.is_empty() && !around(line)).collect()
}

#[test]
fn each_is_refused_in_one_sentence_that_says_what_to_set() {
    let cases = REFUSED.iter().flat_map(|case| HELMS.map(|program| (program, case))).collect();
    chart::in_parallel(cases, |(program, (sets, sentence))| {
        let refusal = refusal(program, sets);
        assert_eq!(sentences(&refusal), [*sentence], "{program}, {sets:?}: {refusal}");
        assert!(sentence.ends_with('.') && sentence.contains("set") || sentence.contains("leave"), "{sentence}");
    });
}

#[test]
fn every_fault_is_named_in_one_run() {
    for program in HELMS {
        let refusal = refusal(program, &["twilio.publicUrl=", "replicas=3", "ingress.enabled=true"]);
        let begins: Vec<_> =
            sentences(&refusal).iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(begins, ["twilio.publicUrl", "replicas", "ingress.hosts"], "{refusal}");
    }
}

#[test]
fn a_typo_is_refused_by_the_schema() {
    let cases = NOT_IN_THE_SCHEMA.iter().flat_map(|case| HELMS.map(|program| (program, case))).collect();
    chart::in_parallel(cases, |(program, (set, key))| {
        let refusal = refusal(program, &[set]);
        assert!(refusal.contains("values don't meet the specifications of the schema"), "{program}, {set}: {refusal}");
        assert!(refusal.contains(key), "{program}, {set}: {refusal}");
    });
}

/// Not a sample: no section of the values takes a key that the schema does not list.
#[test]
fn no_section_of_the_values_is_open() {
    let schema: Value = serde_json::from_str(&chart::file("values.schema.json")).expect("JSON");
    let mut open = Vec::new();
    chart::walk(&schema, "", &mut |way, part| {
        let section = part["type"] == "object" && part["properties"].is_object() && !way.ends_with(".properties");
        // Other charts of a release put their own values under global; a variable's fields are Kubernetes'.
        let shared = [".properties.global", ".properties.extraEnv.items"].contains(&way);
        if section && !shared && part["additionalProperties"] != false {
            open.push(way.to_owned());
        }
    });
    assert!(open.is_empty(), "{open:#?}");
}

/// A default that the schema does not know would be refused; a key of the schema without a default is one that nobody finds.
#[test]
fn the_schema_lists_the_keys_of_the_values() {
    let schema: Value = serde_json::from_str(&chart::file("values.schema.json")).expect("JSON");
    let values = chart::yaml(&chart::file("values.yaml"));
    let mut wrong = Vec::new();
    compare(&schema, &schema, &values, "", &mut wrong);
    let expected = WITHOUT_DEFAULT.map(|key| format!("{key} has no default"));
    wrong.retain(|fault| !expected.contains(fault) && !fault.starts_with(".resources."));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn compare(root: &Value, schema: &Value, values: &Value, way: &str, wrong: &mut Vec<String>) {
    let (Some(listed), Some(values)) = (schema["properties"].as_object(), values.as_object()) else { return };
    for (key, value) in values {
        let way = format!("{way}.{key}");
        match listed.get(key) {
            None => wrong.push(format!("{way} is not in the schema")),
            Some(part) => {
                let named = part["$ref"].as_str().and_then(|name| root.pointer(name.trim_start_matches('#')));
                // A probe takes every field of a probe, of which the defaults set a few.
                if named.is_none() && !value.as_object().is_some_and(serde_json::Map::is_empty) {
                    compare(root, part, value, &way, wrong);
                }
            }
        }
    }
    for key in listed.keys().filter(|key| !values.contains_key(*key)) {
        wrong.push(format!("{way}.{key} has no default"));
    }
}
