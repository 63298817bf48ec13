//! The tables, and how an older version becomes this one.

use rusqlite::{Connection, TransactionBehavior};

/// The file that holds everything.
pub(super) const FILE_NAME: &str = "events.db";

/// The version this program writes, in SQLite's `user_version`.
pub const SCHEMA_VERSION: i64 = 6;

/// Step `n` takes version `n` to `n + 1`; version 0 is an empty file.
const MIGRATIONS: [&str; 6] = [
    "
    -- One row a group of events that were synced together. `documents` is JSON, one event a line, since version 3 compressed; the
    -- first event's number is last_seq - events + 1.
    CREATE TABLE event_groups (
        last_seq INTEGER PRIMARY KEY,
        events INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        documents TEXT NOT NULL
    );
    CREATE INDEX event_groups_by_time ON event_groups (received_at);
    -- One row a group: 16 bytes an event, the fingerprints of its Sid and of its MAC. See seen.rs.
    CREATE TABLE seen_groups (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        fingerprints BLOB NOT NULL
    );
    -- twilio_debugger_events_total; account_sid is empty when that label is off.
    CREATE TABLE series (
        level TEXT NOT NULL,
        error_code TEXT NOT NULL,
        account_sid TEXT NOT NULL,
        count INTEGER NOT NULL,
        last_event REAL,
        shown INTEGER NOT NULL,
        PRIMARY KEY (level, error_code, account_sid)
    ) WITHOUT ROWID;
    -- The other counters; label values are joined by line feeds.
    CREATE TABLE counters (
        metric TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (metric, labels)
    ) WITHOUT ROWID;
    -- How many events there are, and the last one that the collector has: counting them would mean reading them.
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        events INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        cursor INTEGER NOT NULL
    );
    INSERT INTO state VALUES (1, 0, 0, 0);
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        document TEXT NOT NULL
    );
    -- Requests that the collector took while dropping some of their records, which it does not name.
    CREATE TABLE partial_deliveries (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        message TEXT NOT NULL,
        sids TEXT NOT NULL
    );
",
    // One page less to write in every commit: groups stand in the order of their arrival, so a time is found by halving.
    "DROP INDEX event_groups_by_time",
    // New groups are compressed, see documents.rs. Older ones stay as they are until they go.
    "",
    // Events are counted by input. Until now there was one, whose requests carried one event each: nothing falls.
    "
    UPDATE counters SET labels = labels || char(10) || 'webhook'
        WHERE metric = 'twilio_debugger_exporter_quarantined_total';
    INSERT INTO counters
        SELECT 'twilio_debugger_exporter_received_total', 'webhook', sum(value) FROM counters
        WHERE metric IN ('twilio_debugger_accepted_events_total', 'twilio_debugger_exporter_duplicates_total')
            OR (metric = 'twilio_debugger_exporter_quarantined_total' AND labels NOT LIKE 'otlp_rejected%')
        HAVING count(*) > 0;
    -- How far each polled feed has been read.
    CREATE TABLE positions (
        feed TEXT PRIMARY KEY,
        read_through TEXT NOT NULL
    ) WITHOUT ROWID;
",
    // twilio_debugger_late_events_total. What is counted so far was not late, as far as anybody knows.
    "ALTER TABLE series ADD COLUMN late INTEGER NOT NULL DEFAULT 0",
    // What is known of feeds, see feeds.rs. Until now there was one that counts here, the webhook, and whose signatures have matched has
    // been counted: what it brought before may not be taken for what only a list has. Event Streams leave the same trace.
    "
    CREATE TABLE account_feeds (
        account_sid TEXT NOT NULL,
        source TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (account_sid, source)
    ) WITHOUT ROWID;
    CREATE TABLE account_identity (
        account_sid TEXT PRIMARY KEY,
        identity TEXT NOT NULL
    ) WITHOUT ROWID;
    -- Events of a list that push may yet bring, by the fingerprint of the Sid.
    CREATE TABLE awaited (
        sid INTEGER PRIMARY KEY,
        level TEXT NOT NULL,
        due INTEGER NOT NULL
    );
    INSERT INTO account_feeds
        SELECT DISTINCT substr(labels, 1, instr(labels, char(10)) - 1), 'webhook', unixepoch('now') * 1000 FROM counters
        WHERE metric = 'twilio_debugger_exporter_signing_key_used_total' AND value > 0;
",
];

/// The version a file has.
pub(super) fn version_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a file of an older version to [`SCHEMA_VERSION`], all steps in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version = version_of(connection)?;
    let done = usize::try_from(version).unwrap_or(0);
    if done >= MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, SCHEMA_VERSION, migrate, version_of};
    use rusqlite::Connection;

    /// An upgrade that lost events would be noticed when somebody looks for them.
    #[test]
    fn a_store_of_every_older_version_keeps_its_events() {
        for version in 1..MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().expect("memory");
            connection.execute_batch(&MIGRATIONS[..version].join(";")).expect("valid SQL");
            connection.pragma_update(None, "user_version", version).expect("writes");
            connection.execute("INSERT INTO event_groups VALUES (7, 1, 0, '{}')", []).expect("writes");
            migrate(&mut connection).expect("migrates");
            assert_eq!(version_of(&connection), Ok(SCHEMA_VERSION));
            let last: i64 =
                connection.query_row("SELECT last_seq FROM event_groups", [], |row| row.get(0)).expect("it");
            assert_eq!(last, 7);
        }
        assert_eq!(Ok(SCHEMA_VERSION), i64::try_from(MIGRATIONS.len()));
    }

    /// Else what the webhook brought before the upgrade could be added once more from the list, under another Sid.
    #[test]
    fn an_account_whose_signatures_have_matched_is_known_to_have_push() {
        let mut connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch(&MIGRATIONS[..5].join(";")).expect("valid SQL");
        connection.pragma_update(None, "user_version", 5).expect("writes");
        let counter = "INSERT INTO counters VALUES ('twilio_debugger_exporter_signing_key_used_total', ?1, ?2)";
        for (labels, value) in [("AC1\n0", 7), ("AC1\n1", 1), ("AC2\n0", 0)] {
            connection.execute(counter, rusqlite::params![labels, value]).expect("writes");
        }
        migrate(&mut connection).expect("migrates");
        let mut statement = connection.prepare("SELECT account_sid, source FROM account_feeds").expect("valid SQL");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
        let feeds: Vec<(String, String)> = rows.collect::<Result<_, _>>().expect("two texts");
        assert_eq!(feeds, [("AC1".to_owned(), "webhook".to_owned())]);
    }
}
