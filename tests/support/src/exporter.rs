//! A running exporter: the real binary, with its own ports and data directory.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use tempfile::TempDir;

use crate::event::{ACCOUNT, Event, PUBLIC_URL, TOKEN};
use crate::port::Port;
use crate::process::Process;
use crate::scrape::Scrape;
use crate::wait;

/// The binary under test.
///
/// Cargo tells integration tests where it is, since 1.94 also while they run. A test that something else starts, a debugger say, is in
/// `deps/` below it.
pub fn binary() -> PathBuf {
    const NAME: &str = "twilio-debugger-exporter";
    std::env::var_os(format!("CARGO_BIN_EXE_{NAME}")).map_or_else(
        || {
            let test = std::env::current_exe().expect("a program knows where it is");
            test.ancestors().nth(2).expect("cargo builds tests in target/debug/deps").join(NAME)
        },
        PathBuf::from,
    )
}

/// A running exporter and where it is.
#[derive(Debug)]
pub struct Exporter {
    pub process: Process,
    pub webhook: SocketAddr,
    pub telemetry: SocketAddr,
    pub client: reqwest::Client,
    dir: TempDir,
    launch: Launch,
    /// Held for every start.
    _ports: [Port; 2],
}

/// How the binary is started, and started again.
#[derive(Debug, Default)]
struct Launch {
    environment: Vec<(String, String)>,
    flags: Vec<String>,
    tmpfs_mib: Option<u32>,
}

/// What an exporter is started with.
#[derive(Debug, Default)]
pub struct Setup {
    sections: String,
    telemetry_host: Option<Ipv4Addr>,
    launch: Launch,
    public_url: Option<String>,
    accounts: Option<String>,
    files: Vec<(String, String)>,
    store: Option<PathBuf>,
}

impl Setup {
    /// Writes a file into the exporter's folder, whose path stands in every YAML text as `DIR`.
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Starts on a copy of a database that an earlier version has left.
    pub fn store(mut self, database: &Path) -> Self {
        self.store = Some(database.to_owned());
        self
    }

    /// Replaces the public URL, or lists several: the YAML of the value.
    pub fn public_url(mut self, yaml: &str) -> Self {
        self.public_url = Some(yaml.to_owned());
        self
    }

    /// Replaces the accounts. Each has its own tokens, which are written to files.
    pub fn accounts(mut self, accounts: &[(&str, &[&str])]) -> Self {
        let mut entries = Vec::new();
        for (account, (sid, tokens)) in accounts.iter().enumerate() {
            let names: Vec<_> = (0..tokens.len()).map(|token| format!("token-{account}-{token}")).collect();
            let files: Vec<_> = names.iter().map(|name| format!("DIR/{name}")).collect();
            entries.push(format!("{{sid: {sid}, auth_token_files: [{}]}}", files.join(", ")));
            self.files.extend(names.into_iter().zip(tokens.iter().map(|token| (*token).to_owned())));
        }
        self.accounts = Some(format!("[{}]", entries.join(", ")));
        self
    }

    /// Adds YAML at the top level; sections that the harness writes itself (`public_url`, `accounts`) cannot be repeated.
    pub fn yaml(mut self, yaml: &str) -> Self {
        self.sections.push_str(yaml);
        self.sections.push('\n');
        self
    }

    /// Lets the telemetry listener listen on every address, those that a network namespace reaches among them.
    pub fn telemetry_everywhere(mut self) -> Self {
        self.telemetry_host = Some(Ipv4Addr::UNSPECIFIED);
        self
    }

    /// Puts the data directory on a disk of its own, of so many MiB. It is mounted where only the exporter sees it, and ends with
    /// it; [`Exporter::data`] leads there through `/proc`.
    pub fn tmpfs_mib(mut self, mib: u32) -> Self {
        self.launch.tmpfs_mib = Some(mib);
        self
    }

    /// Adds a flag.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.launch.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Sets a variable of the exporter's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.launch.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the exporter and waits until it listens.
    pub async fn start(self) -> Exporter {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ports = [Port::reserve(), Port::reserve()];
        let [webhook, telemetry] =
            [ports[0].address(), ports[1].at(self.telemetry_host.unwrap_or(Ipv4Addr::LOCALHOST))];
        let public_url = self.public_url.as_deref().unwrap_or(PUBLIC_URL);
        let accounts = format!("[{{sid: {ACCOUNT}, auth_token_files: [DIR/token]}}]");
        let accounts = self.accounts.as_deref().unwrap_or(&accounts);
        let config = format!("public_url: {public_url}\naccounts: {accounts}\n{}", self.sections);
        let config = config.replace("DIR", &dir.path().display().to_string());
        for (name, content) in [("token", TOKEN), ("config.yml", &config)] {
            std::fs::write(dir.path().join(name), content).expect("writable");
        }
        for (name, content) in &self.files {
            std::fs::write(dir.path().join(name), content).expect("writable");
        }
        if let Some(database) = self.store {
            std::fs::create_dir(dir.path().join("data")).expect("writable");
            std::fs::copy(database, dir.path().join("data/events.db")).expect("there, and writable");
        }
        let launch = self.launch;
        let process = spawn(dir.path(), webhook, telemetry, &launch);
        // Another test may have done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // No proxy, no redirects, no pooled connection to an exporter that has been killed.
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.pool_max_idle_per_host(0).build().expect("a client");
        let mut exporter = Exporter { process, webhook, telemetry, client, dir, launch, _ports: ports };
        exporter.listens().await;
        exporter
    }
}

fn spawn(dir: &Path, webhook: SocketAddr, telemetry: SocketAddr, launch: &Launch) -> Process {
    let data = dir.join("data");
    let mut command = match launch.tmpfs_mib {
        None => Command::new(binary()),
        Some(mib) => {
            std::fs::create_dir_all(&data).expect("writable");
            let mount = format!("mount -t tmpfs -o size={mib}m,mode=0700 tmpfs \"$0\" && exec \"$@\"");
            let mut command = Command::new("unshare");
            // A user who is not root is root in a namespace of his own.
            command.args(["--map-root-user", "--mount", "sh", "-c", &mount]).arg(&data).arg(binary());
            command
        }
    };
    command
        .args(["serve", "--config"])
        .arg(dir.join("config.yml"))
        .args(["--webhook.listen", &webhook.to_string(), "--telemetry.listen", &telemetry.to_string()])
        .arg("--store.dir")
        .arg(data)
        .args(&launch.flags)
        .envs(launch.environment.iter().map(|(name, value)| (name, value)));
    Process::start(&mut command)
}

impl Exporter {
    /// An exporter with the defaults.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// An exporter with settings of its own.
    pub fn with(yaml: &str) -> Setup {
        Setup::default().yaml(yaml)
    }

    async fn listens(&mut self) {
        self.process.line_with("listening for scrapes").await;
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        let data = self.dir.path().join("data");
        match self.launch.tmpfs_mib {
            None => data,
            Some(_) => PathBuf::from(format!("/proc/{}/root{}", self.process.id(), data.display())),
        }
    }

    /// The folder of its configuration file, `config.yml`, and its token file, `token`.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it again on the same ports and data, after [`Process::kill`] or [`Self::terminate`].
    pub async fn start_again(&mut self) {
        self.process = spawn(self.dir.path(), self.webhook, self.telemetry, &self.launch);
        self.listens().await;
    }

    /// Ends it as an operator would, and gives its exit status.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.ended().await
    }

    /// Posts a signed event; the status, or none when there was no answer.
    pub async fn post(&self, event: &Event) -> Option<u16> {
        self.post_signed(event, &event.signature()).await
    }

    /// Posts four events, the second of which is older than any log store keeps.
    pub async fn post_three_of_now_and_one_of_years_ago(&self) {
        let now = jiff::Timestamp::now().to_string();
        for number in 1..=4 {
            let time = if number == 2 { "2020-01-02T03:04:05Z" } else { &now };
            assert_eq!(self.post(&Event::new(number, "11200").with("Timestamp", time)).await, Some(204));
        }
    }

    /// Posts an event under any signature.
    pub async fn post_signed(&self, event: &Event, signature: &str) -> Option<u16> {
        let answer = self
            .client
            .post(format!("http://{}/twilio", self.webhook))
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("x-twilio-signature", signature)
            .body(event.body())
            .send()
            .await;
        answer.ok().map(|answer| answer.status().as_u16())
    }

    /// How many requests have been refused for a reason.
    pub async fn refused(&self, reason: &str) -> f64 {
        let series = format!("twilio_debugger_exporter_rejected_total{{reason=\"{reason}\"}}");
        self.metrics().await.get(&series).unwrap_or_else(|| panic!("no {series}"))
    }

    /// The metrics page as a person sees it.
    pub async fn metrics(&self) -> Scrape {
        self.try_metrics().await.expect("the telemetry listener answers")
    }

    /// The metrics page; none when there was no answer.
    pub async fn try_metrics(&self) -> Option<Scrape> {
        let answer = self.client.get(format!("http://{}/metrics", self.telemetry)).send().await.ok()?;
        assert_eq!(answer.status(), 200);
        Some(Scrape::parse(&answer.text().await.ok()?))
    }

    /// Waits until a series has a value.
    pub async fn metric_is(&self, series: &str, value: f64) {
        wait::until(&format!("{series} to be {value}"), || async {
            let found = self.try_metrics().await?.get(series);
            (found == Some(value)).then_some(())
        })
        .await;
    }
}
