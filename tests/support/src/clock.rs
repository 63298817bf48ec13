//! A clock that stands until it is moved: an exporter under it lives through hours in a moment.

use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::exporter::Setup;
use crate::repository;

/// A library that tells the exporter another time of day, and the file in which that stands. Its time-outs go by the real one.
#[derive(Debug)]
pub struct Clock(TempDir);

impl Clock {
    /// Compiles the library; the clock stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let source = repository().join("tests/screenshots/clock.c");
        let library = dir.path().join("clock.so");
        let status = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(status.expect("a C compiler, which the store needs anyway").success());
        let clock = Self(dir);
        clock.set(now);
        clock
    }

    /// Lets an exporter live by it.
    pub fn under(&self, setup: Setup) -> Setup {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        setup.variable("LD_PRELOAD", &path("clock.so")).variable("SIMULATED_CLOCK", &path("clock"))
    }

    /// Moves it to `now`.
    pub fn set(&self, now: Timestamp) {
        use std::io::Write as _;
        let nanos = i64::try_from(now.as_nanosecond()).expect("this century");
        // In place: the exporter has the file in its memory.
        let mut file = std::fs::File::options().create(true).truncate(false).write(true).open(self.path());
        file.as_mut().expect("writable").write_all(&nanos.to_ne_bytes()).expect("writable");
    }

    /// Moves it forward, and says what it shows then.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let now = self.now() + by;
        self.set(now);
        now
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        let bytes = std::fs::read(self.path()).expect("written");
        let nanos = i64::from_ne_bytes(bytes.try_into().expect("8 bytes"));
        Timestamp::from_nanosecond(nanos.into()).expect("this century")
    }

    fn path(&self) -> impl AsRef<Path> + use<> {
        self.0.path().join("clock")
    }
}
