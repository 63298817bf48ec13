//! What an operator types, and what the program says to it.

mod check;
mod ending;
mod reload;
mod secrets;

use std::path::Path;
use std::process::Command;

use test_support::event::{PUBLIC_URL, TOKEN};
use test_support::exporter::binary;
use test_support::process::Process;
use test_support::{ACCOUNT, wait};

/// What a command has said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

/// Runs the binary with nothing but these arguments and variables, and waits for its end.
pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().envs(variables.iter().copied());
    let mut process = Process::start(&mut command);
    let status = process.ended().await;
    // The last lines may still be on their way through the pipe.
    let output = wait::until("its output to end", || async { process.finished_output() }).await;
    Ended { code: status.code(), output }
}

/// A folder with a token and a configuration that is right, after which `yaml` stands.
pub(crate) fn folder(yaml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("token"), TOKEN).expect("writable");
    let config =
        format!("public_url: {PUBLIC_URL}\naccounts: [{{sid: {ACCOUNT}, auth_token_files: [DIR/token]}}]\n{yaml}");
    write_config(dir.path(), &config);
    dir
}

/// Writes `config.yml`; `DIR` in it stands for the folder.
pub(crate) fn write_config(dir: &Path, yaml: &str) {
    let yaml = yaml.replace("DIR", &dir.display().to_string());
    std::fs::write(dir.join("config.yml"), yaml).expect("writable");
}

/// Checks the configuration of a folder.
pub(crate) async fn check(dir: &Path, variables: &[(&str, &str)]) -> Ended {
    run(&["check", "--config", dir.join("config.yml").to_str().expect("UTF-8")], variables).await
}
