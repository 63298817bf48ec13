//! Ports that nobody takes away.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of this machine that stays ours, whoever listens on it and however often that program is started anew.
///
/// A port that was merely free a moment ago may be a neighbour's when the program gets to it. This one is bound and never listened
/// on: the kernel gives it to nobody who asks for any port, and refuses whoever connects, but lets a program listen that asks for
/// this very one with `SO_REUSEADDR`, as servers do. Checked on Linux, where these tests run, with thousands of each.
#[derive(Debug)]
pub struct Port(TcpSocket);

impl Port {
    /// Takes one that is free.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option that every socket has");
        socket.bind((Ipv4Addr::UNSPECIFIED, 0).into()).expect("there are free ports");
        Self(socket)
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    /// It, on loopback.
    pub fn address(&self) -> SocketAddr {
        self.at(Ipv4Addr::LOCALHOST)
    }

    /// It, on another address of this machine.
    pub fn at(&self, host: Ipv4Addr) -> SocketAddr {
        (host, self.number()).into()
    }
}
