//! What the two ends show each other in the handshake, which proves nothing yet.
//!
//! The certificate is made for one program run and signed by itself. It gives the handshake the
//! signature TLS wants; who is at the other end is found out afterwards, by the passcode.

use std::sync::Arc;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, SerialNumber, date_time_ymd};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};

use crate::secret::Source;
use crate::tunnel::provider::provider;

/// The protocol spoken inside, as TLS names it.
const PROTOCOL: &[u8] = b"benchcar-bridge/1";

/// The name on every certificate; it says nothing about who shows it.
pub const NAME: &str = "mechanic";

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410).
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Returns the handshake of the end that is called.
pub fn server(source: &mut Source) -> QuicServerConfig {
    let pkcs8 = [&ED25519_PKCS8[..], &source.bytes::<32>()].concat();
    let key = PrivatePkcs8KeyDer::from(pkcs8);
    let certificate = certificate(&key, source);
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(NoTime))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has a cipher suite of TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("the certificate was just made with this key");
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    QuicServerConfig::try_from(config).expect("the provider has the initial cipher suite")
}

/// Returns the handshake of the end that calls.
pub fn client() -> QuicClientConfig {
    let provider = provider();
    let mut config = ClientConfig::builder_with_details(provider.clone(), Arc::new(NoTime))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has a cipher suite of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).expect("the provider has the initial cipher suite")
}

fn certificate(key: &PrivatePkcs8KeyDer<'_>, source: &mut Source) -> CertificateDer<'static> {
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(key, &PKCS_ED25519)
        .expect("every 32 bytes are an Ed25519 key");
    let mut params =
        CertificateParams::new([NAME.to_owned()]).expect("the name is one for the DNS");
    params.serial_number = Some(SerialNumber::from(source.number() >> 1));
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.self_signed(&pair).expect("the key is one that signs").into()
}

/// Takes any certificate, as long as its key made the handshake's signature.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Nobody's clock is asked: certificates say nothing, and nothing is resumed.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}
