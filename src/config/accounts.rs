//! Accounts and public URLs: whose events are taken, and where.
//!
//! Tokens are read here, once, into [`SecretString`]. They come from files or variables and never from the configuration file,
//! which ends up in version control. No sentence of this module holds one, nor what might be one in the wrong place.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::environment::Environment;
use super::fault::Report;
use super::section::Section;
use super::values;
use crate::account::{Account, ApiKey};
use crate::public_url::PublicUrl;
use crate::sid::AccountSid;

/// The most bytes of a token file; Twilio's tokens have 32.
const TOKEN_BYTES_MAX: u64 = 4096;

/// What `auth_token` in the file is answered with.
const NO_TOKEN_IN_THE_FILE: &str =
    "tokens do not stand in this file; put the token in a file of its own and name that in auth_token_files";

/// Reads `public_url`, one or a list; with `required`, none is a fault.
pub(super) fn public_urls(root: &mut Section, required: bool, report: &mut Report) -> Vec<PublicUrl> {
    let typed = match root.take("public_url") {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    if typed.is_empty() && required {
        report.fault("public_url", "is missing; set it, or PUBLIC_URL, to the URL that stands in Twilio's console");
    }
    let several = typed.len() > 1;
    let mut urls = Vec::new();
    for (index, value) in typed.iter().enumerate() {
        let place = if several { format!("public_url[{index}]") } else { "public_url".to_owned() };
        // The text itself may hold a password and is not repeated.
        match values::text(value).and_then(|text| PublicUrl::parse(&text).map_err(|error| error.to_string())) {
            Ok(url) => {
                for remark in url.remarks() {
                    report.warn(format!("{place}: {url} {remark}"));
                }
                urls.push(url);
            }
            Err(sentence) => report.fault(place, sentence),
        }
    }
    urls
}

/// Reads `accounts`; with `required`, none is a fault.
pub(super) fn accounts(
    root: &mut Section,
    required: bool,
    environment: &Environment,
    report: &mut Report,
) -> Vec<Account> {
    let entries = match root.take("accounts") {
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            report.fault("accounts", "must be a list of accounts, each with sid and auth_token_files");
            return Vec::new();
        }
        None => Vec::new(),
    };
    if entries.is_empty() && required {
        report.fault(
            "accounts",
            "are missing; list them in the file, or set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN or TWILIO_AUTH_TOKEN_FILE",
        );
    }
    refuse_stray_token(&entries, required, environment, report);
    let mut seen = HashSet::new();
    let mut accounts = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let place = format!("accounts[{index}]");
        let Value::Object(entry) = entry else {
            report.fault(place, "must be an account with sid and auth_token_files");
            continue;
        };
        let Some(account) = account(Section::new(place.clone(), entry), environment, report) else { continue };
        if !seen.insert(account.sid.clone()) {
            report.fault(
                format!("{place}.sid"),
                format!("{} is listed twice; name all its tokens in one entry", account.sid),
            );
        }
        accounts.push(account);
    }
    accounts
}

/// A token in the environment whose account is nowhere would never verify anything.
fn refuse_stray_token(entries: &[Value], required: bool, environment: &Environment, report: &mut Report) {
    let names =
        |entry: &Value| entry.get("auth_token_env").and_then(|names| one_or_more(names).ok()).unwrap_or_default();
    for variable in ["TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_FILE"] {
        let used = environment.get("TWILIO_ACCOUNT_SID").is_some()
            || entries.iter().flat_map(names).any(|name| name == variable);
        if !required || used || environment.get(variable).is_none() {
            continue;
        }
        let sentence = "is set without TWILIO_ACCOUNT_SID, so it belongs to no account";
        if entries.is_empty() {
            report.fault(variable, sentence);
        } else {
            report.warn(format!("{variable}: {sentence}"));
        }
    }
}

fn account(mut entry: Section, environment: &Environment, report: &mut Report) -> Option<Account> {
    for key in ["auth_token", "auth_tokens"] {
        entry.refuse(report, key, NO_TOKEN_IN_THE_FILE);
    }
    let given = entry.take("sid");
    if given.is_none() {
        report.fault(entry.place("sid"), "is missing");
    }
    // A token in the place of the Sid is not repeated.
    let sid = given.and_then(|sid| {
        let sid = values::text(&sid).and_then(|text| AccountSid::parse(&text).map_err(|error| format!("is {error}")));
        sid.map_err(|sentence| report.fault(entry.place("sid"), sentence)).ok()
    });
    let files = entry.optional(report, "auth_token_files", one_or_more);
    let variables = entry.optional(report, "auth_token_env", one_or_more);
    if files.is_none() && variables.is_none() {
        report.fault(
            entry.place("auth_token_files"),
            "is missing: without a token no event of this account can be verified",
        );
    }
    let mut auth_tokens = Vec::new();
    for (index, name) in variables.unwrap_or_default().iter().enumerate() {
        match token_of_variable(environment, name) {
            Ok(token) => auth_tokens.push(token),
            Err(sentence) => report.fault(format!("{}[{index}]", entry.place("auth_token_env")), sentence),
        }
    }
    for (index, file) in files.unwrap_or_default().iter().enumerate() {
        match token_of_file(Path::new(file)) {
            Ok(token) => auth_tokens.push(token),
            Err(sentence) => report.fault(format!("{}[{index}]", entry.place("auth_token_files")), sentence),
        }
    }
    let api_key = entry.optional(report, "api_key_file", |value| api_key_of_file(&values::path(value)?));
    entry.finish(report);
    Some(Account { sid: sid?, auth_tokens, api_key })
}

/// A list of texts, or one text as it is: a path may hold a comma.
fn one_or_more(value: &Value) -> Result<Vec<String>, String> {
    let texts = match value {
        Value::Array(items) => items.iter().map(values::text).collect::<Result<Vec<_>, _>>()?,
        one => vec![values::text(one)?],
    };
    if texts.is_empty() { Err("must name at least one token".into()) } else { Ok(texts) }
}

fn token_of_variable(environment: &Environment, name: &str) -> Result<SecretString, String> {
    if looks_like_a_token(name) {
        return Err(not_a_name("variable"));
    }
    if !environment.has(name) {
        return Err(format!("the variable {name} is not set"));
    }
    token(environment.get(name).unwrap_or_default()).map_err(|fault| format!("the variable {name} {fault}"))
}

/// Reads a token file. One line end at its end is not part of the token.
///
/// # Errors
///
/// A sentence that names the file, for a file that cannot be read, is empty, or holds anything but one token.
fn token_of_file(file: &Path) -> Result<SecretString, String> {
    if file.to_str().is_some_and(looks_like_a_token) {
        return Err(not_a_name("file"));
    }
    let mut text = String::new();
    File::open(file)
        .and_then(|opened| opened.take(TOKEN_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    if text.len() as u64 > TOKEN_BYTES_MAX {
        return Err(format!("{} is longer than {TOKEN_BYTES_MAX} bytes and no token", file.display()));
    }
    token(&text).map_err(|fault| format!("{} {fault}", file.display()))
}

/// Reads the file of an API key: its Sid, a colon, and its secret.
///
/// # Errors
///
/// A sentence that names the file, for a file that cannot be read, or holds anything else.
fn api_key_of_file(file: &Path) -> Result<ApiKey, String> {
    let key = token_of_file(file)?;
    let parts = key.expose_secret().split_once(':');
    let is_sid =
        |sid: &str| sid.len() == 34 && sid.starts_with("SK") && sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match parts {
        Some((sid, secret)) if is_sid(sid) && !secret.is_empty() => {
            Ok(ApiKey { sid: sid.to_owned(), secret: secret.to_owned().into() })
        }
        _ => {
            Err(format!("{} holds no API key: its Sid, which begins with SK, a colon, and its secret", file.display()))
        }
    }
}

fn token(text: &str) -> Result<SecretString, &'static str> {
    let token = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if token.is_empty() {
        Err("is empty, and anyone can sign with an empty token")
    } else if token.trim().is_empty() {
        Err("holds nothing but white space")
    } else if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Err("holds white space within or around the token")
    } else {
        Ok(SecretString::from(token.to_owned()))
    }
}

/// Twilio's tokens are 32 hexadecimal digits; a file or a variable of such a name is a token in the wrong place.
fn looks_like_a_token(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn not_a_name(kind: &str) -> String {
    format!("holds what looks like a token, where the name of a {kind} belongs")
}
