//! etcd and kube-apiserver on loopback, with the kinds of the operators, and namespaces that enforce the restricted level.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use test_support::Port;
use test_support::chart;
use test_support::process::tool;
use test_support::repository;

/// How long etcd and the API server have to start. It takes about ten seconds on two idle cores.
const START: Duration = Duration::from_secs(180);

/// The namespaces that shapes name themselves.
const NAMED: [&str; 2] = ["monitoring", "telephony"];

/// A running API server, which ends with this value.
pub(crate) struct Server {
    processes: Vec<Child>,
    folder: TempDir,
    _ports: [Port; 3],
}

impl Server {
    /// Starts one and waits until it is ready.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let ports = [(); 3].map(|()| Port::reserve());
        let [clients, peers, secure] = ports.each_ref().map(Port::number);
        let mut server = Self { processes: Vec::new(), folder, _ports: ports };
        let mut etcd = Command::new(tool("etcd"));
        let (clients, peers) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
        etcd.arg("--data-dir").arg(server.path("etcd"));
        etcd.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        etcd.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        // Nothing here has to survive a power cut.
        etcd.args(["--initial-cluster", &format!("default={peers}"), "--unsafe-no-fsync"]);
        server.spawn("etcd", &mut etcd);

        let key = rcgen::KeyPair::generate().expect("a key");
        fs::write(server.path("accounts.key"), key.serialize_pem()).expect("writable");
        fs::write(server.path("accounts.pub"), key.public_key_pem()).expect("writable");
        fs::write(server.path("tokens.csv"), "the-token,admin,admin,system:masters\n").expect("writable");
        let mut api = Command::new(tool("kube-apiserver"));
        api.args(["--etcd-servers", &clients, "--bind-address", "127.0.0.1", "--secure-port", &secure.to_string()]);
        api.arg("--cert-dir").arg(server.path("certificates"));
        api.arg("--token-auth-file").arg(server.path("tokens.csv"));
        api.arg("--service-account-key-file").arg(server.path("accounts.pub"));
        api.arg("--service-account-signing-key-file").arg(server.path("accounts.key"));
        api.args(["--service-account-issuer", "https://kubernetes.default.svc", "--authorization-mode", "RBAC"]);
        // Two families, so that a service may ask for both.
        api.args(["--service-cluster-ip-range", "10.0.0.0/16,fd00:10::/112"]);
        server.spawn("kube-apiserver", &mut api);

        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{secure}"),
                "insecure-skip-tls-verify": true,
            }}],
            "users": [{"name": "admin", "user": {"token": "the-token"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        });
        fs::write(server.kubeconfig(), config.to_string()).expect("writable");
        server.await_readiness();
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    fn spawn(&mut self, name: &str, command: &mut Command) {
        let log = |stream: &str| fs::File::create(self.path(&format!("{name}.{stream}"))).expect("writable");
        command.stdin(Stdio::null()).stdout(log("out")).stderr(log("err"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}; run `make test-cluster`"));
        self.processes.push(child);
    }

    fn await_readiness(&mut self) {
        let deadline = Instant::now() + START;
        loop {
            let ready = chart::run(self.kubectl().args(["get", "--raw", "/readyz"]), "");
            if ready.status.success() {
                return;
            }
            let ended = self.processes.iter_mut().any(|child| matches!(child.try_wait(), Ok(Some(_))));
            if ended || Instant::now() > deadline {
                let log = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
                panic!("not ready:\n{}\n{}", log("etcd.err"), log("kube-apiserver.err"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The kinds of the operators, what the shapes name and do not bring, and the namespaces they name themselves.
    pub(crate) fn prepare(&self) {
        let mut crds = self.kubectl();
        chart::succeed(crds.args(["apply", "--server-side", "--filename"]).arg(repository().join(".tools/crds")), "");
        chart::succeed(
            self.kubectl().args(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]),
            "",
        );
        self.create(&json!({
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "gvisor"}, "handler": "runsc",
        }));
        for namespace in NAMED {
            self.create_namespace(namespace);
        }
    }

    /// A namespace that refuses what is not restricted, and says so of workloads, with the account that a controller would make.
    pub(crate) fn create_namespace(&self, name: &str) {
        let levels =
            ["enforce", "warn"].map(|mode| (format!("pod-security.kubernetes.io/{mode}"), "restricted".into()));
        let labels: serde_json::Map<String, Value> = levels.into_iter().collect();
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
        let account = json!({"name": "default", "namespace": name});
        self.create(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}));
    }

    /// Creates `object`, which must be accepted, without a warning.
    pub(crate) fn create(&self, object: &Value) {
        let output =
            chart::run(self.kubectl().args(["create", "--validate=strict", "--filename", "-"]), &object.to_string());
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && err.is_empty(), "{}: {err}\n{object:#}", output.status);
    }

    /// What is said to `object`, which must be refused.
    pub(crate) fn refusal(&self, object: &Value) -> String {
        let output =
            chart::run(self.kubectl().args(["create", "--dry-run=server", "--filename", "-"]), &object.to_string());
        assert!(!output.status.success(), "accepted: {object:#}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub(crate) fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(tool("kubectl"));
        kubectl.arg("--kubeconfig").arg(self.kubeconfig()).arg("--cache-dir").arg(self.path("kubectl"));
        kubectl
    }

    /// Helm, for this server.
    pub(crate) fn helm(&self, program: &str) -> Command {
        let mut helm = chart::helm(program);
        helm.env("KUBECONFIG", self.kubeconfig());
        helm
    }

    /// The server's own name of its version.
    pub(crate) fn version(&self) -> String {
        let text = chart::succeed(self.kubectl().args(["get", "--raw", "/version"]), "");
        let version: Value = serde_json::from_str(&text).expect("JSON");
        version["gitVersion"].as_str().expect("a version").to_owned()
    }

    /// The live objects of a release that are not being deleted, whatever their kind.
    pub(crate) fn objects_of(&self, release: &str, kinds: &str) -> Vec<Value> {
        let selector = format!("app.kubernetes.io/instance={release}");
        let mut get = self.kubectl();
        get.args(["get", kinds, "--all-namespaces", "--selector", &selector, "--output", "json"]);
        let mut list: Value = serde_json::from_str(&chart::succeed(&mut get, "")).expect("JSON");
        let objects = list["items"].as_array_mut().map(std::mem::take).expect("a list");
        objects.into_iter().filter(|object| object["metadata"]["deletionTimestamp"].is_null()).collect()
    }

    /// A folder for what a test writes.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The API server first: without its etcd it would wait for it.
        for child in self.processes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
