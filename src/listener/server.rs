//! Accepts connections and speaks HTTP/1.1 on them, with a limit on everything that a stranger can hold on to.
//!
//! Our own loop on hyper, because `axum::serve` has no time-out for a header that does not come: one slow client a connection
//! would hold it for ever. HTTP/2 is not spoken at all, and with it go its floods.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::places::{Place, Places};

/// How long a client may take for a request's header, and a connection may stand idle.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest request header.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// The most header fields of one request.
pub const HEADER_FIELDS_MAX: usize = 64;

/// How long a client may take none of an answer.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait after an accept that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound listener and what may change about it while it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    controls: Arc<Controls>,
}

/// What a reload can change.
#[derive(Debug)]
pub struct Controls {
    /// TLS, or plain HTTP.
    pub tls: ArcSwapOption<ServerConfig>,
    places: Arc<Places>,
}

/// A request that hyper has answered by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// No HTTP: answered 400.
    Syntax,
    /// A header above [`HEADER_BYTES_MAX`] or [`HEADER_FIELDS_MAX`]: answered 431.
    HeaderTooLarge,
}

impl Controls {
    /// Starts with a limit on connections.
    #[must_use]
    pub fn new(tls: Option<Arc<ServerConfig>>, connections_max: usize) -> Self {
        Self { tls: ArcSwapOption::new(tls), places: Arc::new(Places::new(connections_max)) }
    }

    /// Changes the limit; connections above a lower one are not closed.
    pub fn set_connections_max(&self, connections_max: usize) {
        self.places.set_max(connections_max);
    }
}

impl Server {
    /// Binds `address`.
    ///
    /// # Errors
    ///
    /// Those of `bind`.
    pub async fn bind(address: SocketAddr, controls: Arc<Controls>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, controls })
    }

    /// The address that was bound, with the port that was given for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then lets requests under way finish, at most for `drain`.
    ///
    /// Returns whether all of them did.
    pub async fn serve<S: Answers>(self, service: S, stop: CancellationToken, drain: Duration) -> bool {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = async { (self.controls.places.take().await, self.listener.accept().await) };
            let (place, accepted) = tokio::select! {
                accepted = accepted => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (service, watcher) = (service.clone(), graceful.watcher());
                    let connection = Connection { service, peer, watcher, _place: place };
                    tokio::spawn(connection.handle(stream, self.controls.tls.load_full()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        tokio::time::timeout(drain, graceful.shutdown()).await.is_ok()
    }
}

/// What answers the requests of a listener.
pub trait Answers: Clone + Send + Sync + 'static {
    /// Whether answers have no body to speak of. They are written as one piece then, which costs the kernel less than to gather
    /// a head and a body; large bodies are not copied for that.
    const SHORT: bool;

    /// Answers one request of `peer`.
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response> + Send;

    /// Hears of a request that hyper has answered by itself.
    fn malformed(&self, _malformed: Malformed) {}
}

impl Answers for Router {
    const SHORT: bool = false;

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // Routers are always ready, and do not fail.
        self.clone().call(request).await.unwrap_or_else(|never| match never {})
    }
}

/// One accepted connection.
struct Connection<S> {
    service: S,
    peer: SocketAddr,
    watcher: Watcher,
    /// Free for another once this one is closed.
    _place: Place,
}

impl<S: Answers> Connection<S> {
    async fn handle(self, stream: TcpStream, tls: Option<Arc<ServerConfig>>) {
        // An answer is one small write: waiting to fill a packet would only delay it.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.speak(stream).await,
            Some(config) => {
                let handshake = tokio_rustls::TlsAcceptor::from(config).accept(stream);
                // Who cannot shake hands is not told why, and is no request to count.
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                    self.speak(stream).await;
                }
            }
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { service, peer, watcher, _place } = self;
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(UNREAD_TIMEOUT));
        let answers = hyper::service::service_fn(|request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.answer(request, peer).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(HEADER_FIELDS_MAX)
            .max_buf_size(HEADER_BYTES_MAX)
            .writev(!S::SHORT)
            .serve_connection(TokioIo::new(Box::pin(stream)), answers);
        if let Err(error) = watcher.watch(connection).await {
            if error.is_parse_too_large() {
                service.malformed(Malformed::HeaderTooLarge);
            } else if error.is_parse() {
                service.malformed(Malformed::Syntax);
            }
        }
    }
}
