//! Containers of the image, run by runc: the program that runs them under containerd and Docker too.
//!
//! Namespaces, capabilities, the read-only root, the seccomp filter and the memory limit are the kernel's own; nothing of them is
//! imitated. What an engine adds before it calls runc is in `kubelet.rs`, or in the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::image::Image;
use crate::namespace::Namespace;
use crate::process::{Process, tool};

/// The user that the image names.
pub const USER: u32 = 65532;

/// A folder or a file of this machine that the container sees.
#[derive(Debug, Clone)]
pub struct Mount {
    pub from: PathBuf,
    pub to: String,
    pub read_only: bool,
}

/// How a container is started. The root is read-only, every capability is dropped and none can be gained, the seccomp filter is the
/// one that engines apply by default.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// What follows the image's entry point.
    pub arguments: Vec<String>,
    /// Added to the image's environment, which it wins over.
    pub environment: Vec<(String, String)>,
    pub mounts: Vec<Mount>,
    pub groups: Vec<u32>,
    pub memory_bytes: Option<u64>,
}

/// A running container, in a network of its own.
#[derive(Debug)]
pub struct Container {
    pub process: Process,
    id: String,
    folder: TempDir,
}

impl Container {
    /// Starts the image's entry point in `network`.
    pub fn start(network: &Namespace, launch: &Launch) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let id = format!("exporter-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let image = Image::get();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp").arg("--archive").arg(&image.root).arg(folder.path().join("root")).status();
        assert!(copied.expect("cp exists").success(), "cannot copy the image's files");
        let made = Command::new(tool("runc")).args(["spec", "--bundle"]).arg(folder.path()).output();
        let made = made.unwrap_or_else(|error| panic!("cannot start runc: {error}; run `make tools`"));
        assert!(made.status.success(), "{made:?}");
        let file = folder.path().join("config.json");
        let mut spec: Value = serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("JSON");
        fill(&mut spec, image, network, launch);
        std::fs::write(&file, spec.to_string()).expect("writable");
        // For the clients that will ask it; another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut run = runc(folder.path());
        let process = Process::start(run.args(["run", "--bundle"]).arg(folder.path()).arg(&id));
        Self { process, id, folder }
    }

    /// Runs a command inside, beside what runs there.
    pub fn exec(&self, arguments: &[&str]) -> Output {
        runc(self.folder.path()).args(["exec", &self.id]).args(arguments).output().expect("runc starts")
    }

    /// A line of `/proc/PID/status` of its first process, as this machine sees it.
    pub fn status(&self, name: &str) -> String {
        let state = runc(self.folder.path()).args(["state", &self.id]).output().expect("runc starts");
        let state: Value = serde_json::from_slice(&state.stdout).expect("the state is JSON");
        let status = std::fs::read_to_string(format!("/proc/{}/status", state["pid"])).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in:\n{status}")).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left of it.
        let _ = runc(self.folder.path()).args(["delete", "--force", &self.id]).output();
    }
}

fn runc(folder: &Path) -> Command {
    let mut command = Command::new(tool("runc"));
    command.arg("--root").arg(folder.join("state"));
    command
}

/// Replaces what stands in `spec`, runc's own example, by the image's configuration and what `launch` says.
fn fill(spec: &mut Value, image: &Image, network: &Namespace, launch: &Launch) {
    let mut environment = image.texts("Env");
    environment.retain(|old| launch.environment.iter().all(|(name, _)| !old.starts_with(&format!("{name}="))));
    environment.extend(launch.environment.iter().map(|(name, value)| format!("{name}={value}")));
    let user = image.config["User"].as_str().expect("a user");
    assert_eq!(user, format!("{USER}:{USER}"), "the image's user");

    let process = &mut spec["process"];
    process["terminal"] = json!(false);
    process["user"] = json!({"uid": USER, "gid": USER, "additionalGids": launch.groups});
    process["args"] = json!([image.texts("Entrypoint"), launch.arguments.clone()].concat());
    process["env"] = json!(environment);
    process["cwd"] = image.config["WorkingDir"].clone();
    process["capabilities"] = json!({});
    process["noNewPrivileges"] = json!(true);
    process.as_object_mut().expect("an object").remove("rlimits");
    spec["root"] = json!({"path": "root", "readonly": true});

    let mounts = spec["mounts"].as_array_mut().expect("a list");
    mounts.retain(|mount| mount["type"] != "cgroup");
    mounts.extend(launch.mounts.iter().map(|mount| {
        let access = if mount.read_only { "ro" } else { "rw" };
        json!({"destination": mount.to, "type": "bind", "source": mount.from, "options": ["rbind", access]})
    }));

    let linux = &mut spec["linux"];
    let namespaces = linux["namespaces"].as_array_mut().expect("a list");
    for namespace in namespaces.iter_mut().filter(|namespace| namespace["type"] == "network") {
        namespace["path"] = json!(network.path());
    }
    if let Some(bytes) = launch.memory_bytes {
        linux["resources"]["memory"] = json!({"limit": bytes});
    }
    linux["seccomp"] = seccomp();
}

/// The filter that container engines apply where nobody asks for another (`RuntimeDefault` in Kubernetes), for a process without
/// capabilities. Their file has conditions, which runc does not know.
fn seccomp() -> Value {
    let file = tool("../buildah/usr/share/containers/seccomp.json");
    let profile: Value = serde_json::from_slice(&std::fs::read(file).expect("run `make tools`")).expect("JSON");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let applies = |rule: &&Value| {
        let needs = &rule["includes"];
        let here = needs["arches"].as_array().is_none_or(|names| names.iter().any(|name| name == architecture));
        here && needs["caps"].is_null()
    };
    let rules = profile["syscalls"].as_array().expect("a list").iter().filter(applies).map(|rule| {
        let kept = ["names", "action", "args", "errnoRet"].into_iter().filter(|key| !rule[key].is_null());
        kept.map(|key| (key.to_owned(), rule[key].clone())).collect::<Value>()
    });
    json!({
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "syscalls": rules.collect::<Vec<_>>(),
    })
}
