//! `replay`: exports stored events once more, for a collector that has lost them.
//!
//! It reads beside a running `serve` and writes nothing: counters and the cursor of log export stay where they are.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::filter::{Filter, FilterArgs};
use super::flags::{self, SettingFlags};
use super::{CommandError, block_on};
use crate::app::stop_signal;
use crate::catalogue::Catalogue;
use crate::causes::with_causes;
use crate::config::{Export, Sources, load_export};
use crate::log;
use crate::otlp::{self, Client, Replay, Replayed};
use crate::store::{Archive, ArchiveError};

/// The events read at once.
const PAGE_EVENTS: usize = 1_000;

/// What `replay` is told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Counts nothing again and moves no cursor. Times are those of the event, RFC 3339 or how long ago.

Examples:
  twilio-debugger-exporter replay --since 2h
  twilio-debugger-exporter replay --since 2026-01-31T00:00:00Z --until 2026-02-01T00:00:00Z --error-code 30007",
    // All that the store has is a lot to send by a slip.
    mut_arg("since", |since| since.required(true))
)]
pub struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pub(super) flags: SettingFlags<flags::Export>,
}

/// Exports; 0 if the collector took every event that is meant, else 1.
pub(super) fn run(replay: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let Export { store, catalogue, otlp, log: log_settings } = load_export(sources)?;
    let Some(collector) = otlp else {
        return Err(CommandError::Usage("there is nowhere to replay to: set otlp.endpoint".into()));
    };
    let filter = replay.filter.at(Timestamp::now(), &catalogue)?;
    let archive = Archive::open(&store.dir).map_err(|error| unreadable(&error))?;
    block_on(async {
        // Traces are of requests, and there are none here.
        log::start(&log_settings, None).map_err(|error| CommandError::failed("cannot start", &error))?;
        export(&archive, &filter, (&collector, catalogue.clone()), out).await
    })
}

async fn export(
    archive: &Archive,
    filter: &Filter<'_>,
    (collector, catalogue): (&otlp::Settings, Arc<Catalogue>),
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
    let mut position = archive.last_before(filter.arrived_since()).map_err(|error| unreadable(&error))?;
    // Those that arrive from now on are exported by `serve`.
    let end = archive.last_seq().map_err(|error| unreadable(&error))?;
    let mut replay = Replay::new(&client, catalogue, stop.clone());
    let mut wanted = 0;
    while position < end && !stop.is_cancelled() {
        let mut page = archive.events_after(position, PAGE_EVENTS).map_err(|error| unreadable(&error))?;
        let Some(last) = page.last() else { break };
        position = last.seq;
        page.retain(|stored| stored.seq <= end && filter.takes(&stored.event));
        wanted += page.len() as u64;
        replay.export(page).await;
    }
    let Replayed { delivered, refused } = replay.replayed();
    writeln!(out, "{delivered} delivered, {refused} refused by the collector")?;
    if stop.is_cancelled() {
        writeln!(out, "stopped before the last of them")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(if delivered == wanted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn unreadable(error: &ArchiveError) -> CommandError {
    CommandError::Failed(with_causes(error))
}
