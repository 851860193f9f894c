//! How QUIC behaves beneath a wire.
//!
//! What rides inside brings its own congestion control, and a wire has none. So there is one
//! window, large enough never to be felt, and no pacing. Acknowledgements ride on data: asked for
//! rarely and as late as the round trip allows.

#![expect(clippy::disallowed_types, reason = "quinn counts in the standard library's instants")]

use std::any::Any;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use hmac::{Hmac, Mac};
use node::Duration;
use quinn_proto::congestion::{Controller, ControllerFactory};
use quinn_proto::crypto::{CryptoError, HmacKey};
use quinn_proto::{
    AckFrequencyConfig, ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig,
    IdleTimeout, MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt,
};
use sha2::Sha256;

use crate::secret::{Secret, Source};
use crate::tunnel::identity;

/// Bytes that may be under way unacknowledged: more than a path holds before its peer counts as
/// lost, which is what bounds them; above `u32::MAX` quinn does not pace.
const WINDOW: u64 = 1 << 33;

/// Packets after which an acknowledgement is sent even when no data goes the other way.
const ACKNOWLEDGE_AFTER: u32 = 128;

/// Most the other end waits for data to ride an acknowledgement on; quinn keeps it below the
/// round trip.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(200);

/// Time after which a reduced path is measured again.
const REMEASURE: Duration = Duration::from_secs(5);

/// What the transport is told by its owner.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest UDP payload.
    pub datagram: u16,
    /// Bytes that wait to be sent.
    pub queue: usize,
    /// Silence after which a connection is over.
    pub idle: Duration,
}

/// Returns the configuration both ends share.
pub fn endpoint(secret: &Secret, limits: Limits) -> EndpointConfig {
    let mut source = secret.source("bridge/tunnel/endpoint");
    let mut config = EndpointConfig::new(Arc::new(ResetKey(source.bytes())));
    config
        .rng_seed(Some(source.bytes()))
        // The relay tells payloads from its own messages by this bit.
        .grease_quic_bit(false)
        .cid_generator(|| Box::new(NoIds))
        .max_udp_payload_size(limits.datagram.max(1200))
        .expect("QUIC takes 1200 bytes and more");
    config
}

/// Returns the configuration of the end that is called.
pub fn server(source: &mut Source, limits: Limits) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(Arc::new(identity::server(source)));
    config.transport_config(Arc::new(transport(limits)));
    config.migration(false).max_incoming(8).incoming_buffer_size(16 << 10);
    config.incoming_buffer_size_total(64 << 10);
    config
}

/// Returns the configuration of the end that calls; `id` names its first packets.
pub fn client(id: [u8; 8], limits: Limits) -> ClientConfig {
    let mut config = ClientConfig::new(Arc::new(identity::client()));
    config.transport_config(Arc::new(transport(limits)));
    config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&id)));
    config
}

fn transport(limits: Limits) -> TransportConfig {
    let mut frequency = AckFrequencyConfig::default();
    frequency
        .ack_eliciting_threshold(VarInt::from_u32(ACKNOWLEDGE_AFTER))
        .max_ack_delay(Some(ACKNOWLEDGE_WITHIN))
        .reordering_threshold(VarInt::from_u32(ACKNOWLEDGE_AFTER));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery
        .upper_bound(limits.datagram)
        .minimum_change(2)
        .black_hole_cooldown(REMEASURE)
        .interval(Duration::from_secs(60));
    let idle = IdleTimeout::try_from(limits.idle).expect("an idle timeout is short of centuries");
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .max_idle_timeout(Some(idle))
        .stream_receive_window(VarInt::from_u32(16 << 20))
        .receive_window(VarInt::from_u32(16 << 20))
        .send_window(16 << 20)
        .mtu_discovery_config(Some(discovery))
        .ack_frequency_config(Some(frequency))
        .allow_spin(false)
        .datagram_receive_buffer_size(Some(limits.queue))
        .datagram_send_buffer_size(limits.queue)
        .congestion_controller_factory(Arc::new(Wire));
    config
}

/// A controller that lets everything go.
#[derive(Clone, Debug)]
struct Wire;

impl ControllerFactory for Wire {
    fn build(self: Arc<Self>, _: StdInstant, _: u16) -> Box<dyn Controller> {
        Box::new(Self)
    }
}

impl Controller for Wire {
    fn on_congestion_event(&mut self, _: StdInstant, _: StdInstant, _: bool, _: u64) {}

    fn on_mtu_update(&mut self, _: u16) {}

    fn window(&self) -> u64 {
        WINDOW
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self)
    }

    fn initial_window(&self) -> u64 {
        WINDOW
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Connections have no identifiers on the wire: an endpoint knows them by where they come from.
#[derive(Debug)]
struct NoIds;

impl ConnectionIdGenerator for NoIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&[])
    }

    fn cid_len(&self) -> usize {
        0
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Signs stateless resets, which connections without identifiers never send.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], out: &mut [u8]) {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(data);
        out.copy_from_slice(&mac.finalize().into_bytes());
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(data);
        mac.verify_slice(signature).map_err(|_| CryptoError)
    }
}
