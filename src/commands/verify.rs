//! `verify`: the signature doctor at the command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::CommandError;
use super::flags::{Identity, SettingFlags};
use crate::config::{Signing, Sources, load_signing};
use crate::input::doctor::{ADVICE, Case, Finding, examine};
use crate::public_url::PublicUrl;

/// What `verify` is told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Tokens come from the configuration or the environment; the body must be the bytes that arrived.

Example:
  twilio-debugger-exporter verify --url https://hooks.example.com/twilio --body body.bin --signature \"$SIGNATURE\""
)]
pub struct Args {
    /// The URL as it was requested
    #[arg(long)]
    url: String,
    /// File with the request's body
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// The value of the header X-Twilio-Signature
    #[arg(long, value_name = "SIGNATURE")]
    signature: String,
    #[command(flatten)]
    pub(super) flags: SettingFlags<Identity>,
}

/// Examines a signature; 0 if the exporter accepts it, 1 if not.
pub(super) fn run(verify: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let Signing { public_urls, accounts } = load_signing(sources)?;
    if accounts.is_empty() {
        return Err(CommandError::Usage(
            "no token to verify with: name accounts in --config, or set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN_FILE"
                .into(),
        ));
    }
    let requested = PublicUrl::parse(&verify.url).map_err(|error| CommandError::Usage(format!("--url {error}")))?;
    let body = std::fs::read(&verify.body)
        .map_err(|error| CommandError::Usage(format!("--body {} cannot be read: {error}", verify.body.display())))?;
    let host =
        requested.port().map_or_else(|| requested.host().to_owned(), |port| format!("{}:{port}", requested.host()));
    // Without public URLs in the configuration, the URL at hand is taken for one.
    let configured = !public_urls.is_empty();
    let own = [requested.clone()];
    let target = requested.request_target();
    let case = Case {
        urls: if configured { &public_urls } else { &own },
        typed: Some(&verify.url),
        accounts: &accounts,
        target: configured.then_some(target.as_str()),
        host: configured.then_some(host.as_str()),
        body: &body,
        signature: &verify.signature,
    };
    report(&examine(&case), out)
}

fn report(finding: &Finding, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    match finding {
        Finding::Verifies { key, signed_url } => {
            writeln!(out, "the signature matches")?;
            writeln!(out, "  key:  token {} of {}", key.position + 1, key.account_sid.as_str())?;
            writeln!(out, "  url:  {signed_url}")?;
            return Ok(ExitCode::SUCCESS);
        }
        Finding::Explained(explanation) => {
            writeln!(out, "the signature does not match, and this is why:")?;
            for mistake in &explanation.mistakes {
                writeln!(out, "  {}", mistake.cause())?;
            }
            writeln!(out, "  signed:  {}", explanation.signed_url)?;
            let (position, account) = (explanation.key.position + 1, explanation.key.account_sid.as_str());
            writeln!(out, "  key:     token {position} of {account}")?;
            writeln!(out, "what mends it:")?;
            writeln!(out, "  {}", explanation.setting())?;
        }
        Finding::NotASignature(fault) => writeln!(out, "{fault}")?,
        Finding::Unexplained => {
            writeln!(out, "the signature does not match, and none of the known mistakes explains it; look at:")?;
            for advice in ADVICE {
                writeln!(out, "  - {advice}")?;
            }
        }
    }
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::report;
    use crate::account::KeyName;
    use crate::input::doctor::Finding;
    use crate::sid::AccountSid;

    fn reported(finding: &Finding) -> (ExitCode, String) {
        let mut out = Vec::new();
        let code = report(finding, &mut out).expect("a vector takes it");
        (code, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_match_names_key_and_url() {
        let key = KeyName { account_sid: AccountSid::parse("AC1").expect("a Sid"), position: 1 };
        let (code, text) = reported(&Finding::Verifies { key, signed_url: "https://h:443/p".into() });
        assert_eq!(code, ExitCode::SUCCESS);
        assert_eq!(text, "the signature matches\n  key:  token 2 of AC1\n  url:  https://h:443/p\n");
    }

    #[test]
    fn what_nothing_explains_ends_with_what_to_look_at() {
        let (code, text) = reported(&Finding::Unexplained);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(text.contains("once it is promoted") && text.lines().count() == 6, "{text}");
    }
}
