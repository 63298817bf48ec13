//! A real VictoriaLogs, which takes log records by OTLP and answers questions in LogsQL.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::event::form;
use crate::port::Port;
use crate::process::{Process, tool};
use crate::scrape::Scrape;
use crate::wait;

/// A running VictoriaLogs with its defaults, but for where its files and address are.
#[derive(Debug)]
pub struct VictoriaLogs {
    address: SocketAddr,
    client: reqwest::Client,
    _process: Process,
    _port: Port,
    _dir: TempDir,
}

/// A log record, or a row that a query made of many: the fields that are not empty.
pub type Fields = BTreeMap<String, String>;

impl VictoriaLogs {
    /// Starts one and waits until it listens.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One that keeps records of any age.
    pub async fn of_all_times() -> Self {
        Self::start_with(&["-retentionPeriod=100y"]).await
    }

    async fn start_with(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = Port::reserve();
        let address = port.address();
        let mut command = Command::new(tool("victoria-logs"));
        command
            .arg(format!("-storageDataPath={}", dir.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            .arg("-memory.allowedBytes=64MiB")
            .args(flags);
        let mut process = Process::start(&mut command);
        process.line_with("started server at").await;
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // It closes a connection that has been idle, perhaps just when that is used again.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(wait::DEADLINE);
        let client = client.build().expect("a client");
        Self { address, client, _process: process, _port: port, _dir: dir }
    }

    /// Where log records go, as the exporter's configuration has it with `protocol: http/protobuf`.
    pub fn endpoint(&self) -> String {
        format!("http://{}/insert/opentelemetry", self.address)
    }

    /// What a query finds among the records of a time, in seconds since 1970 and without its end; of all times if there is none.
    ///
    /// # Errors
    ///
    /// What VictoriaLogs has against the query.
    pub async fn query(&self, query: &str, time: Option<[u64; 2]>) -> Result<Vec<Fields>, String> {
        // It shows nothing of the last second unless told to.
        self.page("/internal/force_flush", &[]).await?;
        let mut parameters = vec![("query", query.to_owned())];
        if let Some([start, end]) = time {
            parameters.extend([("start", start.to_string()), ("end", end.to_string())]);
        }
        let lines = self.page("/select/logsql/query", &parameters).await?;
        Ok(lines.lines().map(fields).collect())
    }

    /// Its own metrics.
    pub async fn metrics(&self) -> Scrape {
        Scrape::parse(&self.page("/metrics", &[]).await.expect("a page"))
    }

    async fn page(&self, path: &str, parameters: &[(&str, String)]) -> Result<String, String> {
        let request = self.client.get(format!("http://{}{path}?{}", self.address, form(parameters)));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let (status, body) = (answer.status(), answer.text().await.map_err(|error| error.to_string())?);
        if status.is_success() { Ok(body) } else { Err(format!("{status}: {body}")) }
    }
}

fn fields(line: &str) -> Fields {
    let row: BTreeMap<String, Value> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    row.into_iter().map(|(name, value)| (name, value.as_str().expect("a text").to_owned())).collect()
}
