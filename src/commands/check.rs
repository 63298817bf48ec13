//! `check`: names every fault of a configuration, or says that it is valid.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use super::flags::{Everything, SettingFlags};
use super::{CommandError, block_on};
use crate::causes::with_causes;
use crate::config::{Settings, Sources, load_everything};
use crate::otlp::{self, Client, Verdict};
use crate::redact::mask_url;

/// What `check` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twilio-debugger-exporter check --config exporter.yml
  twilio-debugger-exporter check --config exporter.yml --connect")]
pub struct Args {
    /// Also ask the OTLP endpoint whether it takes records
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    pub(super) flags: SettingFlags<Everything>,
}

/// Reads everything that `serve` would read; with `--connect`, also tries what `serve` would need.
pub(super) fn run(check: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let loaded = load_everything(sources)?;
    for warning in &loaded.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    if let Some(catalogue) = loaded.catalogue.as_ref().filter(|catalogue| !catalogue.is_empty()) {
        writeln!(out, "error_catalogue: {} codes are known", catalogue.len())?;
    }
    writeln!(out, "configuration is valid")?;
    if !check.connect {
        return Ok(ExitCode::SUCCESS);
    }
    out.flush()?;
    connect(&loaded.settings, out)
}

fn connect(settings: &Settings, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let mut works = true;
    let dir = &settings.store.dir;
    match try_writing(dir) {
        Ok(()) => writeln!(out, "store.dir: {} can be written", dir.display())?,
        Err(error) => {
            works = false;
            writeln!(out, "store.dir: {} cannot be written: {error}", dir.display())?;
        }
    }
    match &settings.otlp {
        None => writeln!(out, "otlp: no endpoint is configured; events are stored and counted")?,
        Some(settings) => {
            let endpoint = mask_url(&settings.endpoint);
            match block_on(ask(settings)) {
                Ok(Verdict::Delivered { .. } | Verdict::Partial { .. }) => {
                    writeln!(out, "otlp: {endpoint} takes log records")?;
                }
                Ok(Verdict::Rejected { detail } | Verdict::TooLarge { detail }) => {
                    writeln!(out, "otlp: {endpoint} answers, and refuses a request without records: {detail}")?;
                }
                Err(error) => {
                    works = false;
                    writeln!(out, "otlp: {endpoint} does not take log records: {error}")?;
                }
            }
        }
    }
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the collector says of a request without records.
async fn ask(settings: &otlp::Settings) -> Result<Verdict, CommandError> {
    let client = Client::new(settings).map_err(|error| CommandError::Usage(with_causes(&error)))?;
    client.send(Vec::new()).await.map_err(|error| CommandError::Failed(with_causes(&error)))
}

/// Creates the directory as `serve` would, and a file in it that goes away again.
fn try_writing(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    tempfile::NamedTempFile::new_in(dir)?.close()
}

#[cfg(test)]
mod tests {
    use super::try_writing;

    #[test]
    fn trying_leaves_nothing_but_the_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("a/b");
        try_writing(&inner).expect("writable");
        assert_eq!(std::fs::read_dir(&inner).expect("there").count(), 0);
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("writable");
        assert!(try_writing(&file).is_err());
    }
}
