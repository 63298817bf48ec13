//! stub
use crate::config::OtlpSettings;
use crate::event::TraceContext;
use crate::metrics::Metrics;
use crate::store::Backlog;
use std::sync::Arc;
#[derive(Debug)]
pub struct Client;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct ClientError;
impl Client {
    pub fn new(_: &OtlpSettings) -> Result<Self, ClientError> {
        Ok(Self)
    }
}
pub async fn deliver(_: Backlog, _: Client, _: Arc<Metrics>, _: tokio::sync::watch::Receiver<bool>) {}
pub fn current_trace() -> Option<TraceContext> {
    None
}
#[derive(Debug)]
pub struct Spans;
pub fn spans(_: &OtlpSettings) -> Result<(Spans, tracing_subscriber::layer::Identity), ClientError> {
    Ok((Spans, tracing_subscriber::layer::Identity::new()))
}
impl Spans {
    pub async fn shut_down(self) {}
}
