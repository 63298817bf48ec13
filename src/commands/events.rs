//! `events`: what is in the store, newest first, beside a running `serve` or without one; and all that is kept of one event.

mod entry;
mod newest;
mod show;
mod table;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;

use self::entry::write_entry;
use self::newest::{Tail, newest};
use super::filter::{Filter, FilterArgs};
use super::flags::{Directory, SettingFlags};
use super::{CommandError, block_on};
use crate::app::stop_signal;
use crate::causes::with_causes;
use crate::config::{Sources, Stored, load_stored};
use crate::sid::EventSid;
use crate::store::{Archive, ArchiveError};

/// How often `--follow` looks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What `events` is told.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_value_name = "show SID",
    subcommand_help_heading = "One event",
    after_help = "Works beside a running serve. Times are those of the event, RFC 3339 or how long ago.

Examples:
  twilio-debugger-exporter events --store.dir ./data --limit 10
  twilio-debugger-exporter events --level error --product Voice --since 2h
  twilio-debugger-exporter events --quarantined --json
  twilio-debugger-exporter events --follow --error-code 11200,11205
  twilio-debugger-exporter events show NO0123456789abcdef0123456789abcdef"
)]
pub struct Args {
    #[command(subcommand)]
    one: Option<One>,
    /// One JSON document a line
    #[arg(long, global = true)]
    json: bool,
    /// Wait for new events and list them as they come
    #[arg(long)]
    follow: bool,
    /// The most events that are listed [default: 50]
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Those that were signed but not understood, or that the collector refused
    #[arg(long)]
    quarantined: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pub(super) flags: SettingFlags<Directory>,
}

/// Instead of a list.
#[derive(Debug, Subcommand)]
enum One {
    /// Show everything that is kept of one event
    Show {
        /// The event's Sid
        #[arg(value_name = "SID", value_parser = EventSid::parse)]
        sid: EventSid,
    },
}

/// How many are listed when nothing else is said.
const LIMIT_DEFAULT: usize = 50;

/// Lists, and follows if asked to; or shows.
pub(super) fn run(events: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    if let Some(One::Show { sid }) = &events.one {
        if events.follow || events.quarantined || events.limit.is_some() || !events.filter.is_empty() {
            return Err(CommandError::Usage("show names its event: only --json goes with it".into()));
        }
        let Stored { store, catalogue } = load_stored(sources)?;
        let archive = Archive::open(&store.dir).map_err(|error| unreadable(&error))?;
        return show::run(&archive, sid, &catalogue, events.json, out);
    }
    let Stored { store, catalogue } = load_stored(sources)?;
    let filter = events.filter.at(Timestamp::now(), &catalogue)?;
    let limit = events.limit.unwrap_or(LIMIT_DEFAULT);
    let archive = Archive::open(&store.dir).map_err(|error| unreadable(&error))?;
    let tail = Tail::of(&archive).map_err(|error| unreadable(&error))?;
    let mut listed = newest(&archive, &filter, limit, events.quarantined).map_err(|error| unreadable(&error))?;
    if events.follow {
        // The list goes on downwards, so the newest stands where the next will be.
        listed.reverse();
    }
    if !events.json {
        writeln!(out, "{}", table::HEADER)?;
    }
    for entry in &listed {
        write_entry(entry, &catalogue, events.json, out)?;
    }
    out.flush()?;
    if events.follow {
        block_on(follow(&archive, tail, &filter, events, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn follow(
    archive: &Archive,
    mut tail: Tail,
    filter: &Filter<'_>,
    events: &Args,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut stop = std::pin::pin!(stop_signal());
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            _ = ticks.tick() => {}
        }
        for entry in tail.advance(archive, filter, events.quarantined).map_err(|error| unreadable(&error))? {
            write_entry(&entry, filter.catalogue(), events.json, out)?;
        }
        out.flush()?;
    }
}

fn unreadable(error: &ArchiveError) -> CommandError {
    CommandError::Failed(with_causes(error))
}
