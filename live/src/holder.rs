//! Who holds a port, from `/proc` where there is one.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::place::Transport;

/// The process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the system has it.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

impl Holder {
    /// Finds who holds a port; `None` where the system does not say, or not to this user.
    pub fn find(transport: Transport, port: u16) -> Option<Self> {
        let tables = match transport {
            Transport::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
            Transport::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        };
        tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .flat_map(|table| inodes(&table, transport, port))
            .find_map(|inode| owner(&inode))
    }
}

/// Returns the inodes of the sockets of a table that keep others off `port`.
fn inodes(table: &str, transport: Transport, port: u16) -> Vec<String> {
    const LISTENING: &str = "0A";
    let wanted = format!("{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
            let holds = match transport {
                Transport::Tcp => *fields.get(3)? == LISTENING,
                Transport::Udp => true,
            };
            (holds && local_port == wanted).then(|| fields.get(9).map(|inode| inode.to_string()))?
        })
        .collect()
}

fn owner(inode: &str) -> Option<Holder> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        holds(&entry.path(), &wanted).then(|| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            Holder { pid, name: name.trim().to_owned() }
        })
    })
}

fn holds(process: &Path, wanted: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|target| target.to_str() == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1A91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1590 1
   1: 0100007F:1A91 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 1600 1
   2: 0100007F:1A9B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1700 1
";

    #[test]
    fn only_listening_sockets_of_the_port_hold_it() {
        assert_eq!(inodes(TABLE, Transport::Tcp, 6801), ["1590"]);
        assert_eq!(inodes(TABLE, Transport::Tcp, 13400), [""; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn finds_this_process() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let holder = Holder::find(Transport::Udp, port).unwrap();
        assert_eq!(holder.pid, std::process::id());
    }
}
