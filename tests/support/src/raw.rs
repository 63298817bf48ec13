//! Requests byte for byte: what no HTTP client would let a test send.
//!
//! Blocking sockets: the exporter is another process, so that a test may wait here.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::wait::DEADLINE;

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The status line and the headers, in lower case.
    pub head: String,
    pub body: String,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the listener accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        Self { stream, unread: Vec::new() }
    }

    /// Sends; that the other side may have closed already shows in the answer.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends the same again and again, until the other side has taken none of it for a second.
    pub fn send_until_stuck(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a time-out");
        while self.stream.write_all(bytes.as_ref()).is_ok() {}
    }

    /// Reads one answer; none when the connection is closed without one.
    pub fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end,
                None if self.read_more() => {}
                None => return None,
            }
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while self.unread.len() < end + 4 + length && self.read_more() {}
        let rest = self.unread.split_off((end + 4 + length).min(self.unread.len()));
        let body = String::from_utf8_lossy(&self.unread[end + 4..]).into_owned();
        self.unread = rest;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status line");
        Some(Answer { status, head, body })
    }

    /// Whether the other side says nothing for `time` and keeps the connection.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a time-out");
        let mut byte = [0];
        let read = self.stream.peek(&mut byte);
        self.stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Waits until the other side closes, and gives what it still said and how long that took.
    pub fn closed(mut self) -> (String, Duration) {
        let started = Instant::now();
        while self.read_more() {}
        assert!(started.elapsed() < DEADLINE, "the connection stays open");
        (String::from_utf8_lossy(&self.unread).into_owned(), started.elapsed())
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            // A reset is a close too: it follows when bytes of ours were still under way.
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&buffer[..length]);
                true
            }
        }
    }
}

/// Sends one request on a connection of its own, and gives the answer.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Option<Answer> {
    let mut connection = Connection::open(address);
    connection.send(request);
    connection.answer()
}

/// The headers of a genuine request, ready to be bent: without the line end that ends them.
pub fn headers_of(event: &Event) -> Vec<String> {
    vec![
        "Host: hooks.example.com".to_owned(),
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8".to_owned(),
        format!("Content-Length: {}", event.body().len()),
        signature_header(&event.signature()),
    ]
}

/// The header that carries a signature.
pub fn signature_header(signature: &str) -> String {
    format!("X-Twilio-Signature: {signature}")
}

/// The same headers with `line` in the place of the one called `name`, or at the end if there was none; an empty line is none.
pub fn replaced(mut headers: Vec<String>, name: &str, line: &str) -> Vec<String> {
    let is_it = |header: &String| header.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
    let place = headers.iter().position(is_it).unwrap_or(headers.len());
    headers.retain(|header| !is_it(header));
    if !line.is_empty() {
        headers.insert(place, line.to_owned());
    }
    headers
}

/// A request of a request line, headers and a body.
pub fn request(line: &str, headers: &[String], body: &str) -> String {
    format!("{line}\r\n{}\r\n\r\n{body}", headers.join("\r\n"))
}
