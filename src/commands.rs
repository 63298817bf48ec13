//! The commands: what can be typed for each, what it then does, and how it ends.
//!
//! A command writes to the output it is given and fails with one sentence. Exit codes: 0 done, 1 failed or "no", 2 wrong
//! usage or configuration. A reader that goes away (`events | head`) is no failure. No command prints a secret.

mod backfill;
mod check;
mod demo;
mod events;
mod filter;
mod flags;
mod replay;
mod rules;
mod send;
mod serve;
mod verify;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Subcommand;

use self::flags::Values;
use crate::app;
use crate::causes::with_causes;
use crate::config::{ConfigError, Environment, Sources};

pub(crate) use flags::{BeforeCommand, SettingFlags};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the exporter
    Serve(serve::Args),
    /// Read the configuration and name every fault in it
    Check(check::Args),
    /// Sign and post sample events, as Twilio would
    Send(send::Args),
    /// Explain why a signature does or does not match
    Verify(verify::Args),
    /// Run everything on this machine with a throw-away token and a handful of events
    Demo(demo::Args),
    /// List stored events, newest first
    Events(events::Args),
    /// Export stored events once more
    Replay(replay::Args),
    /// Read Twilio's alerts of a time range once, for what was not pushed
    Backfill(backfill::Args),
    /// Print the alert rules, for Prometheus or for Grafana
    Rules(rules::Args),
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(serve::Args::default())
    }
}

impl Command {
    /// The settings that were typed as flags, after its name.
    pub(crate) fn flags(&self) -> &Values {
        match self {
            Self::Serve(serve) => serve.flags.values(),
            Self::Check(check) => check.flags.values(),
            Self::Send(_) | Self::Rules(_) => &flags::NONE,
            Self::Verify(verify) => verify.flags.values(),
            Self::Demo(demo) => demo.flags.values(),
            Self::Events(events) => events.flags.values(),
            Self::Replay(replay) => replay.flags.values(),
            Self::Backfill(backfill) => backfill.flags.values(),
        }
    }

    /// Puts what was typed in the place of the variables of the same meaning.
    pub(crate) fn stand_in(&self, environment: &mut Environment) {
        if let Self::Send(send) = self {
            send.stand_in(environment);
        }
    }
}

/// A reason why a command ends before its work is done.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// The configuration has faults; every one is in the text, a line each.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The arguments do not fit together, or name a file that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// What was asked for did not work.
    #[error("{0}")]
    Failed(String),
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// `what`, and every cause of `error` behind it.
    fn failed(what: &str, error: &dyn std::error::Error) -> Self {
        Self::Failed(format!("{what}: {}", with_causes(error)))
    }
}

/// Runs `command` with the settings of `sources`, to its end.
#[must_use]
pub fn run(command: Command, sources: Sources) -> ExitCode {
    let result = match command {
        Command::Serve(_) => return app::serve(sources),
        Command::Check(check) => check::run(&check, &sources, &mut io::stdout().lock()),
        Command::Verify(verify) => verify::run(&verify, &sources, &mut io::stdout().lock()),
        Command::Send(send) => send::run(&send, &sources, &mut io::stdout().lock()),
        Command::Events(events) => events::run(&events, &sources, &mut io::stdout().lock()),
        Command::Replay(replay) => replay::run(&replay, &sources, &mut io::stdout().lock()),
        Command::Backfill(backfill) => backfill::run(&backfill, &sources, &mut io::stdout().lock()),
        Command::Rules(rules) => rules::run(&rules, &mut io::stdout().lock()),
        Command::Demo(_) => demo::run(&sources, &mut io::stdout().lock()),
    };
    let result = result.and_then(|code| io::stdout().flush().map(|()| code).map_err(CommandError::from));
    result.unwrap_or_else(|error| {
        let code = match &error {
            CommandError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            CommandError::Config(_) | CommandError::Usage(_) => 2,
            CommandError::Failed(_) | CommandError::Output(_) => 1,
        };
        // A standard error that is closed leaves nobody to tell.
        let _ = writeln!(io::stderr(), "twilio-debugger-exporter: {}", with_causes(&error));
        ExitCode::from(code)
    })
}

/// Runs `work` on this thread.
fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CommandError::failed("cannot start", &error))?.block_on(work)
}
