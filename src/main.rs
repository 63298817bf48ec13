//! The binary: what was typed, what was checked, and the command.

use std::process::ExitCode;

use clap::Parser as _;
use twilio_debugger_exporter::cli::Cli;
use twilio_debugger_exporter::commands;
use twilio_debugger_exporter::config::Environment;

fn main() -> ExitCode {
    // One provider for every TLS connection; the error only says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (command, sources) = Cli::parse().into_parts(Environment::of_process());
    commands::run(command, sources)
}
