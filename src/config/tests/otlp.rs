use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{Case, case};
use crate::otlp::{Protocol, Settings};

fn with(variables: &[(&str, &str)]) -> Case {
    variables.iter().fold(Case::minimal(), |case, (name, value)| case.with(name, value))
}

fn logs(case: &Case) -> Settings {
    case.loaded().settings.otlp.expect("an endpoint")
}

fn endpoints(variables: &[(&str, &str)]) -> (Option<String>, Option<String>) {
    let settings = with(variables).loaded().settings;
    (settings.otlp.map(|logs| logs.endpoint), settings.traces.map(|traces| traces.endpoint))
}

#[test]
fn the_endpoint_follows_the_specification() {
    const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    const ANY: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const LOGS: &str = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";
    for (variables, endpoint) in [
        (vec![HTTP, (ANY, "http://c:4318")], "http://c:4318/v1/logs"),
        (vec![HTTP, (ANY, "http://c:4318/")], "http://c:4318/v1/logs"),
        (vec![HTTP, (ANY, "https://c/otlp/")], "https://c/otlp/v1/logs"),
        (vec![HTTP, (LOGS, "http://c:4318")], "http://c:4318/"),
        (vec![HTTP, (LOGS, "http://c:4318/mine?a=b")], "http://c:4318/mine?a=b"),
        (vec![HTTP, (ANY, "http://any:4318"), (LOGS, "http://c:4318/mine")], "http://c:4318/mine"),
        (vec![(ANY, "http://c:4317")], "http://c:4317"),
        (vec![(ANY, "http://c:4317/ignored")], "http://c:4317"),
        (vec![(ANY, "c:4317")], "https://c:4317"),
        (vec![(ANY, "c:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "http://c:4317"),
        (vec![(ANY, "http://c:1"), ("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "false")], "http://c:1"),
        (vec![(ANY, "http://[::1]:4317")], "http://[::1]:4317"),
    ] {
        assert_eq!(logs(&with(&variables)).endpoint, endpoint, "{variables:?}");
    }
}

#[test]
fn an_endpoint_nobody_can_dial_is_a_fault() {
    for (endpoint, sentence) in [
        ("collector:4318", "must start with http:// or https://"),
        ("http://user:s3cret@c:4318", "headers_files"),
        ("ftp://c", "must start with"),
        ("http://c:4318/?a=s3cret", "query"),
        ("http://c:", "port"),
    ] {
        let fault = case(&format!("otlp: {{protocol: http/protobuf, endpoint: '{endpoint}'}}")).fault();
        assert!(fault.starts_with("otlp.endpoint: ") && fault.contains(sentence), "{fault}");
        assert!(!fault.contains("s3cret"), "{fault}");
    }
}

#[test]
fn each_standard_variable_is_one_of_our_settings() {
    let case = Case::minimal();
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| case.write(name, "pem"));
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    for infix in ["", "LOGS_"] {
        let mut case = Case::minimal();
        for (end, value) in [
            ("ENDPOINT", "http://c:4317".to_owned()),
            ("PROTOCOL", "http/protobuf".to_owned()),
            ("HEADERS", "Authorization=Basic%20abc==, x-tenant = 1".to_owned()),
            ("TIMEOUT", "2500".to_owned()),
            ("COMPRESSION", "gzip".to_owned()),
            ("CERTIFICATE", text(&ca)),
            ("CLIENT_CERTIFICATE", text(&cert)),
            ("CLIENT_KEY", text(&key)),
        ] {
            case = case.with(&format!("OTEL_EXPORTER_OTLP_{infix}{end}"), &value);
        }
        let otlp = logs(&case);
        assert_eq!(otlp.protocol, Protocol::HttpProtobuf);
        let headers: Vec<_> = otlp.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(headers, [("authorization", "Basic abc=="), ("x-tenant", "1")]);
        assert_eq!((otlp.timeout, otlp.gzip), (Duration::from_millis(2500), true));
        assert_eq!(
            [otlp.tls.ca_file, otlp.tls.cert_file, otlp.tls.key_file],
            [&ca, &cert, &key].map(|f| Some(f.clone()))
        );
    }
}

#[test]
fn the_resource_has_a_name_a_version_and_what_was_given() {
    let case = case("otlp: {endpoint: 'http://c:4317', resource_attributes: {team: a, zone: 1, service.name: file}}")
        .with("OTEL_RESOURCE_ATTRIBUTES", "team=b%2Cc,service.version=9,k8s.pod.name=p");
    let version = |value: &str| ("service.version".to_owned(), value.to_owned());
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut expected = vec![pair("service.name", "file"), version("9"), pair("team", "b,c"), pair("zone", "1")];
    expected.push(pair("k8s.pod.name", "p"));
    let mut resource = logs(&case).resource;
    resource[2..4].sort();
    assert_eq!(resource, expected);
    let named = case.with("OTEL_SERVICE_NAME", "mine");
    assert_eq!(logs(&named).resource[0], pair("service.name", "mine"));
    let bare = logs(&with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317")])).resource;
    assert_eq!(bare, [pair("service.name", "twilio-debugger-exporter"), version(env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn flags_and_our_variables_win_over_opentelemetrys_and_those_over_the_file() {
    let file = case("otlp: {endpoint: 'http://file:4317', timeout: 1s, headers: {x-a: file, x-b: file}}");
    assert_eq!(logs(&file).endpoint, "http://file:4317");
    let otel =
        file.with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4317").with("OTEL_EXPORTER_OTLP_HEADERS", "x-a=otel");
    assert_eq!((logs(&otel).endpoint.as_str(), logs(&otel).timeout), ("http://otel:4317", Duration::from_secs(1)));
    let headers: Vec<_> = logs(&otel).headers.iter().map(|(_, value)| value.expose_secret().to_owned()).collect();
    assert_eq!(headers, ["otel", "file"]);
    let signal = otel.with("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:4317");
    assert_eq!(logs(&signal).endpoint, "http://logs:4317");
    let own = signal.with("TWILIO_DEBUGGER_EXPORTER_OTLP_ENDPOINT", "http://own:4317");
    assert_eq!(logs(&own).endpoint, "http://own:4317");
    let flag = own.flag("otlp.endpoint", "http://flag:4318").flag("otlp.protocol", "http/protobuf");
    assert_eq!(logs(&flag).endpoint, "http://flag:4318/v1/logs", "a flag is a base, whatever variable it replaced");
}

#[test]
fn traces_go_where_and_when_they_are_told() {
    const ANY: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(endpoints(&[ANY]), (some("http://c:4317"), None));
    assert_eq!(endpoints(&[ANY, ("OTEL_TRACES_EXPORTER", "otlp")]).1, some("http://c:4317"));
    assert_eq!(endpoints(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1")]), (None, some("http://t:1")));
    let none = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1"), ("OTEL_TRACES_EXPORTER", "none")];
    assert_eq!(endpoints(&none), (None, None));
    assert_eq!(endpoints(&[ANY, ("OTEL_LOGS_EXPORTER", "none")]), (None, None));
    assert_eq!(endpoints(&[ANY, ("OTEL_SDK_DISABLED", "true")]), (None, None));
    let file = case("otlp: {endpoint: 'http://c:4318', protocol: http/protobuf, traces: true}").loaded().settings;
    assert_eq!(file.traces.map(|traces| traces.endpoint), some("http://c:4318/v1/traces"));
    assert_eq!(with(&[("OTEL_TRACES_EXPORTER", "otlp")]).loaded().warnings.len(), 1, "no endpoint");
}

#[test]
fn what_a_variable_cannot_mean_is_a_fault_under_its_name() {
    for (name, value, sentence) in [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "OTEL_EXPORTER_OTLP_TIMEOUT: must be a number of milliseconds"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json", "(set by OTEL_EXPORTER_OTLP_LOGS_PROTOCOL)"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,s3cret", "number 2 is none"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=b", "OTEL_RESOURCE_ATTRIBUTES: must be name=value"),
        ("OTEL_LOGS_EXPORTER", "console", "OTEL_LOGS_EXPORTER: must be otlp or none"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/missing", "cannot be read"),
    ] {
        let faults = with(&[(name, value)]).faults().join("\n");
        assert!(faults.contains(sentence) && !faults.contains("s3cret"), "{faults}");
    }
}

#[test]
fn header_values_may_stand_in_files() {
    let case = case("otlp: {endpoint: 'http://c:4317', headers_files: {Authorization: DIR/secret}}");
    let missing = case.fault();
    assert!(
        missing.starts_with("otlp.headers_files.Authorization: ") && missing.contains("cannot be read"),
        "{missing}"
    );
    case.write("secret", "Bearer s3cret\n");
    assert_eq!(logs(&case).headers[0].1.expose_secret(), "Bearer s3cret");
    case.write("secret", "a\nb");
    assert!(case.fault().contains("no header value"));
}

#[test]
fn the_other_protocols_port_is_warned_of() {
    let warnings = with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")]).loaded().warnings;
    assert!(warnings[0].contains("otlp.protocol"), "{warnings:?}");
}
