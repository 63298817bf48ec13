//! Many requests over kept connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use tokio::task::JoinSet;

use crate::event::Event;

/// The connections that [`all`] keeps open.
pub const CONNECTIONS: usize = 32;

/// One request to the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Path and query.
    pub target: String,
    pub signature: String,
    pub content_type: &'static str,
    pub body: String,
}

/// What Twilio says of the Debugger's forms.
pub const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

impl Post {
    /// A signed event.
    pub fn of(event: &Event) -> Self {
        Self::signed(event, event.signature())
    }

    /// An event under any signature.
    pub fn signed(event: &Event, signature: String) -> Self {
        Self { target: "/twilio".to_owned(), signature, content_type: FORM, body: event.body() }
    }
}

/// A form of any bytes.
pub fn form_of(fields: &[(Vec<u8>, Vec<u8>)]) -> String {
    let encode = |bytes: &[u8]| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
    fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

/// Posts all of them, [`CONNECTIONS`] at a time; the statuses in the same order, none where there was no answer.
pub async fn all(webhook: SocketAddr, posts: Vec<Post>) -> Vec<Option<u16>> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("a client");
    let count = posts.len();
    let queue = Arc::new(Mutex::new(posts.into_iter().enumerate()));
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS.min(count) {
        let (client, queue) = (client.clone(), queue.clone());
        workers.spawn(async move {
            let mut statuses = Vec::new();
            loop {
                let next = queue.lock().expect("no worker panics").next();
                let Some((index, post)) = next else { return statuses };
                let answer = client
                    .post(format!("http://{webhook}{}", post.target))
                    .header("content-type", post.content_type)
                    .header("x-twilio-signature", post.signature)
                    .body(post.body)
                    .send()
                    .await;
                statuses.push((index, answer.ok().map(|answer| answer.status().as_u16())));
            }
        });
    }
    let mut statuses = vec![None; count];
    while let Some(done) = workers.join_next().await {
        for (index, status) in done.expect("no worker panics") {
            statuses[index] = status;
        }
    }
    statuses
}
