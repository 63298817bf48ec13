//! The files of the store: opened, locked, migrated, loaded; and every SQL statement that writes them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, params};

use super::documents::Packed;
use super::schema::{SCHEMA_VERSION, migrate, version_of};
use super::seen::Seen;
use super::{Opened, Settings};
use crate::level::Level;
use crate::metrics::event_series::{SeriesLabels, StoredSeries};
use crate::metrics::{CounterRow, Restored};

/// The file that holds everything.
pub(super) const FILE_NAME: &str = "events.db";

/// The file whose lock keeps a second writer out.
const LOCK_NAME: &str = "exporter.lock";

/// What one commit adds to the log besides the documents themselves: a page or two of each table it touches.
pub(super) const COMMIT_BYTES: usize = 32 << 10;

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

/// The open store, of which there is one writer.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) connection: Connection,
    pub(super) seen: Seen,
    /// How many arrivals are remembered, by the rows of table `seen_groups`.
    pub(super) remembered: u64,
    pub(super) state: State,
    /// Of a page; a store that an earlier version began has larger ones than a new one.
    pub(super) page_bytes: u64,
    /// What stands in the log, about.
    pub(super) log_bytes: usize,
    path: PathBuf,
    _lock: File,
}

/// The one row of table `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Events in the store.
    pub(super) events: u64,
    /// The number of the last event ever stored.
    pub(super) last_seq: u64,
    /// The number of the last event that the collector has.
    pub(super) cursor: u64,
}

impl Disk {
    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.state.last_seq
    }

    pub(super) fn cursor(&self) -> u64 {
        self.state.cursor
    }

    /// Bytes of the pages in use.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        Ok(pages_of(&self.connection)? * self.page_bytes)
    }

    /// When the oldest event arrived.
    pub(super) fn oldest(&self) -> rusqlite::Result<Option<Timestamp>> {
        let mut statement =
            self.connection.prepare_cached("SELECT received_at FROM event_groups ORDER BY last_seq LIMIT 1")?;
        let millis: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
    }
}

/// The pages in use.
fn pages_of(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma| connection.prepare_cached(pragma)?.query_row([], |row| row.get::<_, u64>(0));
    Ok(number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?))
}

pub(super) fn open(settings: &Settings) -> Result<Opened, OpenError> {
    let dir = &settings.dir;
    let lock = lock(dir)?;
    let path = dir.join(FILE_NAME);
    match load(&path) {
        Err(LoadError::Unreadable(error)) => {
            let aside = move_aside(&path).map_err(|source| OpenError::Directory { dir: dir.clone(), source })?;
            tracing::error!(
                moved_to = %aside.display(), %error,
                "the store is unreadable: it was moved aside and an empty one started; events and counters in it are not lost, but not here"
            );
            let (connection, loaded) = load(&path).map_err(|error| error.into_open_error(&path))?;
            Ok(opened(connection, loaded, path, lock, Some(aside)))
        }
        Err(error) => Err(error.into_open_error(&path)),
        Ok((connection, loaded)) => Ok(opened(connection, loaded, path, lock, None)),
    }
}

fn opened(connection: Connection, loaded: Loaded, path: PathBuf, lock: File, moved_aside: Option<PathBuf>) -> Opened {
    let Loaded { seen, remembered, state, page_bytes, restored } = loaded;
    let disk = Disk { connection, seen, remembered, state, page_bytes, log_bytes: 0, path, _lock: lock };
    Opened { disk, restored, moved_aside }
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
    state: State,
    page_bytes: u64,
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
    let state = connection.query_row("SELECT events, last_seq, cursor FROM state", [], |row| {
        Ok(State { events: row.get(0)?, last_seq: row.get(1)?, cursor: row.get(2)? })
    })?;
    let page_bytes = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let bytes: Option<i64> =
        connection.query_row("SELECT sum(length(fingerprints)) FROM seen_groups", [], |row| row.get(0))?;
    let remembered = u64::try_from(bytes.unwrap_or(0)).unwrap_or(0) / 16;
    let mut seen = Seen::with_capacity(usize::try_from(remembered).unwrap_or(0));
    let mut statement = connection.prepare("SELECT fingerprints FROM seen_groups")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        seen.load(row.get_ref(0)?.as_blob().unwrap_or_default());
    }
    let mut statement =
        connection.prepare("SELECT level, error_code, account_sid, count, last_event, shown FROM series")?;
    let series = statement.query_map([], |row| {
        let level: String = row.get(0)?;
        let labels = SeriesLabels { level: Level::parse(&level), error_code: row.get(1)?, account_sid: row.get(2)? };
        Ok(StoredSeries { labels, count: row.get(3)?, last_event: row.get(4)?, shown: row.get(5)? })
    })?;
    let series = series.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare("SELECT metric, labels, value FROM counters")?;
    let counters = statement
        .query_map([], |row| Ok(CounterRow { metric: row.get(0)?, labels: row.get(1)?, value: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    Ok(Loaded { seen, remembered, state, page_bytes, restored: Restored { series, counters } })
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

/// The statements of one transaction, by what they keep.
pub(super) struct Write<'a>(pub(super) &'a Transaction<'a>);

impl Write<'_> {
    /// The pages in use once this is committed. Asked here they cost no locks of their own.
    pub(super) fn pages(&self) -> rusqlite::Result<u64> {
        pages_of(self.0)
    }

    pub(super) fn events(&self, last_seq: u64, events: u64, at: Timestamp, documents: &Packed) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached("INSERT INTO event_groups VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![last_seq, events, at.as_millisecond(), documents.as_bytes()])?;
        let mut statement = self.0.prepare_cached("UPDATE state SET events = events + ?1, last_seq = ?2")?;
        statement.execute(params![events, last_seq]).map(drop)
    }

    pub(super) fn seen(&self, at: Timestamp, fingerprints: &[u8]) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached("INSERT INTO seen_groups (at, fingerprints) VALUES (?1, ?2)")?;
        statement.execute(params![at.as_millisecond(), fingerprints]).map(drop)
    }

    pub(super) fn count_series(&self, labels: &SeriesLabels, events: u64, last_event: f64) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(
            "INSERT INTO series VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT DO UPDATE
             SET count = count + excluded.count, last_event = max(coalesce(last_event, 0), excluded.last_event)",
        )?;
        let level = labels.level.as_str();
        statement.execute(params![level, labels.error_code, labels.account_sid, events, last_event]).map(drop)
    }

    /// A series may be shown before it has counted anything: then its row begins here.
    pub(super) fn mark_shown(&self, labels: &SeriesLabels) -> rusqlite::Result<()> {
        let mut statement = self
            .0
            .prepare_cached("INSERT INTO series VALUES (?1, ?2, ?3, 0, NULL, 1) ON CONFLICT DO UPDATE SET shown = 1")?;
        statement.execute(params![labels.level.as_str(), labels.error_code, labels.account_sid]).map(drop)
    }

    pub(super) fn add_to_counter(&self, metric: &str, labels: &str, count: u64) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        )?;
        statement.execute(params![metric, labels, count]).map(drop)
    }

    pub(super) fn set_counter(&self, row: &CounterRow) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        statement.execute(params![row.metric, row.labels, row.value]).map(drop)
    }

    pub(super) fn quarantine(&self, at: Timestamp, document: &str) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached("INSERT INTO quarantine (at, document) VALUES (?1, ?2)")?;
        statement.execute(params![at.as_millisecond(), document]).map(drop)
    }

    pub(super) fn cursor(&self, cursor: u64) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached("UPDATE state SET cursor = ?1")?;
        statement.execute(params![cursor]).map(drop)
    }

    pub(super) fn partial_delivery(
        &self,
        at: Timestamp,
        rejected: u64,
        message: &str,
        sids: &str,
    ) -> rusqlite::Result<()> {
        let mut statement = self
            .0
            .prepare_cached("INSERT INTO partial_deliveries (at, rejected, message, sids) VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![at.as_millisecond(), rejected, message, sids]).map(drop)
    }
}
