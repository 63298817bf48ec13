//! A real Prometheus that scrapes an exporter, and what it says when asked.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::exporter::Exporter;
use super::namespace::Namespace;
use super::process::{Process, free_address, tool};
use super::wait;

/// The versions that users have: Debian's, and a current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    Two,
    Three,
}

impl Release {
    fn program(self) -> &'static str {
        match self {
            Self::Two => "prometheus2",
            Self::Three => "prometheus3",
        }
    }
}

/// Makes one test per release out of each function that takes a [`Release`].
macro_rules! with_each_release {
    ($($test:ident),+ $(,)?) => {
        mod prometheus_2 {
            $(#[tokio::test] async fn $test() { super::$test(crate::support::Release::Two).await; })+
        }
        mod prometheus_3 {
            $(#[tokio::test] async fn $test() { super::$test(crate::support::Release::Three).await; })+
        }
    };
}
pub(crate) use with_each_release;

/// A running Prometheus, with no flags but where its files and its address are.
#[derive(Debug)]
pub(crate) struct Prometheus {
    process: Process,
    release: Release,
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    dir: TempDir,
    // After the process, which lives in it.
    namespace: Option<Namespace>,
}

/// What a Prometheus is started with.
#[derive(Debug)]
pub(crate) struct Setup {
    release: Release,
    replica: String,
    namespace: Option<Namespace>,
}

impl Setup {
    /// Gives it an address of its own. The exporter must listen on `0.0.0.0`.
    pub(crate) fn at_its_own_address(mut self) -> Self {
        self.namespace = Some(Namespace::new());
        self
    }

    /// Names the replica. The name decides at which moment within the interval it scrapes, as it does in life.
    pub(crate) fn replica(mut self, name: &str) -> Self {
        name.clone_into(&mut self.replica);
        self
    }

    /// Starts it and waits until it answers queries.
    pub(crate) async fn scraping(self, exporter: &Exporter) -> Prometheus {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut address = free_address();
        let mut target = exporter.telemetry;
        if let Some(namespace) = &self.namespace {
            assert!(target.ip().is_unspecified(), "a namespace reaches only an exporter that listens on 0.0.0.0");
            address.set_ip(namespace.inside.into());
            target.set_ip(namespace.outside.into());
        }
        let config = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  external_labels: {{replica: {}}}\n\
             scrape_configs:\n  - job_name: exporter\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            self.replica
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).expect("writable");
        let process = spawn(self.release, self.namespace.as_ref(), dir.path(), address);
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(wait::DEADLINE).build().expect("a client");
        let Self { release, namespace, .. } = self;
        let mut prometheus = Prometheus { process, release, address, client, dir, namespace };
        prometheus.answers().await;
        prometheus
    }
}

fn spawn(release: Release, namespace: Option<&Namespace>, dir: &Path, address: SocketAddr) -> Process {
    let program = tool(release.program());
    let mut command = namespace.map_or_else(|| Command::new(&program), |namespace| namespace.command(&program));
    command
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    Process::start(&mut command)
}

impl Prometheus {
    /// A Prometheus of this release, on this machine's address.
    pub(crate) fn of(release: Release) -> Setup {
        Setup { release, replica: "a".to_owned(), namespace: None }
    }

    /// The answer to an instant query; none when it has no series.
    pub(crate) async fn ask(&self, query: &str) -> Option<f64> {
        let body = self.get("query", query).await;
        assert_eq!(body["status"], "success", "{query}: {body}");
        let series = body["data"]["result"].as_array().expect("a vector");
        assert!(series.len() <= 1, "{query} gives several series: {body}");
        let value = series.first()?["value"][1].as_str().expect("a value is text");
        Some(value.parse().expect("a value is a number"))
    }

    /// The syntax tree of a query, which release 2 does not tell; else what is wrong with it.
    pub(crate) async fn parse(&self, query: &str) -> Result<serde_json::Value, String> {
        let mut body = self.get("parse_query", query).await;
        if body["status"] == "success" { Ok(body["data"].take()) } else { Err(body["error"].to_string()) }
    }

    async fn get(&self, endpoint: &str, query: &str) -> serde_json::Value {
        let url = format!("http://{}/api/v1/{endpoint}?query={}", self.address, percent_encode(query));
        let answer = self.client.get(url).send().await.unwrap_or_else(|error| panic!("{query}: {error}"));
        let body = answer.text().await.expect("a body");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Waits until a query is answered with something `wanted`, and gives it.
    pub(crate) async fn until(&self, query: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        wait::until(&format!("{query} of {:?}", self.release), || async {
            self.ask(query).await.filter(|value| wanted(*value))
        })
        .await
    }

    /// Waits until the newest sample of a series has a value.
    pub(crate) async fn sees(&self, series: &str, value: u32) {
        self.until(series, |found| found == f64::from(value)).await;
    }

    /// Waits for some more scrapes to succeed.
    pub(crate) async fn scrapes(&self, more: u32) {
        // Of this exporter, up or down, since the start.
        let scrapes = "sum_over_time(up[1h])";
        let before = self.ask(scrapes).await.unwrap_or(0.0);
        self.until(scrapes, |now| now >= before + f64::from(more)).await;
    }

    /// How much a counter has risen by its samples, exactly and without `increase()`'s extrapolation. Panics if it has ever
    /// fallen.
    pub(crate) async fn rise(&self, series: &str) -> Option<f64> {
        if let Some(resets) = self.ask(&format!("resets({series}[1h])")).await {
            assert!(resets == 0.0, "{series} fell {resets} times for {:?}", self.release);
        }
        self.ask(&format!("max_over_time({series}[1h]) - min_over_time({series}[1h])")).await
    }

    /// Stops it in the middle of whatever it does, as a suspended machine would.
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Ends it in good order.
    pub(crate) async fn stop(&mut self) {
        self.process.signal("TERM");
        self.process.ended().await;
    }

    /// Starts it again on what it has stored.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.release, self.namespace.as_ref(), self.dir.path(), self.address);
        self.answers().await;
    }

    async fn answers(&mut self) {
        self.process.line_with("Server is ready to receive web requests").await;
    }
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
