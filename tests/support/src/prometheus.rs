//! A real Prometheus that scrapes an exporter, and what it says when asked.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::alertmanager::Alertmanager;
use crate::exporter::Exporter;
use crate::namespace::Namespace;
use crate::port::Port;
use crate::process::{Process, tool};
use crate::scrape::Scrape;
use crate::wait;

/// The versions that users have: Debian's, and a current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
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
#[macro_export]
macro_rules! with_each_release {
    ($($test:ident),+ $(,)?) => {
        mod prometheus_2 {
            $(#[tokio::test] async fn $test() { super::$test($crate::Release::Two).await; })+
        }
        mod prometheus_3 {
            $(#[tokio::test] async fn $test() { super::$test($crate::Release::Three).await; })+
        }
    };
}
pub use with_each_release;

/// A running Prometheus, with no flags but where its files and its address are.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    release: Release,
    pub address: SocketAddr,
    client: reqwest::Client,
    dir: TempDir,
    _port: Port,
    // After the process, which lives in it.
    namespace: Option<Namespace>,
}

/// What a Prometheus is started with.
#[derive(Debug)]
pub struct Setup {
    release: Release,
    replica: String,
    namespace: Option<Namespace>,
    interval: Duration,
    rules: Option<String>,
    alertmanager: Option<SocketAddr>,
}

impl Setup {
    /// Gives it an address of its own. The exporter must listen on `0.0.0.0`.
    pub fn at_its_own_address(mut self) -> Self {
        self.namespace = Some(Namespace::new());
        self
    }

    /// Names the replica. The name decides at which moment within the interval it scrapes, as it does in life.
    pub fn replica(mut self, name: &str) -> Self {
        name.clone_into(&mut self.replica);
        self
    }

    /// Lets it scrape and evaluate at another interval than a second, in whole seconds.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Gives it a rule file.
    pub fn evaluating(mut self, rules: &str) -> Self {
        self.rules = Some(rules.to_owned());
        self
    }

    /// Lets it send its alerts there.
    pub fn notifying(mut self, alertmanager: &Alertmanager) -> Self {
        self.alertmanager = Some(alertmanager.address);
        self
    }

    /// Starts it and waits until it answers queries.
    pub async fn scraping(self, exporter: &Exporter) -> Prometheus {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = Port::reserve();
        let mut address = port.address();
        let mut target = exporter.telemetry;
        if let Some(namespace) = &self.namespace {
            assert!(target.ip().is_unspecified(), "a namespace reaches only an exporter that listens on 0.0.0.0");
            address.set_ip(namespace.inside.into());
            target.set_ip(namespace.outside.into());
        }
        let interval = self.interval.as_secs();
        let mut config = format!(
            "global:\n  scrape_interval: {interval}s\n  scrape_timeout: 1s\n  evaluation_interval: {interval}s\n  \
             external_labels: {{replica: {}}}\n\
             scrape_configs:\n  - job_name: exporter\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            self.replica
        );
        if let Some(rules) = &self.rules {
            std::fs::write(dir.path().join("rules.yml"), rules).expect("writable");
            config.push_str("rule_files: [rules.yml]\n");
        }
        if let Some(alertmanager) = self.alertmanager {
            let target =
                format!("alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"{alertmanager}\"]}}]}}]}}\n");
            config.push_str(&target);
        }
        std::fs::write(dir.path().join("prometheus.yml"), config).expect("writable");
        let process = spawn(self.release, self.namespace.as_ref(), dir.path(), address);
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(wait::DEADLINE).build().expect("a client");
        let Self { release, namespace, .. } = self;
        let mut prometheus = Prometheus { process, release, address, client, dir, _port: port, namespace };
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
    pub fn of(release: Release) -> Setup {
        let interval = Duration::from_secs(1);
        Setup { release, replica: "a".to_owned(), namespace: None, interval, rules: None, alertmanager: None }
    }

    /// The answer to an instant query; none when it has no series.
    pub async fn ask(&self, query: &str) -> Option<f64> {
        let series = self.ask_for_one(query).await?;
        Some(number(&series["value"][1]))
    }

    /// The samples of a range selector with one series, such as `up[1m]`: seconds since 1970, and the value.
    pub async fn samples(&self, query: &str) -> Vec<(f64, f64)> {
        let Some(series) = self.ask_for_one(query).await else { return Vec::new() };
        let samples = series["values"].as_array().expect("a range selector has several values");
        samples.iter().map(|sample| (sample[0].as_f64().expect("a time"), number(&sample[1]))).collect()
    }

    async fn ask_for_one(&self, query: &str) -> Option<serde_json::Value> {
        let body = self.get("query", query).await;
        assert_eq!(body["status"], "success", "{query}: {body}");
        let series = body["data"]["result"].as_array().expect("a vector or a matrix");
        assert!(series.len() <= 1, "{query} gives several series: {body}");
        series.first().cloned()
    }

    /// Every alert that is pending or firing.
    pub async fn alerts(&self) -> Vec<serde_json::Value> {
        let body: serde_json::Value = serde_json::from_str(&self.page("/api/v1/alerts").await).expect("JSON");
        body["data"]["alerts"].as_array().unwrap_or_else(|| panic!("no list: {body}")).clone()
    }

    /// Waits until every rule group has been evaluated some more times, none of them in vain.
    pub async fn evaluations(&self, more: u32) {
        let own = || async { Scrape::parse(&self.page("/metrics").await) };
        let before = own().await;
        wait::until("evaluations", || async {
            let now = own().await;
            assert_eq!(now.sum("prometheus_rule_evaluation_failures_total"), 0.0);
            now.have_risen("prometheus_rule_group_iterations_total", &before, f64::from(more)).then_some(())
        })
        .await;
    }

    /// The syntax tree of a query, which release 2 does not tell; else what is wrong with it.
    pub async fn parse(&self, query: &str) -> Result<serde_json::Value, String> {
        let mut body = self.get("parse_query", query).await;
        if body["status"] == "success" { Ok(body["data"].take()) } else { Err(body["error"].to_string()) }
    }

    async fn get(&self, endpoint: &str, query: &str) -> serde_json::Value {
        let body = self.page(&format!("/api/v1/{endpoint}?query={}", percent_encode(query))).await;
        serde_json::from_str(&body).expect("JSON")
    }

    async fn page(&self, target: &str) -> String {
        let answer = self.client.get(format!("http://{}{target}", self.address)).send().await;
        answer.unwrap_or_else(|error| panic!("{target}: {error}")).text().await.expect("a body")
    }

    /// Waits until a query is answered with something `wanted`, and gives it.
    pub async fn until(&self, query: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        wait::until(&format!("{query} of {:?}", self.release), || async {
            self.ask(query).await.filter(|value| wanted(*value))
        })
        .await
    }

    /// Waits until the newest sample of a series has a value.
    pub async fn sees(&self, series: &str, value: u32) {
        self.until(series, |found| found == f64::from(value)).await;
    }

    /// Waits for some more scrapes to succeed.
    pub async fn scrapes(&self, more: u32) {
        // Of this exporter, up or down, since the start.
        let scrapes = "sum_over_time(up[1h])";
        let before = self.ask(scrapes).await.unwrap_or(0.0);
        self.until(scrapes, |now| now >= before + f64::from(more)).await;
    }

    /// How much a counter has risen by its samples, exactly and without `increase()`'s extrapolation. Panics if it has ever
    /// fallen.
    pub async fn rise(&self, series: &str) -> Option<f64> {
        if let Some(resets) = self.ask(&format!("resets({series}[1h])")).await {
            assert!(resets == 0.0, "{series} fell {resets} times for {:?}", self.release);
        }
        self.ask(&format!("max_over_time({series}[1h]) - min_over_time({series}[1h])")).await
    }

    /// Stops it in the middle of whatever it does, as a suspended machine would.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Ends it in good order.
    pub async fn stop(&mut self) {
        self.process.signal("TERM");
        self.process.ended().await;
    }

    /// Starts it again on what it has stored.
    pub async fn start_again(&mut self) {
        self.process = spawn(self.release, self.namespace.as_ref(), self.dir.path(), self.address);
        self.answers().await;
    }

    async fn answers(&mut self) {
        self.process.line_with("Server is ready to receive web requests").await;
    }
}

fn number(text: &serde_json::Value) -> f64 {
    text.as_str().expect("a value is text").parse().expect("a value is a number")
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
