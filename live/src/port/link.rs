//! The state of one interface, watched and changed by netlink.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::descriptor::duplicate;
use super::{Carrier, adapters};
use crate::LiveError;

/// The multicast group in which the kernel tells of links.
const LINKS: u32 = 1;

/// One interface of the namespace it was opened in.
pub struct Link {
    name: String,
    index: u32,
    state: State,
    /// For questions, one at a time.
    asking: Socket,
    /// What the kernel tells by itself.
    listening: Socket,
    /// Another descriptor of `listening`, to be waited for.
    waiting: OwnedFd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    is_up: bool,
    has_carrier: bool,
    is_gone: bool,
    mac: [u8; 6],
    mtu: u32,
}

impl Link {
    pub fn open(name: &str) -> Result<Self, LiveError> {
        let index = nix::net::if_::if_nametoindex(name).map_err(|_| adapters::no_such(name))?;
        let opened = || -> io::Result<Self> {
            let mut listening = Socket::new(NETLINK_ROUTE)?;
            listening.bind_auto()?;
            listening.add_membership(LINKS)?;
            listening.set_non_blocking(true)?;
            let waiting = duplicate(&listening)?;
            let mut asking = Socket::new(NETLINK_ROUTE)?;
            asking.bind_auto()?;
            let (name, state) = (name.to_owned(), State::default());
            let mut link = Self { name, index, state, asking, listening, waiting };
            link.look()?;
            Ok(link)
        };
        opened().map_err(|source| changed(name, "be looked at", source))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn mac(&self) -> [u8; 6] {
        self.state.mac
    }

    pub fn mtu(&self) -> u16 {
        self.state.mtu.min(u32::from(u16::MAX)) as u16
    }

    /// Whether it is switched on at this end.
    pub fn is_up(&self) -> bool {
        self.state.is_up
    }

    /// Whether it is switched on at both ends.
    pub fn has_carrier(&self) -> bool {
        self.state.is_up && self.state.has_carrier
    }

    /// Whether it was taken out of this machine, or out of the namespace.
    pub fn is_gone(&self) -> bool {
        self.state.is_gone
    }

    /// Takes one message of the kernel's; false when there was none.
    pub fn refresh(&mut self) -> io::Result<bool> {
        match self.listening.recv_from_full() {
            Ok((bytes, _)) => {
                for message in messages(&bytes) {
                    self.take(message);
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            // The kernel told more than the queue held: the state is asked for instead.
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {
                self.look().map(|()| true)
            }
            Err(error) => Err(error),
        }
    }

    pub fn set_up(&mut self, up: bool) -> Result<(), LiveError> {
        let mut change = self.message();
        change.header.change_mask = LinkFlags::Up;
        change.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        let what = if up { "be switched on" } else { "be switched off" };
        self.change(change).map_err(|source| changed(&self.name, what, source))
    }

    /// Sets the largest IP packet in bytes.
    pub fn set_mtu(&mut self, mtu: u16) -> Result<(), LiveError> {
        let mut change = self.message();
        change.attributes.push(LinkAttribute::Mtu(mtu.into()));
        self.change(change).map_err(|source| changed(&self.name, "take that MTU", source))
    }

    /// Sets the hardware address.
    pub fn set_mac(&mut self, mac: [u8; 6]) -> Result<(), LiveError> {
        let mut change = self.message();
        change.attributes.push(LinkAttribute::Address(mac.to_vec()));
        let what = "take that hardware address";
        self.change(change).map_err(|source| changed(&self.name, what, source))
    }

    /// Shows or hides carrier to this machine, where the driver can be told to.
    pub fn set_carrier(&mut self, up: bool) -> Result<Carrier, LiveError> {
        let mut change = self.message();
        change.attributes.push(LinkAttribute::Carrier(up.into()));
        match self.change(change) {
            Ok(()) => Ok(Carrier::Switched),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Carrier::Silent),
            Err(source) => Err(changed(&self.name, "change its carrier", source)),
        }
    }

    fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = self.index;
        message
    }

    /// Asks for the state as it is.
    fn look(&mut self) -> io::Result<()> {
        let question = RouteNetlinkMessage::GetLink(self.message());
        send(&self.asking, question, NLM_F_REQUEST)?;
        let (bytes, _) = self.asking.recv_from_full()?;
        for message in messages(&bytes) {
            refusal(&message)?;
            self.take(message);
        }
        Ok(())
    }

    /// Changes something and waits for the kernel's word.
    fn change(&mut self, change: LinkMessage) -> io::Result<()> {
        send(&self.asking, RouteNetlinkMessage::SetLink(change), NLM_F_REQUEST | NLM_F_ACK)?;
        let (bytes, _) = self.asking.recv_from_full()?;
        messages(&bytes).iter().try_for_each(refusal)?;
        self.look()
    }

    fn take(&mut self, message: NetlinkMessage<RouteNetlinkMessage>) {
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
                if link.header.index == self.index =>
            {
                self.state = state(&link, self.state);
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
                if link.header.index == self.index =>
            {
                self.state =
                    State { is_up: false, has_carrier: false, is_gone: true, ..self.state };
            }
            _ => {}
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.as_fd()
    }
}

fn changed(name: &str, what: &'static str, source: io::Error) -> LiveError {
    LiveError::Adapter { name: name.to_owned(), what, source }
}

fn state(link: &LinkMessage, before: State) -> State {
    let mut state = State {
        is_up: link.header.flags.contains(LinkFlags::Up),
        has_carrier: link.header.flags.contains(LinkFlags::LowerUp),
        ..before
    };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Mtu(mtu) => state.mtu = *mtu,
            LinkAttribute::Address(address) => {
                state.mac = <[u8; 6]>::try_from(&address[..]).unwrap_or(state.mac);
            }
            _ => {}
        }
    }
    state
}

fn send(socket: &Socket, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).map(|_| ())
}

/// The messages of one datagram, those that can be read.
fn messages(bytes: &[u8]) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while let Ok(message) = NetlinkMessage::deserialize(rest) {
        let length = (message.header.length as usize).next_multiple_of(4);
        messages.push(message);
        match rest.get(length..) {
            Some(more) if length > 0 && !more.is_empty() => rest = more,
            Some(_) | None => break,
        }
    }
    messages
}

fn refusal(message: &NetlinkMessage<RouteNetlinkMessage>) -> io::Result<()> {
    match &message.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
        _ => Ok(()),
    }
}
