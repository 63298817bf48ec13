//! A disk that fails when it is told to.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::exporter::Setup;
use crate::wait;

/// A library that stands between the exporter and the kernel, and the folder it takes its orders from.
#[derive(Debug)]
pub struct Faults(TempDir);

impl Faults {
    /// Compiles the library.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim.c");
        let library = dir.path().join("shim.so");
        let status = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(status.expect("a C compiler, which the store needs anyway").success());
        Self(dir)
    }

    /// Lets an exporter run on this disk.
    pub fn under(&self, setup: Setup) -> Setup {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        setup.variable("LD_PRELOAD", &path("shim.so")).variable("FAULTS", &path(""))
    }

    /// From now on `fault` happens: `fail-sync`, `slow-sync`, `full-disk` or `full-for-store`.
    pub fn begin(&self, fault: &str) {
        std::fs::write(self.0.path().join(fault), "").expect("writable");
    }

    /// Waits until the exporter is in a `slow-sync`.
    pub async fn met(&self, fault: &str) {
        let mark = self.0.path().join(format!("{fault}.met"));
        wait::until(&format!("{fault} to be met"), || async { mark.exists().then_some(()) }).await;
    }

    /// It no longer happens.
    pub fn end(&self, fault: &str) {
        std::fs::remove_file(self.0.path().join(fault)).expect("begun");
    }
}
