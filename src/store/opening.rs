//! Opens the store: the directory and its lock, the file and its version, and what it holds.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::disk::Disk;
use super::feeds::{Awaited, Feeds};
use super::fold::Numbers;
use super::schema::{FILE_NAME, SCHEMA_VERSION, migrate, version_of};
use super::seen::{Fingerprints, Seen};
use super::{Opened, Settings};
use crate::event::Source;
use crate::level::Level;
use crate::metrics::event_series::StoredSeries;
use crate::metrics::{CounterRow, Restored, SeriesLabels};
use crate::sid::AccountSid;

/// The file whose lock keeps a second writer out.
const LOCK_NAME: &str = "exporter.lock";

/// How long the start waits for another program that holds the write lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// SQLite's page cache, in KiB, as a negative number.
const CACHE_KIB: i64 = -4096;

/// A reason why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made, read or written.
    #[error("cannot use the data directory {}", dir.display())]
    Directory {
        /// Which directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process writes it.
    #[error("the data directory {} is in use by another process", dir.display())]
    InUse {
        /// Which directory.
        dir: PathBuf,
    },
    /// A newer version of this program has written it.
    #[error("{} has schema version {found}, and this program knows versions up to {SCHEMA_VERSION}; nothing was changed", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// SQLite cannot, and the file is not simply unreadable.
    #[error("cannot open the store {}", path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Opens the store in `settings.dir`, creating both.
///
/// # Errors
///
/// [`OpenError`].
pub(super) fn open(settings: &Settings) -> Result<Opened, OpenError> {
    let dir = &settings.dir;
    let lock = lock(dir)?;
    let path = dir.join(FILE_NAME);
    let (loaded, moved_aside) = match load(&path) {
        Err(LoadError::Unreadable(error)) => {
            let aside = move_aside(&path).map_err(|source| OpenError::Directory { dir: dir.clone(), source })?;
            tracing::error!(
                moved_to = %aside.display(), %error,
                "the store is unreadable: it was moved aside and an empty one started; events and counters in it are not lost, but not here"
            );
            (load(&path), Some(aside))
        }
        loaded => (loaded, None),
    };
    let (connection, loaded) = loaded.map_err(|error| error.into_open_error(&path))?;
    let Loaded { seen, remembered, numbers, feeds, restored } = loaded;
    let disk = Disk::new(connection, path.clone(), lock).map_err(|source| OpenError::Sqlite { path, source })?;
    Ok(Opened { disk, seen, remembered, numbers, feeds, restored, moved_aside })
}

/// Makes the directory and takes its lock. The kernel gives the lock back when the process ends, however it ends.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let at_dir = |source| OpenError::Directory { dir: dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at_dir)?;
    let mut options = OpenOptions::new();
    let lock =
        options.create(true).truncate(false).write(true).mode(0o600).open(dir.join(LOCK_NAME)).map_err(at_dir)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(at_dir(source)),
    }
}

enum LoadError {
    /// Not a database, or a damaged one.
    Unreadable(rusqlite::Error),
    Newer(i64),
    Io(io::Error),
    Sqlite(rusqlite::Error),
}

impl LoadError {
    fn into_open_error(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Newer(found) => OpenError::Newer { path, found },
            Self::Io(source) => OpenError::Directory { dir: path, source },
            Self::Unreadable(source) | Self::Sqlite(source) => OpenError::Sqlite { path, source },
        }
    }
}

impl From<rusqlite::Error> for LoadError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Unreadable(error),
            _ => Self::Sqlite(error),
        }
    }
}

struct Loaded {
    seen: Seen,
    remembered: u64,
    numbers: Numbers,
    feeds: Feeds,
    restored: Restored,
}

fn load(path: &Path) -> Result<(Connection, Loaded), LoadError> {
    if path.exists() {
        // Read-only first: a store of a newer version must be left exactly as it is.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found = version_of(&connection)?;
        if found > SCHEMA_VERSION {
            return Err(LoadError::Newer(found));
        }
    } else {
        let mut options = OpenOptions::new();
        options.create_new(true).write(true).mode(0o600).open(path).map_err(LoadError::Io)?;
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // The writer checkpoints where it chooses to, see writer.rs.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    let loaded = load_rows(&connection)?;
    Ok((connection, loaded))
}

fn load_rows(connection: &Connection) -> rusqlite::Result<Loaded> {
    let numbers = connection.query_row("SELECT events, last_seq, cursor FROM state", [], |row| {
        Ok(Numbers { events: row.get(0)?, last_seq: row.get(1)?, cursor: row.get(2)? })
    })?;
    let fingerprint_bytes: Option<i64> =
        connection.query_row("SELECT sum(length(fingerprints)) FROM seen_groups", [], |row| row.get(0))?;
    let remembered = u64::try_from(fingerprint_bytes.unwrap_or(0)).unwrap_or(0) / Fingerprints::BYTES as u64;
    let mut seen = Seen::with_capacity(usize::try_from(remembered).unwrap_or(0));
    let mut statement = connection.prepare("SELECT fingerprints FROM seen_groups")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        seen.load(row.get_ref(0)?.as_blob().unwrap_or_default());
    }
    let mut statement =
        connection.prepare("SELECT level, error_code, account_sid, count, late, last_event, shown FROM series")?;
    let series = statement.query_map([], |row| {
        let level: String = row.get(0)?;
        let labels = SeriesLabels { level: Level::parse(&level), error_code: row.get(1)?, account_sid: row.get(2)? };
        Ok(StoredSeries { labels, count: row.get(3)?, late: row.get(4)?, last_event: row.get(5)?, shown: row.get(6)? })
    })?;
    let series = series.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare("SELECT metric, labels, value FROM counters")?;
    let counters = statement
        .query_map([], |row| Ok(CounterRow { metric: row.get(0)?, labels: row.get(1)?, value: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    let feeds = load_feeds(connection)?;
    Ok(Loaded { seen, remembered, numbers, feeds, restored: Restored { series, counters } })
}

/// What is known of feeds. What a later version may have written and this one does not know is passed over.
fn load_feeds(connection: &Connection) -> rusqlite::Result<Feeds> {
    let mut feeds = Feeds::default();
    let texts = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let mut statement = connection.prepare("SELECT feed, read_through FROM positions")?;
    for row in statement.query_map([], texts)? {
        let (feed, read_through) = row?;
        feeds.positions.extend(read_through.parse().ok().map(|read_through| (feed, read_through)));
    }
    let mut statement = connection.prepare("SELECT account_sid, source, since FROM account_feeds")?;
    for row in statement.query_map([], |row| Ok((texts(row)?, row.get::<_, i64>(2)?)))? {
        let ((account, source), since) = row?;
        let source = Source::ALL.iter().find(|known| known.as_str() == source);
        if let (Ok(account), Some(source), Ok(since)) =
            (AccountSid::parse(&account), source, Timestamp::from_millisecond(since))
        {
            feeds.accounts.entry(account).or_default().since.insert(*source, since);
        }
    }
    let mut statement = connection.prepare("SELECT account_sid, identity FROM account_identity")?;
    for row in statement.query_map([], texts)? {
        let (account, identity) = row?;
        if let (Ok(account), Ok(identity)) = (AccountSid::parse(&account), identity.parse()) {
            feeds.accounts.entry(account).or_default().identity = identity;
        }
    }
    let mut statement = connection.prepare("SELECT sid, level, due FROM awaited")?;
    for row in statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get(2)?)))? {
        let (sid, level, due) = row?;
        let awaited = |due| Awaited { sid: sid.cast_unsigned(), level: Level::parse(&level), due };
        feeds.await_all(Timestamp::from_millisecond(due).ok().map(awaited));
    }
    Ok(feeds)
}

/// Renames the store and its log, so that a person can look at them and nothing is overwritten.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let aside = path.with_file_name(format!("{FILE_NAME}.unreadable-{stamp}"));
    for suffix in ["-wal", "-shm", ""] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        if name(path).exists() {
            fs::rename(name(path), name(&aside))?;
            fs::set_permissions(name(&aside), Permissions::from_mode(0o600))?;
        }
    }
    Ok(aside)
}
