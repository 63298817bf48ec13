//! What a kubelet makes of a rendered pod, as far as one container of ours can tell.
//!
//! Volumes are laid out and owned as kubelet does it, at the same absolute paths; the environment is the pod's with the cluster's
//! variables; the security context becomes what runc is told; each probe is asked in kubelet's order and to its limits. A field that is
//! not understood here is a panic and not a guess.
//!
//! Sources: <https://kubernetes.io/docs/concepts/storage/volumes/>,
//! <https://kubernetes.io/docs/tasks/configure-pod-container/security-context/> (fsGroup), kubelet's `pkg/volume/volume_linux.go` and
//! `pkg/volume/util/atomic_writer.go`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::container::{Container, Launch, Mount};
use crate::namespace::Namespace;
use crate::wait;

/// The namespace of the pods.
pub const NAMESPACE: &str = "twilio";

/// A pod on a node of its own.
#[derive(Debug)]
pub struct Pod {
    spec: Value,
    /// By name, the data of the `ConfigMap`s and `Secret`s.
    data: BTreeMap<String, BTreeMap<String, String>>,
    /// The names of the claims of a `StatefulSet`.
    claims: Vec<String>,
    node: TempDir,
}

impl Pod {
    /// The pod of `object` (a `StatefulSet`, or a `Pod`), in a cluster that holds `objects`.
    pub fn of(object: &Value, objects: &[Value]) -> Self {
        let spec = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
        let data = objects.iter().filter(|object| object["kind"] == "ConfigMap" || object["kind"] == "Secret");
        let data = data.map(|object| {
            let entries = ["data", "stringData"].iter().filter_map(|key| object[key].as_object()).flatten();
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            (text(&object["metadata"]["name"]), entries.map(|(key, value)| (key.clone(), text(value))).collect())
        });
        let claims = list(&object["spec"]["volumeClaimTemplates"]).iter().map(|claim| text(&claim["metadata"]["name"]));
        Self {
            spec: spec.clone(),
            data: data.collect(),
            claims: claims.collect(),
            node: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Its only container.
    pub fn container(&self) -> &Value {
        let containers = list(&self.spec["containers"]);
        assert_eq!(containers.len(), 1, "one container");
        assert!(self.spec["initContainers"].is_null(), "this kubelet starts no other one before it");
        &containers[0]
    }

    /// How long it may take to end.
    pub fn grace(&self) -> Duration {
        seconds(&self.spec["terminationGracePeriodSeconds"], 30)
    }

    /// Starts its container, whose names `dns` resolves.
    pub fn start(&self, network: &Namespace, dns: Ipv4Addr) -> Container {
        Container::start(network, &self.launch(network, dns))
    }

    fn launch(&self, network: &Namespace, dns: Ipv4Addr) -> Launch {
        let (pod, container) = (&self.spec["securityContext"], self.container());
        self.assert_restricted();
        let mut environment = vec![
            ("HOSTNAME".to_owned(), "pod-0".to_owned()),
            ("KUBERNETES_SERVICE_HOST".to_owned(), "10.96.0.1".to_owned()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), "443".to_owned()),
        ];
        assert_eq!(self.spec["enableServiceLinks"], false, "otherwise every service of the namespace has variables");
        assert!(container["envFrom"].is_null() && container["command"].is_null(), "not known here: {container}");
        environment.extend(list(&container["env"]).iter().map(|entry| {
            assert!(entry["valueFrom"].is_null(), "not known here: {entry}");
            (text(&entry["name"]), text(&entry["value"]))
        }));
        let group = pod["fsGroup"].as_u64().map(|group| u32::try_from(group).expect("a group"));
        let mut mounts = self.name_files(network, dns);
        mounts.extend(list(&container["volumeMounts"]).iter().map(|mount| {
            assert!(mount["subPath"].is_null(), "not known here: {mount}");
            let name = text(&mount["name"]);
            Mount {
                from: self.volume(&name, group),
                to: text(&mount["mountPath"]),
                read_only: mount["readOnly"] == true,
            }
        }));
        Launch {
            arguments: list(&container["args"]).iter().map(text).collect(),
            environment,
            mounts,
            groups: group.into_iter().collect(),
            memory_bytes: Some(mebibytes(&container["resources"]["limits"]["memory"])),
        }
    }

    /// [`Container`] knows one set of restrictions: those that the chart asks for by default, and no other.
    fn assert_restricted(&self) {
        let (pod, container) = (&self.spec["securityContext"], &self.container()["securityContext"]);
        assert_eq!(pod["runAsNonRoot"], true);
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault");
        assert!(pod["runAsUser"].is_null() && container["runAsUser"].is_null(), "the image says who runs");
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert!(container["capabilities"]["add"].is_null());
        assert_eq!(container["readOnlyRootFilesystem"], true);
    }

    /// The files that kubelet puts into every container, so that names are found.
    fn name_files(&self, network: &Namespace, dns: Ipv4Addr) -> Vec<Mount> {
        let search = format!("search {NAMESPACE}.svc.cluster.local svc.cluster.local cluster.local");
        let files = [
            ("hosts", format!("127.0.0.1\tlocalhost\n::1\tlocalhost\n{}\tpod-0\n", network.inside)),
            ("resolv.conf", format!("{search}\nnameserver {dns}\noptions ndots:5\n")),
            ("hostname", "pod-0\n".to_owned()),
        ];
        let mounts = files.map(|(name, content)| {
            let from = self.node.path().join(name);
            std::fs::write(&from, content).expect("writable");
            Mount { from, to: format!("/etc/{name}"), read_only: false }
        });
        mounts.into()
    }

    /// The folder of a volume on the node. It is made once: a claim outlives its container.
    fn volume(&self, name: &str, group: Option<u32>) -> PathBuf {
        let folder = self.node.path().join(format!("volume-{name}"));
        if folder.exists() {
            return folder;
        }
        std::fs::create_dir(&folder).expect("writable");
        let volume = list(&self.spec["volumes"]).iter().find(|volume| volume["name"] == name);
        let Some(volume) = volume else {
            assert!(self.claims.iter().any(|claim| claim == name), "no volume {name}");
            // As a new file system is: root's, and no one else's to write.
            if let Some(group) = group {
                give_to_group(&folder, group, 0o660);
            }
            return folder;
        };
        let files: Vec<(String, String)> = if let Some(source) = volume["configMap"].as_object() {
            self.files(&source["name"], source.get("items"))
        } else if let Some(source) = volume["projected"].as_object() {
            let sources = list(&source["sources"]).iter().map(|source| &source["secret"]);
            sources.flat_map(|secret| self.files(&secret["name"], secret.get("items"))).collect()
        } else {
            panic!("not known here: {volume}");
        };
        let mode = ["configMap", "projected"].iter().find_map(|kind| volume[kind]["defaultMode"].as_u64());
        write_atomically(&folder, &files, u32::try_from(mode.unwrap_or(0o644)).expect("a mode"));
        if let Some(group) = group {
            give_to_group(&folder, group, 0o440);
        }
        folder
    }

    /// The files of a `ConfigMap` or `Secret`: all keys, or the `items`.
    fn files(&self, name: &Value, items: Option<&Value>) -> Vec<(String, String)> {
        let data =
            self.data.get(&text(name)).unwrap_or_else(|| panic!("a pod would wait for {name}, which is not there"));
        let Some(items) = items else { return data.clone().into_iter().collect() };
        let item = |item: &Value| {
            let content = data.get(&text(&item["key"])).unwrap_or_else(|| panic!("{name} has no {}", item["key"]));
            (text(&item["path"]), content.clone())
        };
        list(items).iter().map(item).collect()
    }

    /// Asks a probe until it is content; panics when kubelet would give up.
    pub async fn probe(&self, network: &Namespace, name: &str) {
        let container = self.container();
        let probe = &container[name];
        let get = probe["httpGet"].as_object().unwrap_or_else(|| panic!("{name} asks over HTTP: {probe}"));
        assert_eq!(get["scheme"], "HTTP");
        let ports = list(&container["ports"]).iter();
        let port = ports.filter(|port| port["name"] == get["port"]).find_map(|port| port["containerPort"].as_u64());
        let port = port.unwrap_or_else(|| panic!("no port {}", get["port"]));
        let url = format!("http://{}:{port}{}", network.inside, text(&get["path"]));
        let client = reqwest::Client::builder().no_proxy().timeout(seconds(&probe["timeoutSeconds"], 1));
        let client = client.pool_max_idle_per_host(0).build().expect("a client");
        let tries = u32::try_from(probe["failureThreshold"].as_u64().unwrap_or(3)).expect("a small number");
        let limit = seconds(&probe["initialDelaySeconds"], 0) + seconds(&probe["periodSeconds"], 10) * tries;
        wait::until_within(limit, &format!("{name} to be content"), || async {
            let answer = client.get(&url).send().await.ok()?;
            // What kubelet takes for success.
            (200..400).contains(&answer.status().as_u16()).then_some(())
        })
        .await;
    }
}

/// Writes files as kubelet does: behind links that can be exchanged all at once.
fn write_atomically(folder: &Path, files: &[(String, String)], mode: u32) {
    let version = folder.join("..2026_01_02_03_04_05.000000001");
    for (path, content) in files {
        let file = version.join(path);
        std::fs::create_dir_all(file.parent().expect("below the folder")).expect("writable");
        std::fs::write(&file, content).expect("writable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
    }
    symlink(version.file_name().expect("a name"), folder.join("..data")).expect("writable");
    let mut tops: Vec<_> = files.iter().filter_map(|(path, _)| path.split('/').next()).collect();
    tops.sort_unstable();
    tops.dedup();
    for top in tops {
        symlink(Path::new("..data").join(top), folder.join(top)).expect("writable");
    }
}

/// Applies `fsGroup`: everything in the volume goes to the group, which may do what `mask` says, and folders hand the group on.
fn give_to_group(path: &Path, group: u32, mask: u32) {
    if path.is_symlink() {
        return lchown(path, None, Some(group)).expect("this test needs root");
    }
    chown(path, None, Some(group)).expect("this test needs root");
    let metadata = path.metadata().expect("just written");
    let of_folders = if metadata.is_dir() { 0o2110 } else { 0 };
    let mode = metadata.permissions().mode() | mask | of_folders;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            give_to_group(&entry.expect("readable").path(), group, mask);
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

fn seconds(value: &Value, default: u64) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or(default))
}

fn mebibytes(value: &Value) -> u64 {
    let count = text(value).strip_suffix("Mi").and_then(|count| count.parse::<u64>().ok());
    count.unwrap_or_else(|| panic!("not known here: {value}")) << 20
}
