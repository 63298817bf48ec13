//! The commands: what each does when it is typed, and how it ends.
//!
//! A command writes to the output it is given and fails with one sentence. Exit codes: 0 done, 1 failed or "no", 2 wrong
//! usage or configuration. A reader that goes away (`events | head`) is no failure. No command prints a secret.

mod check;
mod demo;
mod events;
mod replay;
mod rules;
mod send;
mod verify;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::app;
use crate::causes::with_causes;
use crate::cli::Command;
use crate::config::{ConfigError, Sources};

/// A reason why a command ends before its work is done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
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
