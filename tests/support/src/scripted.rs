//! A collector that answers what the test tells it to, over gRPC or HTTP, and remembers what it was sent.
//!
//! It has a runtime of its own: when it stops, its connections end with it, as those of a collector that is killed. The unit
//! tests of the delivery loop use it too.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::port::Port;

/// The most bytes of a request; far above what an exporter may send.
const REQUEST_BYTES_MAX: usize = 256 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    Http,
}

impl Protocol {
    pub const BOTH: [Self; 2] = [Self::Grpc, Self::Http];

    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
        }
    }
}

/// What the collector answers.
#[derive(Debug, Clone)]
pub enum Reply {
    Ok,
    /// Taken, but so many records were dropped.
    Partial(i64),
    /// An error, by its HTTP status and its gRPC code, perhaps with a time to wait.
    No(u16, Code, Option<Duration>),
    /// An HTTP answer of any kind: status, header, body.
    Page(u16, Option<(&'static str, &'static str)>, &'static str),
    /// None at all, as long as the client waits.
    Silence,
}

impl Reply {
    pub fn no(status: u16, code: Code) -> Self {
        Self::No(status, code, None)
    }

    fn takes(&self) -> bool {
        matches!(self, Self::Ok | Self::Partial(_))
    }
}

/// A request as the collector sees it.
#[derive(Debug, Clone)]
pub struct Received {
    /// 0 for the first request ever.
    pub number: usize,
    pub at: Instant,
    pub headers: BTreeMap<String, String>,
    /// `log.record.uid` of each record.
    pub sids: Vec<String>,
    /// The whole message, uncompressed.
    pub message: ExportLogsServiceRequest,
    /// Whether the answer was that it has been taken.
    pub taken: bool,
}

impl Received {
    pub fn records(&self) -> impl Iterator<Item = &LogRecord> {
        self.message.resource_logs.iter().flat_map(|logs| &logs.scope_logs).flat_map(|logs| &logs.log_records)
    }

    pub fn has(&self, sid: &str) -> bool {
        self.sids.iter().any(|found| found == sid)
    }
}

type Script = dyn Fn(&Received) -> Reply + Send + Sync;

/// The collector's memory, which outlives its stops.
#[derive(Clone)]
struct Mind {
    script: Arc<Mutex<Arc<Script>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

/// The collector.
pub struct Scripted {
    pub address: SocketAddr,
    protocol: Protocol,
    mind: Mind,
    runtime: Option<tokio::runtime::Runtime>,
    _port: Port,
}

impl Scripted {
    /// Starts a collector that answers by `script`.
    pub fn start(protocol: Protocol, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let mut collector = Self::stopped(protocol);
        collector.answer(script);
        collector.start_again();
        collector
    }

    /// Makes a collector that does not run yet and will say yes to everything.
    pub fn stopped(protocol: Protocol) -> Self {
        let script: Arc<Script> = Arc::new(|_: &Received| Reply::Ok);
        let mind = Mind { script: Arc::new(Mutex::new(script)), received: Arc::default() };
        let port = Port::reserve();
        Self { address: port.address(), protocol, mind, runtime: None, _port: port }
    }

    /// Answers differently from now on.
    pub fn answer(&self, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *self.mind.script.lock().expect("no script panics") = Arc::new(script);
    }

    /// Listens at the same address as before.
    pub fn start_again(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = TcpListener::bind(self.address).expect("the port is ours");
        listener.set_nonblocking(true).expect("a socket");
        runtime.spawn(serve(self.protocol, listener, self.mind.clone()));
        self.runtime = Some(runtime);
    }

    /// Ends at once, and every connection with it.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// The endpoint as the configuration has it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.mind.received.lock().expect("no reader panics").clone()
    }

    /// How often each record has been taken, by its Sid.
    pub fn taken(&self) -> BTreeMap<String, usize> {
        let mut taken = BTreeMap::new();
        for request in self.mind.received.lock().expect("no reader panics").iter().filter(|request| request.taken) {
            for sid in &request.sids {
                *taken.entry(sid.clone()).or_default() += 1;
            }
        }
        taken
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(protocol: Protocol, listener: TcpListener, mind: Mind) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("inside a runtime");
    match protocol {
        Protocol::Grpc => {
            let service = LogsServiceServer::new(mind)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(REQUEST_BYTES_MAX);
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpIncoming::from(listener)).await.expect("serves");
        }
        Protocol::Http => {
            let router = Router::new().fallback(over_http).with_state(mind);
            axum::serve(listener, router).await.expect("serves");
        }
    }
}

impl Mind {
    fn hear(&self, headers: &HeaderMap, message: ExportLogsServiceRequest) -> Reply {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let mut request = Received {
            number: 0,
            at: Instant::now(),
            headers: headers.collect(),
            sids: Vec::new(),
            message,
            taken: false,
        };
        request.sids = request.records().filter_map(sid_of).collect();
        let script = self.script.lock().expect("no script panics").clone();
        let mut received = self.received.lock().expect("no reader panics");
        request.number = received.len();
        let reply = script(&request);
        request.taken = reply.takes();
        received.push(request);
        reply
    }
}

/// The Sid of a record.
pub fn sid_of(record: &LogRecord) -> Option<String> {
    let attribute = record.attributes.iter().find(|attribute| attribute.key == "log.record.uid")?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(sid) => Some(sid.clone()),
        _ => None,
    }
}

fn partial(rejected_log_records: i64) -> ExportLogsServiceResponse {
    let error_message = "too old".to_owned();
    ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess { rejected_log_records, error_message }),
    }
}

#[tonic::async_trait]
impl LogsService for Mind {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        match self.hear(&headers, request.into_inner()) {
            Reply::Ok => Ok(tonic::Response::new(ExportLogsServiceResponse::default())),
            Reply::Partial(rejected) => Ok(tonic::Response::new(partial(rejected))),
            Reply::No(_, code, None) => Err(Status::new(code, "as scripted")),
            Reply::No(_, code, wait) => {
                Err(Status::with_error_details(code, "as scripted", ErrorDetails::with_retry_info(wait)))
            }
            Reply::Page(..) => panic!("a page is an answer over HTTP"),
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn over_http(State(mind): State<Mind>, request: HttpRequest) -> HttpResponse {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut bytes = body.to_vec();
    if head.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        bytes.clear();
        std::io::copy(&mut flate2::read::GzDecoder::new(&body[..]), &mut bytes).expect("gzip");
    }
    let message = ExportLogsServiceRequest::decode(&bytes[..]).expect("OTLP");
    let mut response = HttpResponse::builder();
    match mind.hear(&head.headers, message) {
        Reply::Ok => ExportLogsServiceResponse::default().encode_to_vec().into_response(),
        Reply::Partial(rejected) => partial(rejected).encode_to_vec().into_response(),
        Reply::No(status, _, wait) => {
            if let Some(wait) = wait {
                response = response.header(header::RETRY_AFTER, wait.as_secs());
            }
            response.status(status).body(Body::from("as scripted")).expect("a response")
        }
        Reply::Page(status, field, body) => {
            if let Some((name, value)) = field {
                response = response.header(name, value);
            }
            response.status(status).body(Body::from(body)).expect("a response")
        }
        Reply::Silence => std::future::pending().await,
    }
}
