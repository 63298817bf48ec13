//! The two servers under load: the exporter, and an axum handler that only reads the same body, or only parses it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

/// The core that servers run on.
const SERVER_CORE: &str = "1";

/// The binary that is measured.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_twilio-debugger-exporter");

/// A server, pinned to its core, that ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn bare() -> Self {
        let address = free_address();
        let this = std::env::current_exe().expect("a bench has a file");
        let child = pinned(&this).arg("--serve-bare").arg(address.to_string()).spawn().expect("taskset exists");
        Self::listening(child, address, "listening")
    }

    /// The exporter on an empty or filled data directory, with log export off.
    pub(crate) fn exporter(dir: &Path) -> Self {
        let address = free_address();
        let child = exporter_command(dir, address).spawn().expect("taskset exists");
        Self::listening(child, address, "listening for scrapes")
    }

    fn listening(mut child: Child, address: SocketAddr, line: &str) -> Self {
        let stderr = child.stderr.take().expect("piped");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        assert!(lines.any(|found| found.contains(line)), "the server ended before it listened");
        // The pipe must stay open and be emptied, or the server would wait for it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn resident_mib(&self) -> f64 {
        status_kib(&self.child.id().to_string(), "VmRSS:") / 1024.0
    }

    pub(crate) fn peak_resident_mib(&self) -> f64 {
        status_kib(&self.child.id().to_string(), "VmHWM:") / 1024.0
    }
}

/// What this process has resident itself.
pub(crate) fn own_resident_mib() -> f64 {
    status_kib("self", "VmRSS:") / 1024.0
}

fn status_kib(process: &str, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it is running");
    let line = status.lines().find(|line| line.starts_with(field)).expect("Linux reports it");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that starts the exporter, pinned.
pub(crate) fn exporter_command(dir: &Path, address: SocketAddr) -> Command {
    std::fs::create_dir_all(dir).expect("writable");
    let token = dir.join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").expect("writable");
    let mut command = pinned(Path::new(BINARY));
    command
        .args(["serve", "--webhook.listen", &address.to_string(), "--telemetry.listen", "127.0.0.1:0", "--store.dir"])
        .arg(dir.join("data"))
        .env("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001")
        .env("TWILIO_AUTH_TOKEN_FILE", token)
        .env("PUBLIC_URL", "https://hooks.example.com/twilio");
    command
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("loopback has free ports")
}

pub(crate) fn binary_mib() -> f64 {
    let bytes = std::fs::metadata(BINARY).expect("it was built").len();
    bytes as f64 / f64::from(1 << 20)
}

/// Reads each body, as JSON where it says so, and answers 204, on the address given as the last argument.
pub(crate) fn serve_bare() {
    let address: SocketAddr = std::env::args().next_back().and_then(|last| last.parse().ok()).expect("an address");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let read = |headers: HeaderMap, body: Bytes| async move {
            let is_json = headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
            let is_read = if is_json { serde_json::from_slice::<Value>(&body).is_ok() } else { !body.is_empty() };
            if is_read { StatusCode::NO_CONTENT } else { StatusCode::BAD_REQUEST }
        };
        let listener = tokio::net::TcpListener::bind(address).await.expect("free");
        eprintln!("listening");
        axum::serve(listener, Router::new().route("/twilio", post(read))).await.expect("it serves until it is killed");
    });
}
