//! What was typed: a command, and the settings before it.
//!
//! Arguments are typed here and checked elsewhere: a setting's flag is a text until `config` has laid it over the file and the
//! environment. No flag takes a secret, because every user of a machine can read a command line. What a command takes beside
//! settings stands beside the command.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Parser;

use crate::commands::{BeforeCommand, Command, SettingFlags};
use crate::config::{CONFIG_VARIABLE, Environment, Sources};

/// Receives Twilio's Debugging Events, keeps each one on disk, counts it for Prometheus and ships it as an OTLP log record
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Without a command, serve. Its settings may be given without its name; `serve --help` lists them.

Three variables are enough to start:
  TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN_FILE=token PUBLIC_URL=https://hooks.example.com/twilio \\
    twilio-debugger-exporter

See it at work, without an account:
  twilio-debugger-exporter demo

Exit status: 0 done, 1 failed, 2 wrong usage or configuration."
)]
pub struct Cli {
    /// The YAML configuration file; also `TWILIO_DEBUGGER_EXPORTER_CONFIG`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: SettingFlags<BeforeCommand>,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// The command, and the sources that its settings are read from.
    #[must_use]
    pub fn into_parts(self, mut environment: Environment) -> (Command, Sources) {
        let Self { config, flags, command } = self;
        let command = command.unwrap_or_default();
        let mut typed = flags.values().clone();
        typed.extend(command.flags().clone());
        command.stand_in(&mut environment);
        let file = config.or_else(|| environment.get(CONFIG_VARIABLE).map(PathBuf::from));
        (command, Sources { file, environment, flags: typed })
    }
}
