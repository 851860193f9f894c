//! What endpoints and relay can be told.

use std::net::SocketAddrV4;
use std::time::Duration;

use crate::guard::GuardConfig;
use crate::message::OrderNumber;
use crate::payload::FRAME_HEADER;
use crate::tunnel::OVERHEAD;

/// UDP port on which a relay listens.
pub const RELAY_PORT: u16 = 52_100;

/// UDP port from which an endpoint speaks.
pub const ENDPOINT_PORT: u16 = 52_101;

/// Longest Ethernet frame that is carried, in bytes: 1500 bytes of payload, header, one VLAN tag.
pub const FRAME_LIMIT: usize = 1518;

/// Bytes of an Ethernet header without a VLAN tag.
const ETHERNET_HEADER: u16 = 14;

/// Returns the longest IP packet whose frame travels in one datagram of this many bytes.
pub fn mtu_within(datagram: u16) -> u16 {
    datagram.saturating_sub(OVERHEAD + FRAME_HEADER as u16 + ETHERNET_HEADER)
}

/// How frames ride through the tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carry {
    /// Each in a datagram of its own: what the network loses is lost, as on a wire.
    #[default]
    Datagram,
    /// One after the other on a reliable stream: nothing is lost, later frames wait for earlier.
    Stream,
}

/// How one endpoint (technician or mechanic) behaves.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Where the relay listens.
    pub relay: SocketAddrV4,
    /// UDP port the endpoint speaks from.
    pub local_port: u16,
    /// The order that joins the two sides.
    pub order: OrderNumber,
    /// What both sides of the order know.
    pub passcode: String,
    /// Longest UDP payload that is sent, in bytes; what the path really takes is found out below it.
    ///
    /// 1472 fills an IPv4 packet of 1500 bytes. Frames that do not fit travel in two datagrams.
    pub datagram_limit: u16,
    /// How frames ride; what the mechanic says counts for the order.
    pub carry: Carry,
    /// What is measured against which limits, and what follows from it.
    pub guard: GuardConfig,
    /// Bytes that wait for the tunnel at most; in datagrams the oldest, on a stream the newest
    /// frame gives way.
    pub queue_limit: usize,
    /// How long the proof of the passcode may take.
    pub proof_timeout: Duration,
    /// Time between two keep-alives while they are answered.
    pub keep_alive: Duration,
    /// Time after which an unanswered keep-alive is sent again.
    pub keep_alive_retry: Duration,
    /// Silence of the peer after which it counts as lost and the technician's LAN goes down.
    ///
    /// A relay that restarts within this time is ridden through.
    pub peer_timeout: Duration,
    /// Time before the first repetition of a registration; doubles each time.
    pub register_retry: Duration,
    /// Longest time between two registrations.
    pub register_retry_max: Duration,
    /// Time before the first repetition of an unacknowledged link state; doubles each time.
    pub link_repeat: Duration,
    /// Longest time between two repetitions of a link state.
    pub link_repeat_max: Duration,
    /// How long half a frame waits for its other half.
    pub reassembly_timeout: Duration,
    /// How many halves wait at most; the oldest gives way.
    pub reassembly_pending: usize,
    /// How many refused passcodes end the endpoint's attempts.
    pub passcode_attempts: u32,
}

impl EndpointConfig {
    /// Returns the MTU for the technician's LAN port with which no frame travels in two datagrams.
    ///
    /// 1422 on a path for packets of 1500 bytes. Ports with more still work, at the price of a
    /// second datagram for each long frame.
    pub fn suggested_mtu(&self) -> u16 {
        mtu_within(self.datagram_limit)
    }

    /// Makes a configuration with the defaults for everything but the order.
    pub fn new(relay: SocketAddrV4, order: OrderNumber, passcode: &str) -> Self {
        Self {
            relay,
            local_port: ENDPOINT_PORT,
            order,
            passcode: passcode.to_owned(),
            datagram_limit: 1472,
            carry: Carry::Datagram,
            guard: GuardConfig::default(),
            queue_limit: 4 << 20,
            proof_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(5),
            keep_alive_retry: Duration::from_secs(1),
            peer_timeout: Duration::from_secs(15),
            register_retry: Duration::from_millis(500),
            register_retry_max: Duration::from_secs(5),
            link_repeat: Duration::from_millis(200),
            link_repeat_max: Duration::from_millis(500),
            reassembly_timeout: Duration::from_secs(1),
            reassembly_pending: 32,
            passcode_attempts: 3,
        }
    }
}

/// What a relay allows.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// UDP port the relay listens on.
    pub port: u16,
    /// How many orders it holds at once; at most 65 536.
    pub orders: usize,
    /// How many orders one IPv4 address may hold open.
    pub orders_per_address: usize,
    /// How many candidates one order may have.
    pub candidates: usize,
    /// How many of them from one IPv4 address.
    pub candidates_per_address: usize,
    /// How many control messages it reads per second from everyone together who is in no order;
    /// greetings, which anybody can send in anyone's name, and entries by themselves.
    pub control_per_second: u32,
    /// How many of them from one IPv4 address (and few others that share its place in a table), and
    /// how many of each one who is in an order.
    pub control_per_address: u32,
    /// How many bytes it forwards per second between mechanics and candidates of one IPv4 address
    /// (and few others that share its place), each packet 128 bytes longer than it is.
    ///
    /// All candidates of an order together get as much for each one there may be, and while its
    /// technician is there as much as one.
    pub candidate_bytes_per_second: u64,
    /// How many bytes it forwards per second for one order, both directions together.
    pub order_bytes_per_second: u64,
    /// Silence after which a side counts as gone.
    ///
    /// Below the endpoints' own `peer_timeout`, so that they are told before they find out and do
    /// not register with a peer that is gone.
    pub silence: Duration,
    /// How long an order may have one side only.
    pub half_open_limit: Duration,
    /// How long an order may be without its mechanic.
    pub orphan_limit: Duration,
    /// How long an address may not join an order after one wrong passcode; doubles each time.
    pub wrong_passcode_delay: Duration,
    /// Longest time an address may not join an order after a wrong passcode.
    pub wrong_passcode_delay_max: Duration,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            port: RELAY_PORT,
            orders: 256,
            orders_per_address: 8,
            candidates: 8,
            candidates_per_address: 2,
            control_per_second: 20_000,
            control_per_address: 20,
            candidate_bytes_per_second: 16_000,
            order_bytes_per_second: 125_000_000,
            silence: Duration::from_secs(12),
            half_open_limit: Duration::from_secs(3600),
            orphan_limit: Duration::from_secs(90),
            wrong_passcode_delay: Duration::from_secs(1),
            wrong_passcode_delay_max: Duration::from_secs(300),
        }
    }
}
