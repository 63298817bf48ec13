//! How a command on this machine asks a running exporter for something: a socket in the data directory.
//!
//! The exporter alone writes the store, so what `backfill` finds has to go through it. Who can open the socket can read every event
//! beside it: the directory's permissions are the authority, and nothing of it can be reached over a network. A request is one line of
//! JSON, and the answer one line of JSON whenever there is news, the last of which is the outcome.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::input::alerts::{Backfill, Once, Progress, Rules};

/// The socket's name in the data directory.
const FILE_NAME: &str = "control.sock";

/// The most bytes of a line.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// How long somebody who has connected may take to say what for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How often news are told.
const NEWS_INTERVAL: Duration = Duration::from_millis(100);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Read the alerts of this time once.
    Backfill {
        /// The first moment.
        since: Timestamp,
        /// The last moment.
        until: Timestamp,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum News {
    /// It has come so far.
    Progress(Progress),
    /// It has come to its end.
    Done(Once),
    /// It is not done, and why.
    Refused(String),
}

/// Opens the socket; the caller holds the directory's lock, so a socket that is there is of a process that is gone.
pub(super) fn open(dir: &Path) -> io::Result<UnixListener> {
    let folder = File::open(dir)?;
    match std::fs::remove_file(dir.join(FILE_NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(short(&folder))?;
    std::fs::set_permissions(dir.join(FILE_NAME), Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The socket's path by the open directory: a socket's address holds a hundred characters, and a directory's path may be longer.
fn short(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{FILE_NAME}", folder.as_raw_fd()))
}

/// Answers whoever connects, until `stop`.
pub(super) async fn answer(
    listener: UnixListener,
    backfill: Backfill,
    rules: watch::Receiver<Rules>,
    stop: CancellationToken,
) {
    let place = std::sync::Arc::new(Semaphore::new(1));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a command on this machine cannot be answered");
                    tokio::time::sleep(NEWS_INTERVAL).await;
                    continue;
                }
            },
            () = stop.cancelled() => return,
        };
        let (backfill, rules, stop, place) = (backfill.clone(), rules.borrow().clone(), stop.clone(), place.clone());
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = converse(stream, &backfill, &rules, &place) => outcome,
                () = stop.cancelled() => return,
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "a command on this machine has gone");
            }
        });
    }
}

async fn converse(stream: UnixStream, backfill: &Backfill, rules: &Rules, place: &Semaphore) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading.take(LINE_BYTES_MAX));
    let mut line = String::new();
    tokio::time::timeout(REQUEST_TIMEOUT, reading.read_line(&mut line)).await??;
    let Ok(Request::Backfill { since, until }) = serde_json::from_str(&line) else {
        return tell(&mut writing, &News::Refused("the request is not understood".into())).await;
    };
    let Ok(_place) = place.try_acquire() else {
        return tell(&mut writing, &News::Refused("another backfill is under way".into())).await;
    };
    let (progress, mut watched) = watch::channel(Progress::default());
    let mut work = std::pin::pin!(backfill.once(rules, since, until, &progress));
    let mut ticks = tokio::time::interval(NEWS_INTERVAL);
    let mut nothing = [0; 1];
    loop {
        tokio::select! {
            once = &mut work => {
                return tell(&mut writing, &News::Done(once)).await;
            }
            _ = ticks.tick() => if watched.has_changed().unwrap_or(false) {
                let news = News::Progress(*watched.borrow_and_update());
                tell(&mut writing, &news).await?;
            },
            // Whoever asked has gone: what has been read is kept, and nothing more is read for nobody.
            _ = reading.read(&mut nothing) => return Ok(()),
        }
    }
}

async fn tell(writing: &mut (impl tokio::io::AsyncWrite + Unpin), news: &News) -> io::Result<()> {
    let mut line = serde_json::to_vec(news)?;
    line.push(b'\n');
    writing.write_all(&line).await
}

/// Asks the process that has the store in `dir`, and passes its progress on.
///
/// # Errors
///
/// If nobody listens there, or breaks off.
pub(super) async fn ask(dir: &Path, request: &Request, progress: &watch::Sender<Progress>) -> io::Result<News> {
    let folder = File::open(dir)?;
    let stream = UnixStream::connect(short(&folder)).await?;
    let (reading, mut writing) = stream.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    writing.write_all(&line).await?;
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            News::Progress(now) => drop(progress.send_replace(now)),
            outcome => return Ok(outcome),
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has ended"))
}
