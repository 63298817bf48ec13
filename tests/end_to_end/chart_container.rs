//! The chart's default values start the real image: what Helm renders is executed by runc as a kubelet would have it executed, and
//! the pod of `helm test` posts its event to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use test_support::container::{Container, USER};
use test_support::dns::Dns;
use test_support::kubelet::{NAMESPACE, Pod};
use test_support::namespace::Namespace;
use test_support::post::{self, Post};
use test_support::process::tool;
use test_support::{ACCOUNT, Event, Scrape, TOKEN, event::PUBLIC_URL, wait};

/// What the default values and the required ones render, and the Secret that the user has made before.
fn cluster() -> Vec<Value> {
    let home = tempfile::tempdir().expect("a temporary folder");
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("helm/twilio-debugger-exporter");
    let required = format!("twilio.publicUrl={PUBLIC_URL},twilio.accountSid={ACCOUNT},twilio.existingSecret=twilio");
    let mut helm = Command::new(tool("helm4"));
    helm.args(["template", "release"]).arg(chart).args(["--namespace", NAMESPACE, "--set", &required]);
    let homes = ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"];
    let rendered = helm.envs(homes.map(|name| (name, home.path()))).output();
    let rendered = rendered.unwrap_or_else(|error| panic!("cannot start helm: {error}; run `make tools`"));
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let manifest = String::from_utf8(rendered.stdout).expect("UTF-8");
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&manifest).expect("YAML");
    objects.retain(|object| !object.is_null());
    objects.push(json!({"kind": "Secret", "metadata": {"name": "twilio"}, "data": {"auth-token": TOKEN}}));
    objects
}

fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let object = found.next().unwrap_or_else(|| panic!("no {kind} is rendered"));
    assert!(found.next().is_none(), "more than one {kind}");
    object
}

/// The names of the services, as a cluster's DNS has them. They lead to the pod itself here, so a service must not change the port.
fn services(objects: &[Value], container: &Value) -> Vec<String> {
    let services = objects.iter().filter(|object| object["kind"] == "Service");
    let names = services.map(|service| {
        for port in service["spec"]["ports"].as_array().expect("a list") {
            let mut ports = container["ports"].as_array().expect("a list").iter();
            let target = ports.find(|of_pod| of_pod["name"] == port["targetPort"]);
            assert_eq!(target.map(|target| &target["containerPort"]), Some(&port["port"]), "{service}");
        }
        format!("{}.{NAMESPACE}.svc.cluster.local", service["metadata"]["name"].as_str().expect("a name"))
    });
    names.collect()
}

async fn scrape(pod: Ipv4Addr) -> Scrape {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let page = client.get(format!("http://{pod}:9979/metrics")).send().await.expect("the telemetry port answers");
    Scrape::parse(&page.text().await.expect("text"))
}

/// Becomes ready as kubelet sees it, takes an event on the one port and shows it on the other.
async fn ready_and_counting(pod: &Pod, network: &Namespace, event: &Event, count: f64) {
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        pod.probe(network, probe).await;
    }
    let webhook = SocketAddr::from((network.inside, 8080));
    assert_eq!(post::all(webhook, vec![Post::of(event)]).await, [Some(204)]);
    let page = scrape(network.inside).await;
    assert_eq!(page.get("twilio_debugger_events_total{error_code=\"11200\",level=\"error\"}"), Some(count));
    page.assert_adds_up();
}

async fn drains(pod: &Pod, mut container: Container) {
    assert!(pod.container()["lifecycle"].is_null(), "kubelet would do something else first");
    let asked = Instant::now();
    container.process.signal("TERM");
    let status = container.process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", container.process.output());
    assert!(asked.elapsed() < pod.grace(), "kubelet would have killed it after {:?}", pod.grace());
    container.process.line_of_the_end("drained").await;
}

#[tokio::test]
async fn the_default_values_start_an_exporter_that_counts_and_drains() {
    let objects = cluster();
    let pod = Pod::of(one(&objects, "StatefulSet"), &objects);
    let network = Namespace::new();
    // Nothing that it has been told needs a name.
    let container = pod.start(&network, network.outside);
    ready_and_counting(&pod, &network, &Event::new(1, "11200"), 1.0).await;

    let id = USER.to_string();
    assert_eq!(container.status("Uid"), [&*id; 4].join(" "));
    assert_eq!(container.status("Groups"), id, "fsGroup");
    assert_eq!(container.status("CapEff"), "0000000000000000");
    assert_eq!(container.status("CapBnd"), "0000000000000000");
    assert_eq!(container.status("NoNewPrivs"), "1");
    assert_eq!(container.status("Seccomp"), "2", "a filter");
    // As people look into a pod: kubectl exec. The configuration is found where the chart has put it.
    let listed = container.exec(&["/twilio-debugger-exporter", "events"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("11200"), "{listed:?}");
    let checked = container.exec(&["/twilio-debugger-exporter", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    drains(&pod, container).await;

    // The next pod finds the volume.
    let container = pod.start(&network, network.outside);
    ready_and_counting(&pod, &network, &Event::new(2, "11200"), 2.0).await;
    drains(&pod, container).await;
}

/// What `helm test` would report.
#[tokio::test]
async fn the_pod_of_helm_test_sees_its_event_counted() {
    let objects = cluster();
    let (exporter, test) = (Pod::of(one(&objects, "StatefulSet"), &objects), Pod::of(one(&objects, "Pod"), &objects));
    // The pods share one network, in which the names of the services lead to it.
    let network = Namespace::new();
    let names = services(&objects, exporter.container());
    let names: Vec<_> = names.iter().map(|name| (name.as_str(), network.inside)).collect();
    let _dns = Dns::start(network.outside, &names).await;
    let container = exporter.start(&network, network.outside);
    exporter.probe(&network, "readinessProbe").await;

    let mut run = test.start(&network, network.outside);
    let status = run.process.ended().await;
    let output = wait::until("its output", || async { run.process.finished_output() }).await;
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(
        output.contains("counted: twilio_debugger_events_total{error_code=\"11200\",level=\"debug\"} from 0 to 1"),
        "{output}"
    );
    drains(&exporter, container).await;
}
