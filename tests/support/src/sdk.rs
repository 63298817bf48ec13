//! Twilio's own SDKs as signers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::event::Event;
use crate::repository;

/// One of Twilio's SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    Python,
    Node,
}

/// What an SDK makes of a body that is no form.
#[derive(Debug, Clone)]
pub struct SignedBody {
    pub signature: String,
    /// What is added to the URL as `bodySHA256`.
    pub hash: String,
}

/// What an SDK makes of an event.
#[derive(Debug, Clone)]
pub struct Signed {
    pub signature: String,
    /// The form as the SDK's language encodes it.
    pub body: String,
}

impl Sdk {
    /// Signs `events`, each for its URL, under one token.
    pub fn sign<'a>(self, token: &str, events: impl IntoIterator<Item = (&'a str, &'a Event)>) -> Vec<Signed> {
        let requests =
            events.into_iter().map(|(url, event)| json!({"url": url, "token": token, "params": event.fields}));
        let text = |answer: &Value, key: &str| answer[key].as_str().expect("a text").to_owned();
        let answers = self.answers(&requests.collect::<Vec<_>>());
        answers
            .iter()
            .map(|answer| Signed { signature: text(answer, "signature"), body: text(answer, "body") })
            .collect()
    }

    /// Signs bodies that are no forms, each for its URL, under one token.
    pub fn sign_bodies<'a>(self, token: &str, bodies: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<SignedBody> {
        let requests = bodies.into_iter().map(|(url, body)| json!({"url": url, "token": token, "body": body}));
        let text = |answer: &Value, key: &str| answer[key].as_str().expect("a text").to_owned();
        let answers = self.answers(&requests.collect::<Vec<_>>());
        answers
            .iter()
            .map(|answer| SignedBody { signature: text(answer, "signature"), hash: text(answer, "hash") })
            .collect()
    }

    /// Asks the SDK, a line a request.
    fn answers(self, requests: &[Value]) -> Vec<Value> {
        let root = repository();
        let mut command = match self {
            Self::Python => Command::new(root.join(".tools/python/bin/python")),
            Self::Node => Command::new("node"),
        };
        command.arg(root.join("tests/sdk").join(if self == Self::Python { "sign.py" } else { "sign.js" }));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; run `make tools`"));
        let requests: Vec<String> = requests.iter().map(|request| format!("{request}\n")).collect();
        let mut input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let expected = requests.len();
        // Written beside the reading: neither pipe holds all of it.
        let writer = std::thread::spawn(move || {
            for request in requests {
                input.write_all(request.as_bytes()).expect("the signer reads");
            }
        });
        let answers: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(&line.expect("UTF-8")).expect("a line of JSON")).collect();
        writer.join().expect("written");
        assert!(child.wait().expect("a child").success(), "the signer failed");
        assert_eq!(answers.len(), expected);
        answers
    }
}
