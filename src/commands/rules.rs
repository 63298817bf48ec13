//! `rules`: prints the alert rules in the shape that a Prometheus or a Grafana reads.
//!
//! There is one source, `grafana/rules/*.yaml`, with plain string tokens in it. It is rendered to a rule file of Prometheus, as
//! text, so that its comments stay; what Grafana reads is made from that file, so that the shapes cannot disagree.

mod grafana;
mod rule_file;
mod source;
mod thresholds;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use self::source::{OptInGroup, Source, Threshold};
use super::CommandError;

/// Where the runbooks of this project stand.
const RUNBOOKS: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/grafana/runbooks");

/// The uid that provisioned Prometheus data sources commonly have.
const DATASOURCE_UID: &str = "prometheus";

/// The most bytes of a list of thresholds.
const LIST_BYTES_MAX: u64 = 1024 * 1024;

/// What `rules` is told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A list of thresholds is YAML, one entry a line; without a code, all codes together; `each`: every code on its own:
  - {code: \"11200\", level: error, window: 15m, threshold: 5, severity: critical}
level: error, warning, any; window: 5m, 15m, 1h, 12h, 24h; severity: critical, warning, info

Examples:
  twilio-debugger-exporter rules --thresholds thresholds.yaml > twilio-debugger-exporter.rules.yaml
  twilio-debugger-exporter rules --format grafana --datasource-uid PBFA97CFB590B2093 --with events"
)]
pub struct Args {
    /// The shape: a Prometheus rule file, a Grafana provisioning file, or one that deletes those rules again
    #[arg(long, value_enum, default_value_t = Format::Prometheus)]
    format: Format,
    /// The value of the label `job` under which the exporter is scraped
    #[arg(long, value_name = "NAME", default_value = "twilio-debugger-exporter")]
    job: String,
    /// The list of thresholds [default: three that suit most accounts]
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
    /// Groups that are left out unless named here, separated by commas
    #[arg(long, value_enum, value_name = "GROUPS", value_delimiter = ',')]
    with: Vec<OptInGroup>,
    /// Where the runbooks are, one `<AlertName>.md` each [default: this project's]
    #[arg(long, value_name = "URL")]
    runbook_url: Option<String>,
    /// The uid of the Prometheus data source, for Grafana [default: prometheus]
    #[arg(long, value_name = "UID")]
    datasource_uid: Option<String>,
}

/// A shape of the alert rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A rule file that Prometheus and others of its kind read
    Prometheus,
    /// Grafana-managed rules, as a provisioning file
    Grafana,
    /// A provisioning file that deletes those rules
    GrafanaDelete,
}

/// Prints the rules, or names every fault of what was typed.
pub(super) fn run(rules: &Args, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let mut faults = faults(rules);
    let thresholds = thresholds(rules.thresholds.as_deref()).unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    if !faults.is_empty() {
        return Err(CommandError::Usage(faults.join("\n")));
    }
    let runbooks = rules.runbook_url.as_deref().unwrap_or(RUNBOOKS).trim_end_matches('/');
    let source = Source { job: &rules.job, runbooks, thresholds: &thresholds, with: &rules.with };
    let prometheus = source.render();
    let datasource_uid = rules.datasource_uid.as_deref().unwrap_or(DATASOURCE_UID);
    let unreadable = |error: rule_file::RuleFileError| CommandError::failed("cannot read the rules", &error);
    let text = match rules.format {
        Format::Prometheus => prometheus,
        Format::Grafana => grafana::rules(&rule_file::parse(&prometheus).map_err(unreadable)?, datasource_uid)?,
        Format::GrafanaDelete => grafana::delete(&rule_file::parse(&prometheus).map_err(unreadable)?)?,
    };
    out.write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with the flags: their values become parts of YAML, `PromQL` and templates, and must not end what they stand in.
fn faults(rules: &Args) -> Vec<String> {
    let mut faults = Vec::new();
    let job = &rules.job;
    if job.is_empty() || job.contains(|c: char| c.is_control() || matches!(c, '"' | '\\' | '$')) {
        faults.push(format!(
            "--job {job:?}: must be a name without quotation marks, backslashes, dollars and line breaks"
        ));
    }
    if let Some(url) = &rules.runbook_url {
        let is_http = ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if !is_http || url.contains(|c: char| c.is_control() || c.is_whitespace() || "\"\\{}$".contains(c)) {
            faults.push(format!("--runbook-url {url:?}: must be a URL that starts with http:// or https://"));
        }
    }
    match &rules.datasource_uid {
        Some(_) if rules.format != Format::Grafana => {
            faults.push("--datasource-uid: only --format grafana names a data source".to_owned());
        }
        Some(uid) if !is_uid(uid) => {
            faults.push(format!("--datasource-uid {uid:?}: must be 1 to 40 letters, digits, `-` or `_`"));
        }
        _ => {}
    }
    faults
}

/// Whether Grafana takes `text` for a uid.
fn is_uid(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The list in `file`, or ours.
fn thresholds(file: Option<&Path>) -> Result<Vec<Threshold>, Vec<String>> {
    let Some(file) = file else { return thresholds::parse(source::DEFAULT_THRESHOLDS) };
    let named = |sentence: String| format!("{}: {sentence}", file.display());
    let text = match fs::metadata(file) {
        Ok(metadata) if metadata.len() > LIST_BYTES_MAX => Err(format!("is longer than {LIST_BYTES_MAX} bytes")),
        _ => fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}")),
    };
    let text = text.map_err(|sentence| vec![named(sentence)])?;
    thresholds::parse(&text).map_err(|faults| faults.into_iter().map(named).collect())
}
