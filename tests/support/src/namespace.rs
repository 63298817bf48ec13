//! A network namespace: a machine of its own as far as addresses go.
//!
//! The exporter tells scrapers apart by their address, so two Prometheus servers on one machine are one to it. A namespace
//! with a veth pair gives a server an address that nobody else has.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::tool;

/// A namespace joined to ours by a veth pair; gone with the value.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    link: String,
    /// Our end: where the namespace finds what listens on all our addresses.
    pub outside: Ipv4Addr,
    /// The namespace's end: where we find what listens in it, and whom our listeners see coming.
    pub inside: Ipv4Addr,
}

impl Namespace {
    /// Makes one; panics with a sentence where that is not allowed.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        // Networks of four addresses from 198.18.0.0/15, which is set aside for tests: 1,024 processes of 32 each.
        let network = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + ((process % 1024) * 32 + number % 32) * 4;
        let namespace = Self {
            name: format!("debugger-test-{process}-{number}"),
            // 15 letters are the most that the kernel takes.
            link: format!("dt{process}n{number}"),
            outside: Ipv4Addr::from(network + 1),
            inside: Ipv4Addr::from(network + 2),
        };
        let Self { name, link, outside, inside } = &namespace;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {link} type veth peer name inside netns {name}"));
        ip(&format!("address add {outside}/30 dev {link}"));
        ip(&format!("link set {link} up"));
        ip(&format!("-netns {name} address add {inside}/30 dev inside"));
        ip(&format!("-netns {name} link set inside up"));
        ip(&format!("-netns {name} link set lo up"));
        namespace
    }

    /// A command that runs `program` inside; killing it kills the program.
    pub fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(tool("ip"));
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Namespace {
    /// Where the kernel's handle of it is, for programs that enter it by themselves.
    pub fn path(&self) -> std::path::PathBuf {
        std::path::Path::new("/run/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The pair goes with either end; what was never made cannot be removed.
        let _ = Command::new(tool("ip")).args(["link", "delete", &self.link]).output();
        let _ = Command::new(tool("ip")).args(["netns", "delete", &self.name]).output();
    }
}

fn ip(arguments: &str) {
    let output = Command::new(tool("ip")).args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run ip: {error}; run `make tools`"));
    assert!(
        output.status.success(),
        "this test gives each Prometheus an address of its own, for which it needs root and the right to make network \
         namespaces; `ip {arguments}` said: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
