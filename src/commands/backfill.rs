//! `backfill`: reads Twilio's alerts of a time range once, beside a running `serve` or without one.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::sync::watch;

use super::filter::moment::Moment;
use super::flags::{Everything, SettingFlags};
use super::{CommandError, block_on};
use crate::app::{self, stop_signal};
use crate::causes::with_causes;
use crate::config::{Sources, load_everything};
use crate::input::alerts::{Found, LOOK_BACK_MAX, MARGIN, Once, Progress};

/// How often the bar is drawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// What `backfill` is told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What was pushed before is known and not counted again. Beside a running serve, that reads, with its own settings; the mark up to which it has read by itself stays where it is. Twilio lists alerts of the last 30 days; those of the last two minutes are left to push.

Exit codes: 0 when everything was read, 1 when something could not be, 2 for bad usage or configuration.

Examples:
  twilio-debugger-exporter backfill --config exporter.yml --since 24h
  twilio-debugger-exporter backfill --config exporter.yml --since 2026-01-31T00:00:00Z --until 2026-02-01T00:00:00Z"
)]
pub struct Args {
    /// The first moment, RFC 3339 or how long ago
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Moment,
    /// The last moment [default: now]
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    until: Option<Moment>,
    #[command(flatten)]
    pub(super) flags: SettingFlags<Everything>,
}

/// Reads, draws how far it has come where somebody can see it, and says what was found.
pub(super) fn run(backfill: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let loaded = load_everything(sources)?;
    let now = Timestamp::now();
    let since = backfill.since.resolve(now);
    let until = backfill.until.map_or(now, |until| until.resolve(now)).min(now - MARGIN);
    if since > until {
        return Err(CommandError::Usage(format!(
            "--since {since} is after --until {until}, where two minutes before now end it"
        )));
    }
    if since < now - LOOK_BACK_MAX {
        writeln!(out, "Twilio lists alerts of the last 30 days: older ones are left out")?;
    }
    let (progress, watched) = watch::channel(Progress::default());
    let once = block_on(async {
        let work = async {
            let read = app::backfill(&loaded, since, until, &progress).await;
            read.map_err(|error| CommandError::Failed(with_causes(&error)))
        };
        tokio::select! {
            once = work => once,
            never = draw(watched) => never,
            () = stop_signal() => Err(CommandError::Failed("interrupted; what was read until now is kept".into())),
        }
    })?;
    summarise(&once, out)
}

/// Draws a bar on standard error, if that is a terminal, for as long as it is asked to.
async fn draw(mut watched: watch::Receiver<Progress>) -> Result<Once, CommandError> {
    let style = ProgressStyle::with_template("{bar:40} {percent}% of the time, {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    let mut ticks = tokio::time::interval(DRAW_INTERVAL);
    loop {
        ticks.tick().await;
        let Progress { found, seconds_read, seconds } = *watched.borrow_and_update();
        bar.set_length(seconds);
        bar.set_position(seconds_read);
        bar.set_message(format!("{} found, {} recovered", found.found, found.recovered));
    }
}

fn summarise(once: &Once, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let Once { found: Found { found, known, recovered, quarantined, held, left }, faults } = once;
    writeln!(out, "found {found}, known {known}, recovered {recovered}, quarantined {quarantined}, held back {held}")?;
    if *left > 0 {
        writeln!(out, "not everything could be listed of {left} seconds: see the log of the exporter")?;
    }
    for fault in faults {
        writeln!(out, "{fault}")?;
    }
    Ok(if faults.is_empty() && *left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
