//! Where a relay is: a host and a port as people write them, and what it resolves to.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

use bridge::config::RELAY_PORT;

/// A relay by host name or IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayName {
    /// The host.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
}

/// Why a text names no relay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no host in it.
    #[error("a relay is HOST or HOST:PORT, such as relay.example:{RELAY_PORT}")]
    NoHost,
    /// What follows the colon is no port.
    #[error("{0:?} is no port: a number from 1 to 65535")]
    Port(String),
}

impl FromStr for RelayName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (host, port) = match text.rsplit_once(':') {
            None => (text, RELAY_PORT),
            Some((host, port)) => {
                let number = port.parse().ok().filter(|port| *port > 0);
                (host, number.ok_or_else(|| NameError::Port(port.to_owned()))?)
            }
        };
        let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(NameError::NoHost);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl RelayName {
    /// Asks the system for its IPv4 addresses; an address as such is not asked about.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddrV4>> {
        if let Ok(address) = self.host.parse::<Ipv4Addr>() {
            return Ok(vec![SocketAddrV4::new(address, self.port)]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let addresses: Vec<SocketAddrV4> = found
            .filter_map(|address| match address {
                SocketAddr::V4(address) => Some(address),
                SocketAddr::V6(_) => None,
            })
            .collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has no IPv4 address"));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::name("relay.example", Ok(("relay.example", RELAY_PORT)))]
    #[case::name_and_port("relay.example:7000", Ok(("relay.example", 7000)))]
    #[case::address("192.0.2.1:7000", Ok(("192.0.2.1", 7000)))]
    #[case::no_host(":7000", Err(NameError::NoHost))]
    #[case::nothing("", Err(NameError::NoHost))]
    #[case::an_url("https://relay.example", Err(NameError::Port("//relay.example".into())))]
    #[case::port_zero("relay.example:0", Err(NameError::Port("0".into())))]
    #[case::port_too_large("relay.example:70000", Err(NameError::Port("70000".into())))]
    fn reads_what_people_write(
        #[case] text: &str,
        #[case] expected: Result<(&str, u16), NameError>,
    ) {
        let expected = expected.map(|(host, port)| RelayName { host: host.to_owned(), port });
        assert_eq!(text.parse(), expected);
    }

    #[tokio::test]
    async fn an_address_is_itself() {
        let name: RelayName = "192.0.2.1:7000".parse().unwrap();
        assert_eq!(name.resolve().await.unwrap(), ["192.0.2.1:7000".parse().unwrap()]);
    }
}
