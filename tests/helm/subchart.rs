//! As a part of another chart: with `global` values that are not ours, under another name, and with nulls that arrive.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use test_support::chart::{self, HELMS};

/// A chart that has ours as dependencies, under the names `twilio-debugger-exporter` and `hooks`.
fn wrapper(folder: &Path, values: &Value) {
    let dependency = |name: Value| {
        let mut dependency = json!({"name": "twilio-debugger-exporter", "version": "*", "repository": ""});
        if !name.is_null() {
            dependency["alias"] = name;
        }
        dependency["condition"] = "twilio-debugger-exporter.enabled".into();
        dependency
    };
    let chart = json!({
        "apiVersion": "v2",
        "name": "wrapper",
        "version": "1.0.0",
        "dependencies": [dependency(Value::Null), dependency("hooks".into())],
    });
    fs::write(folder.join("Chart.yaml"), chart.to_string()).expect("writable");
    fs::write(folder.join("values.yaml"), values.to_string()).expect("writable");
    let mut package = chart::helm("helm4");
    package.arg("package").arg(chart::folder()).arg("--destination").arg(folder.join("charts"));
    chart::succeed(&mut package, "");
}

fn least(more: &Value) -> Value {
    let mut values = json!({
        "enabled": true,
        "twilio": {
            "publicUrl": "https://hooks.example.com/twilio",
            "accountSid": "AC0123456789abcdef0123456789abcdef",
            "existingSecret": "twilio",
        },
    });
    values.as_object_mut().expect("values").extend(more.as_object().expect("values").clone());
    values
}

#[test]
fn it_renders_inside_another_chart_with_global_values() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    wrapper(
        folder.path(),
        &json!({
            "global": {
                "imageRegistry": "registry.example.com",
                "imagePullSecrets": ["shared"],
                // Other charts' own.
                "storageClass": "fast",
                "security": {"allowInsecureImages": true},
            },
            "twilio-debugger-exporter": least(&json!({})),
            "hooks": least(&json!({"prometheusRule": {"enabled": true}})),
        }),
    );
    // In a file of values and not in the wrapper's own: of those Helm 4 ignores a null for a dependency.
    let nulls = folder.path().join("nulls.yaml");
    let emptied =
        json!({"twilio-debugger-exporter": {"podSecurityContext": {"fsGroup": null, "fsGroupChangePolicy": null}}});
    fs::write(&nulls, emptied.to_string()).expect("writable");
    let arguments = ["--values", nulls.to_str().expect("a path in UTF-8")];
    for program in HELMS {
        let manifest = chart::template(program, folder.path(), &arguments);
        let objects = chart::objects(&manifest.unwrap_or_else(|error| panic!("{program}: {error}")));
        let workloads = chart::of_kind(&objects, "StatefulSet");
        assert_eq!(workloads.len(), 2, "{program}: one for each name");
        let [plain, renamed] = [workloads[0], workloads[1]];
        assert_ne!(plain["metadata"]["name"], renamed["metadata"]["name"], "{program}");
        assert_ne!(plain["spec"]["selector"], renamed["spec"]["selector"], "{program}");
        for workload in workloads {
            let pod = &workload["spec"]["template"]["spec"];
            let image = pod["containers"][0]["image"].as_str().expect("an image");
            assert!(image.starts_with("registry.example.com/"), "{program}: {image}");
            assert_eq!(pod["imagePullSecrets"], json!([{"name": "shared"}]), "{program}");
        }
        for object in &objects {
            chart::walk(object, &chart::title(object), &mut |way, value| assert!(!value.is_null(), "{program}: {way}"));
        }
        let of = |name: &str| {
            chart::of_kind(&objects, "StatefulSet")
                .into_iter()
                .find(|found| found["metadata"]["labels"]["app.kubernetes.io/name"] == name)
        };
        let context = &of("twilio-debugger-exporter").expect("ours")["spec"]["template"]["spec"]["securityContext"];
        assert!(context["fsGroup"].is_null() && context["runAsNonRoot"] == true, "{program}: {context:#}");
        // Under another name the job is another, and the rules know.
        let rules = chart::of_kind(&objects, "PrometheusRule");
        assert!(of("hooks").is_some() && rules[0].to_string().contains("job=\\\"hooks\\\""), "{program}");
    }
}

#[test]
fn a_typo_below_the_name_of_the_dependency_is_refused() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    wrapper(
        folder.path(),
        &json!({"twilio-debugger-exporter": least(&json!({"ingres": {}})), "hooks": least(&json!({}))}),
    );
    for program in HELMS {
        let refusal = chart::template(program, folder.path(), &[]).expect_err("renders a typo");
        assert!(refusal.contains("ingres"), "{program}: {refusal}");
    }
}

#[test]
fn the_condition_of_the_other_chart_leaves_it_out() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    wrapper(folder.path(), &json!({"twilio-debugger-exporter": {"enabled": false}}));
    for program in HELMS {
        let manifest =
            chart::template(program, folder.path(), &[]).unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(chart::objects(&manifest).is_empty(), "{program}: {manifest}");
    }
}
