//! A real DNS server that knows a few names, as a cluster's does.

use std::net::Ipv4Addr;
use std::process::Command;

use crate::process::{Process, tool};

/// A running dnsmasq.
#[derive(Debug)]
pub struct Dns {
    _process: Process,
}

impl Dns {
    /// Answers on port 53 of `address` for the `names`, which end in `cluster.local`; no other one of that domain exists.
    pub async fn start(address: Ipv4Addr, names: &[(&str, Ipv4Addr)]) -> Self {
        let mut command = Command::new(tool("dnsmasq"));
        command.args([
            "--no-daemon",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            "--pid-file=",
        ]);
        command.args(["--bind-interfaces", "--local=/cluster.local/"]).arg(format!("--listen-address={address}"));
        command.args(names.iter().map(|(name, address)| format!("--host-record={name},{address}")));
        let mut process = Process::start(&mut command);
        process.line_with("started, version").await;
        Self { _process: process }
    }
}
