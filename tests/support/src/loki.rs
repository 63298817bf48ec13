//! A real Loki, which takes log records by OTLP.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, free_address, tool};
use crate::wait;

/// A running Loki with its defaults, but for where its files and addresses are and that it does not wait for other ones.
#[derive(Debug)]
pub struct Loki {
    pub address: SocketAddr,
    process: Process,
    _dir: TempDir,
}

/// `DIR`, `HTTP` and `GRPC` stand for its folder and its ports.
const CONFIG: &str = "auth_enabled: false
server:
  http_listen_address: 127.0.0.1
  http_listen_port: HTTP
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: GRPC
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: DIR
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
  storage: {filesystem: {chunks_directory: DIR/chunks, rules_directory: DIR/rules}}
ingester:
  lifecycler: {min_ready_duration: 0s, join_after: 0s, final_sleep: 0s}
schema_config:
  configs:
    - {from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}
analytics: {reporting_enabled: false}
";

impl Loki {
    /// Starts one and waits until it is ready.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (address, grpc) = (free_address(), free_address());
        let config = CONFIG
            .replace("DIR", &dir.path().display().to_string())
            .replace("HTTP", &address.port().to_string())
            .replace("GRPC", &grpc.port().to_string());
        let file = dir.path().join("loki.yml");
        std::fs::write(&file, config).expect("writable");
        let process = Process::start(Command::new(tool("loki")).arg("-config.file").arg(file));
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(wait::DEADLINE).build().expect("a client");
        let loki = Self { address, process, _dir: dir };
        // It starts two dozen parts, one after the other.
        wait::until_within(4 * wait::DEADLINE, "Loki to be ready", || async {
            let answer = client.get(format!("http://{address}/ready")).send().await;
            assert!(loki.process.finished_output().is_none(), "Loki ended:\n{}", loki.process.output());
            answer.ok().filter(|answer| answer.status().is_success()).map(|_| ())
        })
        .await;
        loki
    }

    /// Where log records go, as the exporter's configuration has it with `protocol: http/protobuf`.
    pub fn endpoint(&self) -> String {
        format!("http://{}/otlp", self.address)
    }
}
