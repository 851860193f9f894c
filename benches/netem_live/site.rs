//! A port of the emulator in a namespace of the benchmark's own.

use std::io;

use live::LiveError;
use live::namespace::Namespace;
use live::port::Port;

/// Makes an adapter inside a namespace, up, with an address; it is gone with the port.
pub fn adapter(
    make: fn(&str, u16) -> Result<Port, LiveError>,
    namespace: &Namespace,
    name: &str,
    address: [u8; 4],
) -> io::Result<Port> {
    let port = namespace.run(|| make(name, 1500)).map_err(io::Error::other)?;
    namespace.address(port.name(), address.into(), 24).map_err(io::Error::other)?;
    Ok(port)
}
