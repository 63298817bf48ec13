use secrecy::ExposeSecret as _;

use super::{Case, TOKEN, case};

fn account(entry: &str) -> Case {
    Case::bare().file(&format!("public_url: https://h/t\naccounts: [{entry}]\n"))
}

#[test]
fn three_variables_are_enough() {
    let loaded = Case::minimal().loaded();
    let account = &loaded.settings.accounts[0];
    assert_eq!((account.sid.as_str(), account.auth_tokens[0].expose_secret()), ("AC1", TOKEN));
    assert_eq!(loaded.settings.public_urls[0].to_string(), "https://h/t");
}

#[test]
fn nothing_at_all_names_both_ways() {
    let faults = Case::bare().faults();
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].contains("PUBLIC_URL"), "{faults:#?}");
    assert!(faults[1].contains("file") && faults[1].contains("TWILIO_AUTH_TOKEN_FILE"), "{faults:#?}");
}

#[test]
fn no_token_is_a_fault() {
    let fault = account("{sid: AC1}").fault();
    assert!(fault.starts_with("accounts[0].auth_token_files: is missing"), "{fault}");
    let fault = account("{sid: AC1, auth_token_files: []}").faults();
    assert!(fault[0].contains("at least one token"), "{fault:?}");
    let case = Case::bare().with("TWILIO_ACCOUNT_SID", "AC1").with("PUBLIC_URL", "https://h/t");
    assert!(case.fault().contains("is missing"));
    let case = Case::bare().with("TWILIO_AUTH_TOKEN", TOKEN).with("PUBLIC_URL", "https://h/t");
    assert!(case.faults().iter().any(|fault| fault.starts_with("TWILIO_AUTH_TOKEN: is set without")));
}

/// Its Sid alone, or its secret alone, would be refused by Twilio once a message, far from here.
#[test]
fn an_api_key_is_a_sid_and_a_secret_in_a_file() {
    let entry = "{sid: AC1, auth_token_files: DIR/token, api_key_file: DIR/key}";
    let sid = format!("SK{}", "0".repeat(32));
    let keyed = |text: &str| {
        let case = account(entry);
        case.write("token", TOKEN);
        case.write("key", text);
        case
    };
    let loaded = keyed(&format!("{sid}:hu:sh\n")).loaded();
    let key = loaded.settings.accounts[0].api_key.as_ref().expect("a key");
    assert_eq!((key.sid.as_str(), key.secret.expose_secret()), (sid.as_str(), "hu:sh"));
    assert!(!format!("{loaded:?}").contains("hu:sh"), "a secret stands nowhere");
    for text in ["", &sid, &format!("{sid}:"), "AC1:hush", "hush", &format!("{sid}0:hush")] {
        let fault = keyed(text).fault();
        assert!(fault.starts_with("accounts[0].api_key_file: ") && !fault.contains("hush"), "{text:?}: {fault}");
    }
}

#[test]
fn an_empty_or_blank_token_is_a_fault() {
    for (text, sentence) in [
        ("", "token is empty, and anyone can sign with an empty token"),
        ("\n", "token is empty"),
        (" \t\n", "token holds nothing but white space"),
        ("to ken\n", "token holds white space"),
        ("token\n\n", "token holds white space"),
    ] {
        let case = account("{sid: AC1, auth_token_files: DIR/token}");
        case.write("token", text);
        let fault = case.fault();
        assert!(
            fault.starts_with("accounts[0].auth_token_files[0]: ") && fault.contains(sentence),
            "{text:?}: {fault}"
        );
    }
    for (text, sentence) in [("", "TWILIO_AUTH_TOKEN is empty"), ("  ", "nothing but white space")] {
        let fault = Case::minimal().with("TWILIO_AUTH_TOKEN", text).fault();
        assert!(fault.contains(sentence), "{fault}");
    }
}

#[test]
fn an_unreadable_token_file_is_named() {
    let case = account("{sid: AC1, auth_token_files: [DIR/missing, DIR]}");
    let faults = case.faults();
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].contains("missing cannot be read: No such file"), "{faults:#?}");
    assert!(faults[1].contains("cannot be read"), "{faults:#?}");
}

#[test]
fn a_token_in_the_wrong_place_is_refused_and_not_repeated() {
    for entry in ["auth_token: 'T'", "auth_tokens: [T]", "auth_token_files: [T]", "auth_token_env: [T]"] {
        let case = account(&format!("{{sid: AC1, {}}}", entry.replace('T', TOKEN)));
        let faults = case.faults().join("\n");
        assert!(faults.contains("token") && !faults.contains(TOKEN), "{faults}");
    }
    let faults = account(&format!("{{sid: '{TOKEN}', auth_token_files: [DIR/x]}}")).faults().join("\n");
    assert!(!faults.contains(TOKEN), "{faults}");
}

#[test]
fn the_token_is_in_no_debug_output() {
    let case = case("otlp: {endpoint: 'http://c:4317', headers: {authorization: s3cret}}");
    let (loaded, sources) = (case.loaded(), &case.with("TWILIO_AUTH_TOKEN", TOKEN).sources);
    let debug = format!("{loaded:?} {sources:?}");
    assert!(!debug.contains(TOKEN) && !debug.contains("s3cret"), "{debug}");
}

#[test]
fn one_account_has_one_entry() {
    let case = Case::bare();
    case.write("token", TOKEN);
    let case = case.file(
        "public_url: https://h/t
accounts: [{sid: AC1, auth_token_files: [DIR/token]}, {sid: AC1, auth_token_files: [DIR/token]}]",
    );
    assert!(case.fault().starts_with("accounts[1].sid: AC1 is listed twice"));
}

#[test]
fn the_environments_account_stands_beside_the_files() {
    let tokens = |case: &Case| -> Vec<(String, String)> {
        let accounts = case.loaded().settings.accounts;
        accounts.iter().map(|a| (a.sid.to_string(), a.auth_tokens[0].expose_secret().to_owned())).collect()
    };
    let beside = case("").with("TWILIO_ACCOUNT_SID", "AC2").with("TWILIO_AUTH_TOKEN", "other");
    assert_eq!(tokens(&beside), [("AC1".into(), TOKEN.into()), ("AC2".into(), "other".into())]);
    let instead = case("").with("TWILIO_ACCOUNT_SID", "AC1").with("TWILIO_AUTH_TOKEN", "other");
    assert_eq!(tokens(&instead), [("AC1".into(), "other".into())]);
    let named = account("{sid: AC3, auth_token_env: TWILIO_AUTH_TOKEN_B}").with("TWILIO_AUTH_TOKEN_B", "b");
    assert_eq!(tokens(&named), [("AC3".into(), "b".into())]);
}

#[test]
fn odd_public_urls_are_warned_of_or_refused() {
    let warnings = |url: &str| Case::minimal().with("PUBLIC_URL", url).loaded().warnings;
    assert!(warnings("https://h/t#rc=5")[0].contains("fragment"));
    let userinfo = warnings("https://user:s3cret@h/t");
    assert!(userinfo[0].contains("user name or password") && !userinfo[0].contains("s3cret"), "{userinfo:?}");
    assert!(warnings("https://h/it's")[0].contains("characters"));
    let fault = Case::minimal().with("PUBLIC_URL", "https://user:s3cret@h/a b").fault();
    assert!(fault.starts_with("public_url: holds a character") && !fault.contains("s3cret"), "{fault}");
    assert!(fault.ends_with("(set by PUBLIC_URL)"), "{fault}");
}

#[test]
fn several_public_urls_are_told_apart() {
    let case = Case::minimal().file("public_url: ['https://a/t', 'https://b/t']");
    let mut sources = case.sources.clone();
    sources.environment = sources
        .environment
        .names()
        .filter(|name| *name != "PUBLIC_URL")
        .map(|name| (name.to_owned(), sources.environment.get(name).unwrap_or_default().to_owned()))
        .collect();
    let loaded = super::load_everything(&sources).expect("one path for both is fine");
    assert_eq!(loaded.settings.public_urls.len(), 2);
}
