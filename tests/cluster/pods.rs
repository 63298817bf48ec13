//! Pods as a controller would make them, which is when Pod Security judges: a StatefulSet of any pod is accepted.

use serde_json::{Value, json};

use super::server::Server;
use test_support::chart;

/// The pod that the controller of a workload would create, under a name of its own.
fn pod_of(workload: &Value) -> Value {
    let template = &workload["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": template["metadata"],
        "spec": template["spec"],
    });
    pod["metadata"]["name"] = format!("{}-made-by-hand", workload["metadata"]["name"].as_str().expect("a name")).into();
    pod["metadata"]["namespace"] = workload["metadata"]["namespace"].clone();
    let claims = workload["spec"]["volumeClaimTemplates"].as_array().map(Vec::as_slice).unwrap_or_default();
    for name in claims.iter().map(|claim| &claim["metadata"]["name"]) {
        let claim = json!({"name": name, "persistentVolumeClaim": {"claimName": "of-the-controller"}});
        pod["spec"]["volumes"].as_array_mut().expect("volumes").push(claim);
    }
    pod
}

/// Creates the pod of an installed release for real, and deletes it.
pub(crate) fn create_and_delete(server: &Server, workload: &Value) {
    let pod = pod_of(workload);
    server.create(&pod);
    let (name, namespace) = (&pod["metadata"]["name"], &pod["metadata"]["namespace"]);
    let (name, namespace) = (name.as_str().expect("a name"), namespace.as_str().expect("a namespace"));
    let mut delete = server.kubectl();
    chart::succeed(delete.args(["delete", "pod", name, "--namespace", namespace, "--grace-period=0", "--force"]), "");
}

/// That the admission would refuse: the same pod, less one field of the restricted level at a time.
pub(crate) fn refuses_anything_less(server: &Server, workload: &Value) {
    let pod = pod_of(workload);
    let alter = |change: &dyn Fn(&mut Value)| {
        let mut altered = pod.clone();
        change(&mut altered["spec"]);
        altered
    };
    let less = [
        alter(&|spec| spec["securityContext"]["runAsNonRoot"] = Value::Null),
        alter(&|spec| spec["securityContext"]["seccompProfile"] = Value::Null),
        alter(&|spec| spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = Value::Null),
        alter(&|spec| spec["containers"][0]["securityContext"]["capabilities"] = Value::Null),
        alter(&|spec| spec["hostNetwork"] = true.into()),
    ];
    for pod in less {
        let refusal = server.refusal(&pod);
        assert!(refusal.contains("violates PodSecurity \"restricted:latest\""), "{refusal}");
    }
}
