//! The list of codes that `error_catalogue` names.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::fault::Report;
use super::section::Section;
use super::values;
use crate::catalogue::Catalogue;
use crate::causes::with_causes;

/// The setting.
pub(super) const KEY: &str = "error_catalogue";

/// The most bytes of the list; Twilio's had 2 MB in 2023.
pub(super) const CATALOGUE_BYTES_MAX: u64 = 16 << 20;

/// What becomes of a list that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A fault, like any other.
    IsAFault,
    /// A warning: titles are not worth a configuration that stays as it was.
    KeepsTheOld,
}

/// Reads the list; none where the old one is to be kept.
pub(super) fn read(root: &mut Section, broken: Broken, report: &mut Report) -> Option<Arc<Catalogue>> {
    let Some(file) = root.optional(report, KEY, values::path) else { return Some(Arc::default()) };
    match catalogue_of(&file) {
        Ok(catalogue) => Some(Arc::new(catalogue)),
        Err(sentence) if broken == Broken::KeepsTheOld => {
            report.warn(format!("{KEY}: {sentence}: the catalogue read before stays in force"));
            None
        }
        Err(sentence) => {
            report.fault(KEY, sentence);
            None
        }
    }
}

fn catalogue_of(file: &Path) -> Result<Catalogue, String> {
    let name = file.display();
    let mut text = String::new();
    File::open(file)
        .and_then(|opened| opened.take(CATALOGUE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| format!("{name} cannot be read: {error}"))?;
    if text.len() as u64 > CATALOGUE_BYTES_MAX {
        return Err(format!("{name} is longer than {CATALOGUE_BYTES_MAX} bytes"));
    }
    Catalogue::parse(&text).map_err(|error| format!("{name} {}", with_causes(&error)))
}
