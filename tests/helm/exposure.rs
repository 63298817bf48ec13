//! The internet reaches the webhook port and nothing else; Prometheus reaches the telemetry port.

use serde_json::Value;

use test_support::chart;

/// Names and port numbers of the services that lead to a port of the container.
fn services_to<'a>(objects: &'a [Value], port: &str) -> Vec<(&'a Value, &'a Value)> {
    let services = chart::of_kind(objects, "Service").into_iter().filter(|service| {
        let ports = service["spec"]["ports"].as_array().expect("a service has ports");
        assert_eq!(ports.len(), 1, "one port each, so that one can be exposed without the other: {service:#}");
        ports[0]["targetPort"] == port
    });
    services.map(|service| (&service["metadata"]["name"], &service["spec"]["ports"][0]["port"])).collect()
}

#[test]
fn each_listener_has_a_service_of_its_own() {
    for (shape, objects) in chart::rendered() {
        let container = &chart::workload(objects)["spec"]["template"]["spec"]["containers"][0];
        let ports: Vec<_> = container["ports"].as_array().expect("ports").iter().map(|port| &port["name"]).collect();
        assert_eq!(ports, ["webhook", "telemetry"], "{}", shape.name);
        assert_eq!(services_to(objects, "webhook").len(), 1, "{}", shape.name);
        assert_eq!(services_to(objects, "telemetry").len(), 1, "{}", shape.name);
        for service in chart::of_kind(objects, "Service") {
            let selected = &service["spec"]["selector"];
            assert_eq!(selected, &chart::workload(objects)["spec"]["selector"]["matchLabels"], "{}", shape.name);
            let internal = service["spec"]["ports"][0]["targetPort"] == "telemetry";
            assert!(!internal || service["spec"]["type"] == "ClusterIP", "{}: {service:#}", shape.name);
        }
    }
}

#[test]
fn an_ingress_leads_to_the_webhook_port_and_the_public_paths_only() {
    let mut seen = 0;
    for (shape, objects) in chart::rendered() {
        let (webhook, _) = services_to(objects, "webhook")[0];
        let public = public_paths(objects);
        for ingress in chart::of_kind(objects, "Ingress") {
            assert!(ingress["spec"]["defaultBackend"].is_null(), "{}", shape.name);
            for rule in ingress["spec"]["rules"].as_array().expect("rules") {
                assert!(rule["host"].is_string(), "{}: {rule:#}", shape.name);
                for path in rule["http"]["paths"].as_array().expect("paths") {
                    assert_eq!(&path["backend"]["service"]["name"], webhook, "{}", shape.name);
                    assert_eq!(path["backend"]["service"]["port"]["name"], "webhook", "{}", shape.name);
                    assert_eq!(path["pathType"], "Exact");
                    assert!(public.contains(&path["path"]), "{}: {path:#} is none of {public:?}", shape.name);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 2, "{seen} paths in all shapes");
}

#[test]
fn a_route_leads_to_the_webhook_port_and_the_public_paths_only() {
    let mut seen = 0;
    for (shape, objects) in chart::rendered() {
        let (webhook, port) = services_to(objects, "webhook")[0];
        let public = public_paths(objects);
        for route in chart::of_kind(objects, "HTTPRoute") {
            for rule in route["spec"]["rules"].as_array().expect("rules") {
                for backend in rule["backendRefs"].as_array().expect("backends") {
                    assert_eq!((&backend["name"], &backend["port"]), (webhook, port), "{}", shape.name);
                    seen += 1;
                }
                // A rule without a match takes everything.
                let matches = rule["matches"].as_array().expect("matches");
                assert!(!matches.is_empty(), "{}", shape.name);
                for found in matches {
                    assert_eq!(found["path"]["type"], "Exact", "{}", shape.name);
                    assert!(public.contains(&found["path"]["value"]), "{}: {found:#}", shape.name);
                }
            }
        }
    }
    assert!(seen >= 1, "no backend in any shape");
}

/// The paths of the public URLs, as the exporter's own configuration has them.
fn public_paths(objects: &[Value]) -> Vec<Value> {
    let config = objects.iter().find_map(|object| object["data"]["config.yaml"].as_str()).expect("a configuration");
    let urls = chart::yaml(config)["public_url"].clone();
    let urls = if urls.is_array() { urls.as_array().cloned().unwrap_or_default() } else { vec![urls] };
    let path = |url: &Value| {
        let url = url.as_str().expect("a URL").split(['?', '#']).next().unwrap_or_default();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        Value::from(format!("/{path}"))
    };
    urls.iter().map(path).collect()
}

#[test]
fn a_network_policy_closes_both_directions() {
    let mut seen = 0;
    for (shape, objects) in chart::rendered() {
        for policy in chart::of_kind(objects, "NetworkPolicy") {
            let spec = &policy["spec"];
            assert_eq!(spec["policyTypes"], serde_json::json!(["Ingress", "Egress"]), "{}", shape.name);
            assert_eq!(spec["podSelector"]["matchLabels"], chart::workload(objects)["spec"]["selector"]["matchLabels"]);
            for rule in ["ingress", "egress"].into_iter().flat_map(|way| spec[way].as_array().expect("rules")) {
                let ports = rule["ports"].as_array();
                assert!(ports.is_some_and(|ports| !ports.is_empty()), "{}: opens every port: {rule:#}", shape.name);
            }
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen} policies in all shapes");
}

#[test]
fn the_network_policy_lets_in_twilio_and_prometheus_and_out_the_records() {
    let objects =
        chart::objects_with(&["networkPolicy.enabled=true", "otlp.endpoint=http://otel-collector.monitoring.svc:4317"]);
    let spec = &chart::of_kind(&objects, "NetworkPolicy")[0]["spec"];
    // The pod of `helm test` has a rule of its own, which comes last.
    let of_the_test = spec["ingress"].as_array().and_then(|rules| rules.last()).expect("rules");
    let label = &of_the_test["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
    assert_eq!(label, "twilio-debugger-exporter-test", "{spec:#}");
    let rules_for = |way: &str, port: &Value| -> Vec<Value> {
        let rules = spec[way].as_array().expect("rules").iter().filter(|rule| *rule != of_the_test);
        rules
            .filter(|rule| rule["ports"].as_array().expect("ports").iter().any(|open| &open["port"] == port))
            .cloned()
            .collect()
    };
    let webhook = rules_for("ingress", &"webhook".into());
    assert_eq!(webhook.len(), 1, "{spec:#}");
    assert!(webhook[0]["from"].is_null(), "an ingress controller may sit anywhere: {spec:#}");
    // Pods of the cluster, and nobody outside.
    let telemetry = rules_for("ingress", &"telemetry".into());
    assert_eq!(telemetry.len(), 1, "{spec:#}");
    assert_eq!(telemetry[0]["from"], serde_json::json!([{"namespaceSelector": {}}]), "{spec:#}");
    assert_eq!(rules_for("egress", &53.into()).len(), 1, "no name resolution: {spec:#}");
    let records = rules_for("egress", &4317.into());
    assert_eq!(records.len(), 1, "{spec:#}");
    let to = &records[0]["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
    assert_eq!(to, "monitoring", "{spec:#}");
    // Nowhere to export to: no way out but name resolution.
    let objects = chart::objects_with(&["networkPolicy.enabled=true"]);
    let egress = &chart::of_kind(&objects, "NetworkPolicy")[0]["spec"]["egress"];
    assert_eq!(egress.as_array().map(Vec::len), Some(1), "{egress:#}");
}
