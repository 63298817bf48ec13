//! A real VictoriaMetrics that scrapes an exporter, and a real vmalert that evaluates rules over it.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::alertmanager::Alertmanager;
use crate::exporter::Exporter;
use crate::port::Port;
use crate::process::{Process, tool};
use crate::scrape::Scrape;
use crate::wait;

/// Both, every second.
#[derive(Debug)]
pub struct VictoriaMetrics {
    vmalert: SocketAddr,
    client: reqwest::Client,
    _processes: [Process; 2],
    _ports: [Port; 2],
    _dir: TempDir,
}

impl VictoriaMetrics {
    /// Starts them and waits until every rule has been evaluated.
    pub async fn scraping(exporter: &Exporter, rules: &str, alertmanager: &Alertmanager) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ports = [Port::reserve(), Port::reserve()];
        let [database_address, vmalert_address] = ports.each_ref().map(Port::address);
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: exporter\n    \
             static_configs: [{{targets: [\"{}\"]}}]\n",
            exporter.telemetry
        );
        for (name, content) in [("scrape.yml", config.as_str()), ("rules.yml", rules)] {
            std::fs::write(dir.path().join(name), content).expect("writable");
        }
        let mut command = Command::new(tool("victoria-metrics"));
        command
            .arg(format!("-storageDataPath={}", dir.path().join("data").display()))
            .arg(format!("-httpListenAddr={database_address}"))
            .arg(format!("-promscrape.config={}", dir.path().join("scrape.yml").display()))
            .arg("-memory.allowedBytes=64MiB")
            // It shows nothing of the last half minute unless told to.
            .args(["-search.latencyOffset=0s", "-inmemoryDataFlushInterval=1s"]);
        let mut database = Process::start(&mut command);
        database.line_with("started VictoriaMetrics in").await;
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let up = format!("http://{database_address}/api/v1/query?query=sum_over_time(up[1m])>2");
        let scraped =
            || async { client.get(&up).send().await.ok()?.text().await.ok()?.contains("exporter").then_some(()) };
        wait::until("VictoriaMetrics to have scraped", scraped).await;
        let mut command = Command::new(tool("vmalert"));
        command
            .arg(format!("-rule={}", dir.path().join("rules.yml").display()))
            .arg(format!("-httpListenAddr={vmalert_address}"))
            .arg(format!("-datasource.url=http://{database_address}"))
            .arg(format!("-notifier.url=http://{}", alertmanager.address))
            // And asks about no moment of it.
            .args(["-evaluationInterval=1s", "-rule.evalDelay=0s"]);
        let vmalert = Process::start(&mut command);
        let started =
            Self { vmalert: vmalert_address, client, _processes: [database, vmalert], _ports: ports, _dir: dir };
        // A page without rule groups is one of before it has read them.
        let groups =
            || async { started.try_page("/metrics").await?.contains("vmalert_iteration_total{").then_some(()) };
        wait::until("vmalert to have rule groups", groups).await;
        started.evaluations(1).await;
        started
    }

    /// Waits until every rule group has been evaluated some more times, none of them in vain.
    pub async fn evaluations(&self, more: u32) {
        let before = Scrape::parse(&self.page("/metrics").await);
        wait::until("evaluations", || async {
            let now = Scrape::parse(&self.page("/metrics").await);
            assert_eq!(now.sum("vmalert_alerting_rules_errors_total"), 0.0);
            now.have_risen("vmalert_iteration_total", &before, f64::from(more)).then_some(())
        })
        .await;
    }

    /// Every alert that is pending or firing.
    pub async fn alerts(&self) -> Vec<serde_json::Value> {
        let body: serde_json::Value = serde_json::from_str(&self.page("/api/v1/alerts").await).expect("JSON");
        body["data"]["alerts"].as_array().unwrap_or_else(|| panic!("no list: {body}")).clone()
    }

    async fn page(&self, target: &str) -> String {
        self.try_page(target).await.unwrap_or_else(|| panic!("no {target}"))
    }

    async fn try_page(&self, target: &str) -> Option<String> {
        let answer = self.client.get(format!("http://{}{target}", self.vmalert)).send().await;
        answer.ok()?.text().await.ok()
    }
}
