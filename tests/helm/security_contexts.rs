//! What the restricted Pod Security level asks for, by default; and contexts that can be emptied, for OpenShift.

use serde_json::{Value, json};

use test_support::chart;

#[test]
fn every_pod_is_restricted() {
    for (shape, objects) in chart::rendered() {
        for (title, pod) in chart::pod_specs(objects) {
            let place = format!("{}: {title}", shape.name);
            assert_eq!(pod["automountServiceAccountToken"], false, "{place}");
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{place}");
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{place}");
            assert!(pod["securityContext"]["runAsUser"].is_null(), "{place}: the image has a numeric user");
            for field in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(pod[field].is_null(), "{place}: {field}");
            }
            for container in pod["containers"].as_array().expect("containers") {
                let context = &container["securityContext"];
                let expected = json!({
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": true,
                });
                assert_eq!(context, &expected, "{place}");
                assert!(container["resources"]["requests"].is_object(), "{place}");
            }
            let volumes = pod["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
            assert!(volumes.iter().all(|volume| volume["hostPath"].is_null()), "{place}");
        }
    }
}

/// A server drops null fields, but server-side apply then takes the field for ours, and OpenShift's admission cannot set it.
#[test]
fn no_field_of_any_shape_is_null() {
    for (shape, objects) in chart::rendered() {
        for object in objects {
            chart::walk(object, &format!("{}: {}", shape.name, chart::title(object)), &mut |way, value: &Value| {
                assert!(!value.is_null(), "{way}");
            });
        }
    }
}

#[test]
fn a_context_that_is_null_is_dropped() {
    let contexts = |sets: &[&str]| {
        let objects = chart::objects_with(sets);
        let pod = chart::workload(&objects)["spec"]["template"]["spec"].clone();
        (pod["securityContext"].clone(), pod["containers"][0]["securityContext"].clone())
    };
    let (pod, _) = contexts(&["podSecurityContext.fsGroup=null"]);
    assert!(
        pod["fsGroup"].is_null() && pod.as_object().is_some_and(|fields| !fields.contains_key("fsGroup")),
        "{pod:#}"
    );
    let (pod, container) = contexts(&["podSecurityContext=null", "securityContext=null"]);
    assert_eq!((pod, container), (Value::Null, Value::Null));
    let fields = ["runAsNonRoot", "seccompProfile", "fsGroup", "fsGroupChangePolicy"];
    let (pod, _) =
        contexts(&fields.map(|field| format!("podSecurityContext.{field}=null")).each_ref().map(String::as_str));
    assert_eq!(pod, Value::Null, "an empty context is left out");
}

/// OpenShift gives each namespace a range of groups, and refuses one outside of it.
#[test]
fn openshift_chooses_the_group_itself() {
    let default = chart::shapes().into_iter().find(|shape| shape.name == "default").expect("a default shape");
    for program in chart::HELMS {
        let more = ["--api-versions", "security.openshift.io/v1"];
        let objects = chart::objects(&chart::manifest(program, &default, chart::NEWEST, &more));
        let context = &chart::workload(&objects)["spec"]["template"]["spec"]["securityContext"];
        assert!(context["fsGroup"].is_null(), "{program}: {context:#}");
        assert_eq!(context["runAsNonRoot"], true, "{program}");
    }
}
