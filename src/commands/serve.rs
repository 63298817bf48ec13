//! `serve`: runs the exporter. All of it is in [`crate::app`]; here is only what can be typed for it.

use super::flags::{Everything, SettingFlags};

/// What `serve` is told.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Each setting is also a key of the file and a variable: --webhook.listen is webhook: {listen: ...}
and TWILIO_DEBUGGER_EXPORTER_WEBHOOK_LISTEN. Flags win over variables, variables over the file.
Lists and maps stand in the file; tokens stand in files of their own.

SIGHUP reads the configuration again, SIGTERM drains and ends.

Examples:
  twilio-debugger-exporter serve --config exporter.yml
  twilio-debugger-exporter serve --public-url https://hooks.example.com/twilio --store.dir /var/lib/twilio-events"
)]
pub struct Args {
    #[command(flatten)]
    pub(super) flags: SettingFlags<Everything>,
}
