//! `replay`: exports stored events of a time range once more, for a collector that has lost them.
//!
//! It reads beside a running `serve` and writes nothing: counters and the cursor of log export stay where they are.

mod moment;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use self::moment::Moment;
use super::flags::{self, SettingFlags};
use super::{CommandError, block_on};
use crate::app::stop_signal;
use crate::causes::with_causes;
use crate::config::{Export, Sources, load_export};
use crate::log;
use crate::otlp::{self, Client, Replay, Replayed};
use crate::store::{Archive, ArchiveError};

/// The events read at once.
const PAGE_EVENTS: usize = 1_000;

/// How far Twilio's clock may be ahead of ours: an event may have arrived before it happened.
const CLOCK_SKEW: Duration = Duration::from_hours(1);

/// The events that are wanted, by the time they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: Timestamp,
    to: Timestamp,
}

/// What `replay` is told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Counts nothing again and moves no cursor. Times are those of the event, RFC 3339 or how long ago.

Examples:
  twilio-debugger-exporter replay --from 2h
  twilio-debugger-exporter replay --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z"
)]
pub struct Args {
    /// The first moment, included
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    from: Moment,
    /// The last moment, not included [default: now]
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    to: Option<Moment>,
    #[command(flatten)]
    pub(super) flags: SettingFlags<flags::Export>,
}

/// Exports; 0 if the collector took every event of the range, else 1.
pub(super) fn run(replay: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let Export { store, otlp, log: log_settings } = load_export(sources)?;
    let Some(collector) = otlp else {
        return Err(CommandError::Usage("there is nowhere to replay to: set otlp.endpoint".into()));
    };
    let range = Range::new(replay, Timestamp::now())?;
    let archive = Archive::open(&store.dir).map_err(|error| unreadable(&error))?;
    block_on(async {
        // Traces are of requests, and there are none here.
        log::start(&log_settings, None).map_err(|error| CommandError::failed("cannot start", &error))?;
        export(&archive, range, &collector, out).await
    })
}

impl Range {
    fn new(replay: &Args, now: Timestamp) -> Result<Self, CommandError> {
        let from = replay.from.resolve(now);
        let to = replay.to.map_or(now, |to| to.resolve(now));
        if from < to {
            Ok(Self { from, to })
        } else {
            Err(CommandError::Usage(format!("--from {from:.0} is not before --to {to:.0}")))
        }
    }

    fn holds(&self, time: Timestamp) -> bool {
        (self.from..self.to).contains(&time)
    }
}

async fn export(
    archive: &Archive,
    range: Range,
    collector: &otlp::Settings,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let client = Client::new(collector).map_err(|error| CommandError::Usage(with_causes(&error)))?;
    // Somebody waits for this: a collector that is not there is said at once. One that goes away later is waited for. Whatever it
    // says of a request without records, it is there: Loki refuses that.
    client.send(Vec::new()).await.map_err(|error| CommandError::failed("the collector takes no records", &error))?;
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        stop_signal().await;
        signalled.cancel();
    });
    let start = range.from.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN);
    let mut position = archive.last_before(start).map_err(|error| unreadable(&error))?;
    // Those that arrive from now on are exported by `serve`.
    let end = archive.last_seq().map_err(|error| unreadable(&error))?;
    let mut replay = Replay::new(&client, stop.clone());
    let mut wanted = 0;
    while position < end && !stop.is_cancelled() {
        let mut page = archive.events_after(position, PAGE_EVENTS).map_err(|error| unreadable(&error))?;
        let Some(last) = page.last() else { break };
        position = last.seq;
        page.retain(|stored| stored.seq <= end && range.holds(stored.event.occurred_at));
        wanted += page.len() as u64;
        replay.export(page).await;
    }
    let Replayed { delivered, refused } = replay.replayed();
    writeln!(out, "{delivered} delivered, {refused} refused by the collector")?;
    if stop.is_cancelled() {
        writeln!(out, "stopped before the end of the range")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(if delivered == wanted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn unreadable(error: &ArchiveError) -> CommandError {
    CommandError::Failed(with_causes(error))
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};
    use jiff::Timestamp;

    use super::{Args, Range};

    fn range(arguments: &[&str]) -> Option<Range> {
        let command = Args::augment_args(Command::new("replay").no_binary_name(true));
        let typed = command.try_get_matches_from(arguments).expect("arguments");
        let args = Args::from_arg_matches(&typed).expect("arguments");
        Range::new(&args, "2026-01-02T12:00:00Z".parse().expect("a time")).ok()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn a_range_is_a_time_or_how_long_ago_and_ends_now() {
        let two_hours = range(&["--from", "2h"]).expect("a range");
        assert_eq!((two_hours.from, two_hours.to), (time("2026-01-02T10:00:00Z"), time("2026-01-02T12:00:00Z")));
        let day = range(&["--from", "2026-01-01T00:00:00Z", "--to", "12h"]).expect("a range");
        assert_eq!((day.from, day.to), (time("2026-01-01T00:00:00Z"), time("2026-01-02T00:00:00Z")));
    }

    #[test]
    fn the_first_moment_is_in_and_the_last_is_not() {
        let day = range(&["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"]).expect("a range");
        assert!(day.holds(day.from) && !day.holds(day.to));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused() {
        assert_eq!(range(&["--from", "1h", "--to", "2h"]), None);
        assert_eq!(range(&["--from", "1h", "--to", "1h"]), None);
    }
}
