//! What is plugged together inside namespaces: by rtnetlink, never by another program.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use rtnetlink::{
    AddressMessageBuilder, Error, Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth,
    RouteMessageBuilder,
};
use tokio::runtime;

use super::Namespace;
use crate::LiveError;

/// One end of a veth pair.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Where it is.
    pub namespace: &'a Namespace,
    /// What it is called there.
    pub name: &'a str,
}

impl Namespace {
    /// Makes a veth pair, both ends up: `name` here, `other` wherever that is.
    pub fn veth(&self, name: &str, other: End<'_>, mtu: u16) -> Result<(), LiveError> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(other.name.to_owned())
            .mtu(mtu.into())
            .setns_by_fd(other.namespace.descriptor.as_raw_fd())
            .build();
        let link = LinkMessageBuilder::<LinkVeth>::new(name, other.name)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .mtu(mtu.into())
            .build();
        self.ask("veth pair", |netlink| async move { netlink.link().add(link).execute().await })?;
        self.up(name)?;
        other.namespace.up(other.name)
    }

    /// Makes a bridge, up, with these links as its ports. It neither learns from nor speaks any
    /// protocol of its own.
    pub fn bridge(&self, name: &str, ports: &[&str]) -> Result<(), LiveError> {
        let bridge = LinkBridge::new(name).mcast_snooping(false).build();
        self.ask("bridge", |netlink| async move { netlink.link().add(bridge).execute().await })?;
        ports.iter().try_for_each(|port| self.join(name, port))
    }

    /// Makes a link a port of a bridge.
    pub fn join(&self, bridge: &str, port: &str) -> Result<(), LiveError> {
        let controller = self.index(bridge)?;
        let index = self.index(port)?;
        let change = LinkUnspec::new_with_index(index).controller(controller).up().build();
        self.ask(
            "port of a bridge",
            |netlink| async move { netlink.link().set(change).execute().await },
        )
    }

    /// Gives a link an address.
    pub fn address(&self, name: &str, address: Ipv4Addr, prefix: u8) -> Result<(), LiveError> {
        let index = self.index(name)?;
        self.ask("address", |netlink| async move {
            netlink.address().add(index, address.into(), prefix).execute().await
        })
    }

    /// Takes an address from a link.
    pub fn remove_address(
        &self,
        name: &str,
        address: Ipv4Addr,
        prefix: u8,
    ) -> Result<(), LiveError> {
        let index = self.index(name)?;
        let message =
            AddressMessageBuilder::<Ipv4Addr>::new().index(index).address(address, prefix).build();
        self.ask("address to take away", |netlink| async move {
            netlink.address().del(message).execute().await
        })
    }

    /// Takes every IPv4 address from a link.
    pub fn flush_addresses(&self, name: &str) -> Result<(), LiveError> {
        let held = self.run(|| {
            let links = nix::ifaddrs::getifaddrs().into_iter().flatten();
            let links = links.filter(|link| link.interface_name == name);
            let held = links.filter_map(|link| {
                let address = link.address?.as_sockaddr_in()?.ip();
                let prefix = link.netmask?.as_sockaddr_in()?.ip().to_bits().leading_ones();
                Some((address, prefix as u8))
            });
            held.collect::<Vec<_>>()
        });
        held.into_iter()
            .try_for_each(|(address, prefix)| self.remove_address(name, address, prefix))
    }

    /// Has the kernel cut TCP and UDP into frames before they leave by a link, which for a veth
    /// pair it leaves to others otherwise.
    pub fn cut_segments(&self, name: &str) -> Result<(), LiveError> {
        let change = LinkUnspec::new_with_index(self.index(name)?)
            .append_extra_attribute(LinkAttribute::GsoMaxSegs(1))
            .build();
        self.ask("limit on segments", |netlink| async move {
            netlink.link().set(change).execute().await
        })
    }

    /// Sends what is not on a subnet of this namespace to `router`.
    pub fn default_route(&self, router: Ipv4Addr) -> Result<(), LiveError> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(router).build();
        self.ask("route", |netlink| async move { netlink.route().add(route).execute().await })
    }

    /// Switches a link on; its peer sees carrier.
    pub fn up(&self, name: &str) -> Result<(), LiveError> {
        let change = LinkUnspec::new_with_index(self.index(name)?).up().build();
        self.ask("link up", |netlink| async move { netlink.link().set(change).execute().await })
    }

    /// Switches a link off; its peer loses carrier.
    pub fn down(&self, name: &str) -> Result<(), LiveError> {
        let change = LinkUnspec::new_with_index(self.index(name)?).down().build();
        self.ask("link down", |netlink| async move { netlink.link().set(change).execute().await })
    }

    /// Sets the largest IP packet of a link.
    pub fn mtu(&self, name: &str, mtu: u16) -> Result<(), LiveError> {
        let change = LinkUnspec::new_with_index(self.index(name)?).mtu(mtu.into()).build();
        self.ask("MTU", |netlink| async move { netlink.link().set(change).execute().await })
    }

    /// Sets the hardware address of a link.
    pub fn mac(&self, name: &str, mac: [u8; 6]) -> Result<(), LiveError> {
        let change = LinkUnspec::new_with_index(self.index(name)?).address(mac.to_vec()).build();
        self.ask(
            "hardware address",
            |netlink| async move { netlink.link().set(change).execute().await },
        )
    }

    /// Whether there is a link of this name.
    pub fn has(&self, name: &str) -> bool {
        self.run(|| if_nametoindex(name).is_ok())
    }

    /// Whether a link has carrier: it is on, and so is what is at its other end.
    pub fn carrier(&self, name: &str) -> Result<bool, LiveError> {
        let index = self.index(name)?;
        let flags = self.run(|| {
            let links = nix::ifaddrs::getifaddrs()?;
            Ok(links.filter(|link| link.interface_name == name).map(|link| link.flags).next())
        });
        let flags = flags.map_err(|errno: nix::errno::Errno| LiveError::Network {
            what: format!("state of link {index}"),
            namespace: self.name.clone(),
            source: errno.into(),
        })?;
        let running = nix::net::if_::InterfaceFlags::IFF_RUNNING;
        Ok(flags.is_some_and(|flags| flags.contains(running)))
    }

    /// The kernel's number of a link.
    fn index(&self, name: &str) -> Result<u32, LiveError> {
        self.run(|| if_nametoindex(name)).map_err(|errno| LiveError::Network {
            what: format!("link {name}"),
            namespace: self.name.clone(),
            source: errno.into(),
        })
    }

    /// Asks this namespace's kernel one thing.
    fn ask<F>(&self, what: &str, request: impl FnOnce(Handle) -> F + Send) -> Result<(), LiveError>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let refused = |source| LiveError::Network {
            what: what.to_owned(),
            namespace: self.name.clone(),
            source,
        };
        let answer = self.run(|| {
            let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(async {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                let connection = tokio::spawn(connection);
                let answer = request(handle).await;
                connection.abort();
                answer.map_err(in_words)
            })
        });
        answer.map_err(refused)
    }
}

/// What the kernel answered, as the system's error where it is one.
fn in_words(error: Error) -> std::io::Error {
    match error {
        Error::NetlinkError(message) => message.to_io(),
        other => std::io::Error::other(other),
    }
}
