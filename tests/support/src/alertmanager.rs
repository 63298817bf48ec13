//! A real Alertmanager, and who is told by it.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use tempfile::TempDir;

use crate::port::Port;
use crate::process::{Process, tool};
use crate::wait;

/// One alert of a notification, and when it arrived.
#[derive(Debug, Clone)]
pub struct Notified {
    pub at: SystemTime,
    /// As Alertmanager's webhook has it: `status`, `labels`, `annotations`, `startsAt`.
    pub alert: serde_json::Value,
}

impl Notified {
    /// Whether it is about this alert and error code, in this status.
    pub fn is(&self, status: &str, name: &str, error_code: &str) -> bool {
        let labels = &self.alert["labels"];
        self.alert["status"] == status && labels["alertname"] == name && labels["error_code"] == error_code
    }
}

type Heard = Arc<Mutex<Vec<Notified>>>;

/// A running Alertmanager that tells everything at once to a webhook in this process.
#[derive(Debug)]
pub struct Alertmanager {
    pub address: SocketAddr,
    heard: Heard,
    _process: Process,
    _port: Port,
    _dir: TempDir,
}

impl Alertmanager {
    /// Starts both and waits until Alertmanager listens.
    pub async fn start() -> Self {
        let heard = Heard::default();
        let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let webhook = receiver.local_addr().expect("bound");
        let router = Router::new().route("/", post(hear)).with_state(heard.clone());
        tokio::spawn(async move { axum::serve(receiver, router).await.expect("serves") });

        let dir = tempfile::tempdir().expect("a temporary folder");
        // One alert a group, told at once: what is measured is the exporter, the rule and Prometheus.
        let config = format!(
            "route: {{receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: test, webhook_configs: [{{url: \"http://{webhook}/\"}}]}}]\n"
        );
        std::fs::write(dir.path().join("alertmanager.yml"), config).expect("writable");
        let port = Port::reserve();
        let address = port.address();
        let mut command = Command::new(tool("alertmanager"));
        command
            .arg(format!("--config.file={}", dir.path().join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            // No cluster of one.
            .arg("--cluster.listen-address=");
        let mut process = Process::start(&mut command);
        process.line_with("Listening on").await;
        Self { address, heard, _process: process, _port: port, _dir: dir }
    }

    /// Every alert of every notification so far, in the order of arrival.
    pub fn heard(&self) -> Vec<Notified> {
        self.heard.lock().expect("no receiver panics").clone()
    }

    /// Waits for a notification about an alert of an error code, in this status.
    pub async fn tells(&self, status: &str, name: &str, error_code: &str) -> Notified {
        wait::until(&format!("{name} of {error_code} to be {status}"), || async {
            self.heard().into_iter().find(|notified| notified.is(status, name, error_code))
        })
        .await
    }
}

async fn hear(State(heard): State<Heard>, body: String) {
    let at = SystemTime::now();
    let notification: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let alerts = notification["alerts"].as_array().expect("a list").clone();
    heard.lock().expect("no reader panics").extend(alerts.into_iter().map(|alert| Notified { at, alert }));
}
