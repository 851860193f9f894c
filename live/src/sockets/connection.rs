//! One TCP connection on a kernel socket.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use node::{CloseReason, Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tracing::debug;

/// Bytes a connection queues beyond what the kernel takes.
const OUTBOX_LIMIT: usize = 1 << 20;

/// How long a connection that was closed here waits for the peer's FIN.
const FINISH_PATIENCE: Duration = Duration::from_secs(5);

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// A TCP connection from its first SYN to its last FIN.
pub struct Connection {
    state: State,
    outbox: BytesMut,
}

enum State {
    Connecting {
        attempt: Attempt,
        deadline: Instant,
    },
    Open(TcpStream),
    /// Our FIN follows the outbox; what still arrives is read and forgotten.
    Finishing {
        stream: TcpStream,
        deadline: Instant,
        fin_sent: bool,
    },
}

/// What a connection has to tell.
pub enum Heard {
    /// The peer took the connection.
    Connected,
    /// Bytes arrived.
    Data(Bytes),
    /// It is over, and the application has to know.
    Closed(CloseReason),
    /// It is over, and the application knows.
    Gone,
}

impl Connection {
    /// Takes a connection that a listener accepted.
    pub fn accepted(stream: TcpStream) -> Self {
        without_delay(&stream);
        Self { state: State::Open(stream), outbox: BytesMut::new() }
    }

    /// Begins to connect from `address` to `peer`, with a congestion control of its own if named.
    pub fn connect(
        address: Ipv4Addr,
        peer: SocketAddrV4,
        deadline: Instant,
        congestion_control: Option<String>,
    ) -> Self {
        let attempt = Box::pin(async move {
            let socket = TcpSocket::new_v4()?;
            #[cfg(target_os = "linux")]
            if let Some(name) = congestion_control {
                socket2::SockRef::from(&socket).set_tcp_congestion(name.as_bytes())?;
            }
            #[cfg(not(target_os = "linux"))]
            drop(congestion_control);
            socket.bind(SocketAddrV4::new(address, 0).into())?;
            socket.connect(peer.into()).await
        });
        Self { state: State::Connecting { attempt, deadline }, outbox: BytesMut::new() }
    }

    /// Waits for the next thing to tell; reads at most one `buffer` full.
    pub fn poll(&mut self, cx: &mut Context<'_>, now: Instant, buffer: &mut [u8]) -> Poll<Heard> {
        match &mut self.state {
            State::Connecting { attempt, deadline } => match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => {
                    *self = Self::accepted(stream);
                    Poll::Ready(Heard::Connected)
                }
                Poll::Ready(Err(error)) => Poll::Ready(Heard::Closed(reason(&error))),
                Poll::Pending if now >= *deadline => {
                    Poll::Ready(Heard::Closed(CloseReason::TimedOut))
                }
                Poll::Pending => Poll::Pending,
            },
            State::Open(stream) => Poll::Ready(match ready!(read(stream, cx, buffer)) {
                Ok(0) => Heard::Closed(CloseReason::Finished),
                Ok(length) => Heard::Data(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) => Heard::Closed(reason(&error)),
            }),
            State::Finishing { stream, deadline, .. } => {
                if now >= *deadline {
                    return Poll::Ready(Heard::Gone);
                }
                while matches!(ready!(read(stream, cx, buffer)), Ok(1..)) {}
                if self.outbox.is_empty() { Poll::Ready(Heard::Gone) } else { Poll::Pending }
            }
        }
    }

    /// Queues bytes; false when the queue would grow beyond its limit.
    pub fn send(&mut self, data: &[u8]) -> bool {
        let fits = self.outbox.len() + data.len() <= OUTBOX_LIMIT;
        if fits && self.is_open() {
            self.outbox.extend_from_slice(data);
        }
        fits
    }

    /// Gives the kernel what it takes of the queue; returns how many bytes that were.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Result<usize, CloseReason> {
        let (State::Open(stream) | State::Finishing { stream, .. }) = &mut self.state else {
            return Ok(0);
        };
        let queued = self.outbox.len();
        while !self.outbox.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, &self.outbox) {
                Poll::Ready(Ok(length)) => self.outbox.advance(length),
                Poll::Ready(Err(error)) => {
                    self.outbox.clear();
                    return Err(reason(&error));
                }
                Poll::Pending => return Ok(queued - self.outbox.len()),
            }
        }
        if let State::Finishing { stream, fin_sent: fin_sent @ false, .. } = &mut self.state {
            send_fin(stream);
            *fin_sent = true;
        }
        Ok(queued)
    }

    /// Ends the connection with FIN after everything queued.
    pub fn finish(self, now: Instant) -> Option<Self> {
        let State::Open(stream) = self.state else { return None };
        let deadline = now + FINISH_PATIENCE;
        let state = State::Finishing { stream, deadline, fin_sent: false };
        Some(Self { state, outbox: self.outbox })
    }

    /// Ends the connection with FIN at once; what the kernel does not take now is lost.
    pub fn finish_at_once(self, now: Instant) -> Option<Self> {
        let State::Open(stream) = self.state else { return None };
        if let Err(error) = stream.try_write(&self.outbox) {
            debug!(%error, "the last bytes were not taken");
        }
        send_fin(&stream);
        let deadline = now + FINISH_PATIENCE;
        let state = State::Finishing { stream, deadline, fin_sent: true };
        Some(Self { state, outbox: BytesMut::new() })
    }

    /// Ends the connection with RST.
    pub fn abort(self) {
        if let State::Open(stream) | State::Finishing { stream, .. } = self.state
            && let Err(error) = stream.set_zero_linger()
        {
            debug!(%error, "the peer sees FIN in place of RST");
        }
    }

    /// Returns whether the application may send on it.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Returns whether only its end is still to be carried out.
    pub fn is_finishing(&self) -> bool {
        matches!(self.state, State::Finishing { .. })
    }

    /// Returns when it has to be polled even if the kernel is quiet.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting { deadline, .. } | State::Finishing { deadline, .. } => {
                Some(*deadline)
            }
            State::Open(_) => None,
        }
    }
}

/// Returns the peer's IPv4 address; every socket here is an IPv4 one.
pub fn peer_of(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(peer) => Some(peer),
        SocketAddr::V6(_) => None,
    }
}

fn read(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut read = ReadBuf::new(buffer);
    ready!(Pin::new(stream).poll_read(cx, &mut read))?;
    Poll::Ready(Ok(read.filled().len()))
}

fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "small messages may be delayed");
    }
}

fn send_fin(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write) {
        debug!(%error, "the peer is gone before our FIN");
    }
}

fn reason(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::TimedOut => CloseReason::TimedOut,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable => {
            CloseReason::AddressLost
        }
        _ => CloseReason::Reset,
    }
}
