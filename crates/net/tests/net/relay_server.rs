//! A relay for tests: iroh's own server with a certificate made on the spot, and address discovery (QAD).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use iroh_relay::server::{
    Access, AccessControl, AllowAll, CertConfig, ClientRequest, QuicConfig, RelayConfig, Server,
    ServerConfig, TlsConfig,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate that is its own root.
pub(crate) struct Certificate {
    /// The certificate (DER).
    pub(crate) root: Vec<u8>,
    tls: rustls::ServerConfig,
}

impl Certificate {
    /// Makes one for this address.
    pub(crate) fn new(ip: IpAddr) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![ip.to_string(), "localhost".to_owned()]);
        let made = made.expect("a certificate can be made");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the key fits the certificate");
        Self { root: made.cert.der().to_vec(), tls }
    }
}

/// A running relay.
pub(crate) struct TestRelay {
    /// Its URL.
    pub(crate) url: String,
    /// Port of address discovery.
    pub(crate) quic_port: u16,
    /// Runs until dropped.
    pub(crate) server: Server,
}

/// Lets in whoever shows this token.
#[derive(Debug)]
struct Token(String);

impl AccessControl for Token {
    async fn on_connect(&self, request: &ClientRequest) -> Access {
        if request.auth_token().as_ref() == Some(&self.0) {
            Access::Allow
        } else {
            Access::Deny { reason: Some("that token is not known here".to_owned()) }
        }
    }
}

impl TestRelay {
    /// Starts a relay here; port 0 takes any. With a token, only who shows it may use it.
    pub(crate) async fn start(
        https: SocketAddr,
        quic_port: u16,
        certificate: &Certificate,
        token: Option<&str>,
    ) -> Self {
        let ip = https.ip();
        let mut relay = RelayConfig::new(SocketAddr::new(ip, 0));
        let cert = CertConfig::Manual { server_config: certificate.tls.clone() };
        relay.tls = Some(TlsConfig::new(https, cert));
        relay.key_cache_capacity = Some(1024);
        relay.access = match token {
            Some(token) => Arc::new(Token(token.to_owned())),
            None => Arc::new(AllowAll),
        };
        let mut quic = QuicConfig::new(SocketAddr::new(ip, quic_port));
        quic.server_config = Some(certificate.tls.clone());
        let mut config = ServerConfig::default();
        config.relay = Some(relay);
        config.quic = Some(quic);
        let server = Server::spawn(config).await.expect("a relay can be started");
        let https = server.https_addr().expect("it speaks HTTPS");
        let quic = server.quic_addr().expect("it discovers addresses");
        Self { url: format!("https://{https}"), quic_port: quic.port(), server }
    }
}
