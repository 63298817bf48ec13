//! The chart, its shapes, and Helm.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::process::tool;
use crate::repository;

/// Both lines of Helm that are in use.
pub const HELMS: [&str; 2] = ["helm3", "helm4"];

/// The release that is rendered.
pub const RELEASE: &str = "release";

/// The newest Kubernetes whose schemas are there; the chart sets no upper bound.
pub const NEWEST: &str = "1.37";

/// One of the chart's `ci/*-values.yaml`.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    pub values: PathBuf,
}

/// Where the chart is.
pub fn folder() -> PathBuf {
    repository().join("helm/twilio-debugger-exporter")
}

/// A file of the chart.
pub fn file(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The only document of a YAML text.
pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Every shape, by name.
pub fn shapes() -> Vec<Shape> {
    let entries = fs::read_dir(folder().join("ci")).expect("the chart has shapes");
    let mut shapes: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .filter_map(|values| {
            let name = values.file_name()?.to_str()?.strip_suffix("-values.yaml")?.to_owned();
            Some(Shape { name, values })
        })
        .collect();
    shapes.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(shapes.len() >= 12, "only {} shapes", shapes.len());
    shapes
}

/// The oldest Kubernetes that Chart.yaml allows, as 1.27.
pub fn oldest() -> String {
    let chart = yaml(&file("Chart.yaml"));
    let allowed = chart["kubeVersion"].as_str().expect("kubeVersion is set");
    let version = allowed.strip_prefix(">=").and_then(|rest| rest.strip_suffix(".0-0"));
    version.unwrap_or_else(|| panic!("{allowed} is not of the form >=1.27.0-0")).to_owned()
}

/// Helm, without settings, repositories and plugins of the machine.
pub fn helm(program: &str) -> Command {
    static HOME: OnceLock<tempfile::TempDir> = OnceLock::new();
    let home = HOME.get_or_init(|| tempfile::tempdir().expect("a scratch folder")).path();
    let mut command = Command::new(tool(program));
    command
        .envs([("HELM_CACHE_HOME", home), ("HELM_CONFIG_HOME", home), ("HELM_DATA_HOME", home)])
        .env("KUBECONFIG", home.join("no-cluster"))
        .stdin(Stdio::null());
    command
}

/// Runs `command` with `input`, and gives what it wrote.
pub fn run(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; run `make tools`"));
    let mut stdin = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // One that does not read its input to the end has said why.
            let _ = stdin.write_all(input.as_bytes());
        });
        child.wait_with_output().expect("a child can be waited for")
    })
}

/// Runs `command`, which must succeed, and gives its standard output.
pub fn succeed(command: &mut Command, input: &str) -> String {
    let output = run(command, input);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// `helm template` of a chart with further arguments: the manifest, or what it said.
pub fn template(program: &str, chart: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = helm(program);
    command.args(["template", RELEASE]).arg(chart).args(["--namespace", "twilio"]).args(arguments);
    let output = run(&mut command, "");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The manifest of a shape for a version of Kubernetes.
pub fn manifest(program: &str, shape: &Shape, kubernetes: &str, more: &[&str]) -> String {
    let values = shape.values.to_str().expect("a path in UTF-8");
    let arguments = [&["--values", values, "--kube-version", kubernetes], more].concat();
    template(program, &folder(), &arguments).unwrap_or_else(|error| panic!("{program}, {}: {error}", shape.name))
}

/// The objects of a manifest.
pub fn objects(manifest: &str) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(manifest).unwrap_or_else(|error| panic!("{error}\n{manifest}"));
    documents.into_iter().filter(|object| !object.is_null()).collect()
}

/// The objects that the least values give, with further `--set` values.
pub fn objects_with(set: &[&str]) -> Vec<Value> {
    let default = shapes().into_iter().find(|shape| shape.name == "default").expect("a default shape");
    let arguments: Vec<_> = set.iter().flat_map(|value| ["--set", value]).collect();
    objects(&manifest("helm4", &default, NEWEST, &arguments))
}

/// The objects of every shape, rendered once.
pub fn rendered() -> &'static [(Shape, Vec<Value>)] {
    static RENDERED: OnceLock<Vec<(Shape, Vec<Value>)>> = OnceLock::new();
    RENDERED.get_or_init(|| {
        in_parallel(shapes(), |shape| {
            let objects = objects(&manifest("helm4", &shape, NEWEST, &[]));
            (shape, objects)
        })
    })
}

/// Does `work` for every item on threads, which is mostly waiting for other programs, and keeps the order.
pub fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread's own assertion failed")).collect()
    })
}

/// Kind and name, for messages.
pub fn title(object: &Value) -> String {
    format!("{} {}", kind(object), object["metadata"]["name"].as_str().unwrap_or_default())
}

pub fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

/// The objects of a kind.
pub fn of_kind<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| kind(object) == wanted).collect()
}

/// The StatefulSet or the Deployment.
pub fn workload(objects: &[Value]) -> &Value {
    let found: Vec<_> = objects.iter().filter(|object| ["StatefulSet", "Deployment"].contains(&kind(object))).collect();
    assert_eq!(found.len(), 1, "one workload");
    found[0]
}

/// The spec of every pod: the workload's, and the one of `helm test`.
pub fn pod_specs(objects: &[Value]) -> Vec<(String, &Value)> {
    let specs = objects.iter().filter_map(|object| match kind(object) {
        "StatefulSet" | "Deployment" => Some((title(object), &object["spec"]["template"]["spec"])),
        "Pod" => Some((title(object), &object["spec"])),
        _ => None,
    });
    specs.collect()
}

/// Every value inside `value`, itself included, with the way to it.
pub fn walk<'a>(value: &'a Value, way: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(way, value);
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                walk(inner, &format!("{way}.{key}"), visit);
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                walk(inner, &format!("{way}[{at}]"), visit);
            }
        }
        _ => {}
    }
}
