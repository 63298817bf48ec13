//! A server that lists alerts as Twilio's Monitor API does: pages, the limit of one list, credentials, and whatever the test adds.
//!
//! Source: <https://www.twilio.com/docs/usage/monitor-alert>. It has a runtime of its own: when it stops, its connections end with it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::{ACCOUNT, TOKEN};
use crate::port::Port;

/// The most rows that one list brings, whatever its pages.
pub const ROWS_MAX: usize = 10_000;

/// One alert, as a row of the list.
#[derive(Debug, Clone)]
pub struct Alert {
    pub at: Timestamp,
    /// The row; not necessarily one that can be understood.
    pub row: Value,
}

impl Alert {
    /// An error that happened at `at`, with the Sid and the resource of [`crate::Event::new`].
    pub fn new(number: u64, error_code: &str, at: Timestamp) -> Self {
        let at = Timestamp::from_second(at.as_second()).expect("in range");
        let sid = format!("NO{number:032x}");
        let row = json!({
            "account_sid": ACCOUNT,
            "alert_text": format!("Msg=Got+HTTP+502+response&ErrorCode={error_code}&LogLevel=ERROR"),
            "api_version": "2010-04-01",
            "date_created": at.to_string(),
            "date_generated": at.to_string(),
            "date_updated": at.to_string(),
            "error_code": error_code,
            "log_level": "error",
            "more_info": format!("https://www.twilio.com/docs/errors/{error_code}"),
            "request_method": "POST",
            "request_url": "https://app.example.com/voice",
            "resource_sid": format!("CA{number:032x}"),
            "service_sid": null,
            "sid": sid,
            "url": format!("https://monitor.twilio.com/v1/Alerts/{sid}"),
        });
        Self { at, row }
    }

    /// The same alert with one of its keys replaced.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.row[key] = value.into();
        self
    }

    /// The same alert with another row altogether.
    pub fn that_is(mut self, row: Value) -> Self {
        self.row = row;
        self
    }

    fn sid(&self) -> &str {
        self.row["sid"].as_str().unwrap_or_default()
    }

    fn level(&self) -> &str {
        self.row["log_level"].as_str().unwrap_or_default()
    }
}

/// A request as the server sees it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// 0 for the first request ever.
    pub number: usize,
    pub when: Instant,
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// User name and password.
    pub user: Option<(String, String)>,
}

/// What the server answers in the place of a list.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, with `Retry-After` if it is given.
    Status(u16, Option<&'static str>),
    /// 200 and a text.
    Text(String),
    /// The list, but the next page is said to be there.
    NextPage(String),
    /// The list, after a while.
    Slowly(Duration),
}

type Script = dyn Fn(&Asked) -> Option<Reply> + Send + Sync;

#[derive(Clone)]
struct Mind {
    address: SocketAddr,
    users: Arc<Mutex<Vec<(String, String)>>>,
    /// Newest first.
    alerts: Arc<Mutex<Vec<Alert>>>,
    script: Arc<Mutex<Arc<Script>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The server.
pub struct Monitor {
    mind: Mind,
    runtime: Option<tokio::runtime::Runtime>,
    _port: Port,
}

impl Monitor {
    /// Starts a server without alerts, for the account and the token of the tests.
    pub fn start() -> Self {
        let port = Port::reserve();
        let mind = Mind {
            address: port.address(),
            users: Arc::new(Mutex::new(vec![(ACCOUNT.to_owned(), TOKEN.to_owned())])),
            alerts: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(|_: &Asked| None))),
            asked: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = TcpListener::bind(mind.address).expect("the port is ours");
        listener.set_nonblocking(true).expect("a socket");
        let router = Router::new().fallback(answer).with_state(mind.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("inside a runtime");
            axum::serve(listener, router).await.expect("serves");
        });
        Self { mind, runtime: Some(runtime), _port: port }
    }

    /// The exporter's `backfill.url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.mind.address)
    }

    /// Takes this user name and password, and no others.
    pub fn only(&self, user: &str, password: &str) {
        *self.mind.users.lock().expect("no reader panics") = vec![(user.to_owned(), password.to_owned())];
    }

    /// Has these alerts too.
    pub fn add(&self, alerts: impl IntoIterator<Item = Alert>) {
        let mut known = self.mind.alerts.lock().expect("no reader panics");
        known.extend(alerts);
        known.sort_by(|one, other| (other.at, other.sid()).cmp(&(one.at, one.sid())));
    }

    /// Answers by `script` where that says something.
    pub fn answer(&self, script: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) {
        *self.mind.script.lock().expect("no script panics") = Arc::new(script);
    }

    /// Answers with lists again.
    pub fn recover(&self) {
        self.answer(|_| None);
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.mind.asked.lock().expect("no reader panics").clone()
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("address", &self.mind.address).finish_non_exhaustive()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(State(mind): State<Mind>, request: Request) -> Response {
    let query = fields_of(request.uri().query().unwrap_or_default());
    let user = request.headers().get(header::AUTHORIZATION).and_then(|value| user_of(value.to_str().ok()?));
    let path = request.uri().path().to_owned();
    let (asked, reply) = {
        let mut all = mind.asked.lock().expect("no reader panics");
        let asked = Asked { number: all.len(), when: Instant::now(), path, query, user };
        all.push(asked.clone());
        let script = mind.script.lock().expect("no script panics").clone();
        let reply = script(&asked);
        (asked, reply)
    };
    let known = mind.users.lock().expect("no reader panics").clone();
    match reply {
        Some(Reply::Status(status, retry_after)) => {
            let status = axum::http::StatusCode::from_u16(status).expect("a status");
            match retry_after {
                Some(wait) => (status, [(header::RETRY_AFTER, wait)]).into_response(),
                None => status.into_response(),
            }
        }
        Some(Reply::Text(text)) => text.into_response(),
        _ if !asked.user.as_ref().is_some_and(|user| known.contains(user)) => {
            (axum::http::StatusCode::UNAUTHORIZED, r#"{"code":20003,"message":"Authenticate","status":401}"#)
                .into_response()
        }
        Some(Reply::NextPage(next)) => mind.list(&asked, Some(next)).into_response(),
        Some(Reply::Slowly(while_)) => {
            tokio::time::sleep(while_).await;
            mind.list(&asked, None).into_response()
        }
        None if asked.path == "/v1/Alerts" => mind.list(&asked, None).into_response(),
        None => mind.one(&asked),
    }
}

fn fields_of(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let fields = query.split('&').filter_map(|field| field.split_once('='));
    fields.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn user_of(authorization: &str) -> Option<(String, String)> {
    let encoded = authorization.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

impl Mind {
    /// A page of the list. The token of the next one is the last Sid of this one, so that rows may arrive meanwhile.
    fn list(&self, asked: &Asked, next: Option<String>) -> ([(header::HeaderName, &'static str); 1], String) {
        let second =
            |key| asked.query.get(key).map(|time: &String| time.parse::<Timestamp>().expect("RFC 3339").as_second());
        let (start, end) = (second("StartDate").unwrap_or(i64::MIN), second("EndDate").unwrap_or(i64::MAX));
        let level = asked.query.get("LogLevel");
        let size: usize = asked.query.get("PageSize").map_or(50, |size| size.parse().expect("a number"));
        assert!((1..=1_000).contains(&size), "PageSize={size}");
        let token = asked.query.get("PageToken").map(|token| token.strip_prefix("PA").expect("our token"));
        let alerts = self.alerts.lock().expect("no reader panics");
        let wanted = |alert: &&Alert| {
            (start..=end).contains(&alert.at.as_second()) && level.is_none_or(|level| level == alert.level())
        };
        let mut rows: Vec<&Alert> = alerts.iter().filter(wanted).take(ROWS_MAX).collect();
        if let Some(token) = token {
            let seen = rows.iter().position(|alert| alert.sid() == token).map_or(rows.len(), |place| place + 1);
            rows.drain(..seen);
        }
        let has_more = rows.len() > size;
        rows.truncate(size);
        let own_next = rows.last().filter(|_| has_more).map(|last| {
            let mut query: Vec<_> = asked.query.iter().filter(|(key, _)| *key != "PageToken").collect();
            let token = format!("PA{}", last.sid());
            let key = "PageToken".to_owned();
            query.push((&key, &token));
            format!("http://{}/v1/Alerts?{}", self.address, crate::event::form(&query))
        });
        let meta = json!({ "key": "alerts", "page_size": size, "next_page_url": next.or(own_next), "previous_page_url": null });
        let rows: Vec<&Value> = rows.iter().map(|alert| &alert.row).collect();
        ([(header::CONTENT_TYPE, "application/json")], json!({ "alerts": rows, "meta": meta }).to_string())
    }

    /// A single alert, with what only that has.
    fn one(&self, asked: &Asked) -> Response {
        let alerts = self.alerts.lock().expect("no reader panics");
        let sid = asked.path.strip_prefix("/v1/Alerts/");
        let Some(alert) = alerts.iter().find(|alert| Some(alert.sid()) == sid) else {
            return axum::http::StatusCode::NOT_FOUND.into_response();
        };
        let details = json!({
            "request_variables": "CallStatus=ringing&From=%2B14155550100",
            "response_headers": "Content-Type=text%2Fhtml",
            "response_body": "<html>Bad Gateway</html>",
        });
        let mut row = alert.row.clone();
        for (key, value) in details.as_object().expect("an object") {
            row[key] = value.clone();
        }
        row.to_string().into_response()
    }
}
