//! `benchcar vehicle`: the simulated car on this machine's sockets, or on a network port.

use std::io;
use std::path::Path;

use live::{
    AttachOptions, Happening, LiveError, Note, Plug, VehicleOptions, attach_vehicle, serve_vehicle,
};
use node::{AddressPlan, Instant, Seed};
use sim_gateway::{Protocols, Setup, VehicleEvent, VehicleProfile};

use crate::args::{AddressArg, AttachedArgs, VciArg, VehicleArgs, VehicleProtocolArg};
use crate::exit::Exit;
use crate::{complain, say};

/// Serves a car until Ctrl-C.
pub fn vehicle(args: &VehicleArgs) -> Exit {
    let mut vehicle = match profile(&args.vehicle) {
        Ok(vehicle) => vehicle,
        Err(reason) => {
            complain(&reason);
            return Exit::BadScenario;
        }
    };
    let protocols = args.protocol.map(|protocol| match protocol {
        VehicleProtocolArg::Hsfz => Protocols::Hsfz,
        VehicleProtocolArg::Doip => Protocols::Doip,
        VehicleProtocolArg::Both => Protocols::Both,
    });
    if let Some(mute) = protocols.and_then(|wanted| vehicle.can_speak.lacks(wanted)) {
        complain(format_args!("{} does not speak {mute}; leave --protocol out", vehicle.name));
        return Exit::BadScenario;
    }
    say(&format!("{}: {}, VIN {}", vehicle.name, vehicle.title, vehicle.vin));
    let setup = Setup { protocols, ..Setup::default() };
    let seed = Seed(args.seed);
    let served = if let Some(interface) = &args.attach {
        vehicle.mac = args.port.mac.unwrap_or(vehicle.mac);
        let options = on_port(&args.port, interface, vehicle, setup, seed);
        attach_vehicle(options, |happening| tell(&happening))
    } else {
        let (listen, port_offset) = (args.listen, args.port_offset);
        let options = VehicleOptions { vehicle, setup, listen, port_offset, seed };
        serve_vehicle(options, |happening| tell(&happening))
    };
    match served {
        Ok(totals) => {
            say(&format!("\nended: {totals}"));
            Exit::AsExpected
        }
        Err(error) => refused(&error),
    }
}

fn on_port(
    args: &AttachedArgs,
    interface: &str,
    vehicle: VehicleProfile,
    setup: Setup,
    seed: Seed,
) -> AttachOptions {
    let address = match args.address {
        AddressArg::LinkLocal => AddressPlan::LinkLocal,
        AddressArg::Dhcp => AddressPlan::Dhcp,
        AddressArg::DhcpThenLinkLocal => AddressPlan::DhcpThenLinkLocal,
    };
    let plug = match args.vci {
        VciArg::EnetCable => Plug::EnetCable,
        VciArg::IcomNext => Plug::IcomNext,
    };
    let (interface, force) = (interface.to_owned(), args.force);
    AttachOptions { vehicle, setup, interface, address, plug, force, seed }
}

fn profile(wanted: &str) -> Result<VehicleProfile, String> {
    if VehicleProfile::names().any(|name| name == wanted) {
        return VehicleProfile::named(wanted).map_err(|error| error.to_string());
    }
    let bytes = yaml::file::bytes_of(Path::new(wanted)).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    let text = bytes.map_err(|error| {
        let names: Vec<&str> = VehicleProfile::names().collect();
        let names = names.join(", ");
        format!("{wanted} is neither a vehicle ({names}) nor a file that can be read: {error}")
    })?;
    VehicleProfile::from_yaml(wanted, &text).map_err(|error| match (error.line(), error.column()) {
        (Some(line), Some(column)) => format!("{wanted}:{line}:{column}: {error}"),
        _ => format!("{wanted}: {error}"),
    })
}

fn refused(error: &LiveError) -> Exit {
    complain(format_args!("{error}\n{}", error.remedy()));
    Exit::Environment
}

fn tell(happening: &Happening) {
    match happening {
        Happening::Ready { address, ports } => {
            for port in ports {
                say(&format!("  {port} ({})", purpose(port.standard)));
            }
            say(&format!("serving on {address}; Ctrl-C ends it"));
        }
        Happening::Attached { interface, mac, switches_carrier } => {
            let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
            say(&format!("  on {interface}, hardware address {mac}"));
            say(if *switches_carrier {
                "  a gateway reset takes the carrier away"
            } else {
                "  a gateway reset is silence: the carrier stays, because this user may not switch \
                 the port (CAP_NET_ADMIN)"
            });
            say("serving; Ctrl-C ends it");
        }
        Happening::AtPlug { at, event } => tracing::info!(%at, ?event, "vci"),
        Happening::AtPort { at, note } => at_port(*at, *note),
        Happening::InVehicle { at, event } => in_vehicle(*at, event),
    }
}

/// What a standard port is for.
fn purpose(standard: u16) -> &'static str {
    match standard {
        6801 => "HSFZ diagnosis",
        6811 => "HSFZ identification and control",
        13400 => "DoIP",
        _ => "other",
    }
}

fn at_port(at: Instant, note: Note) {
    let text = match note {
        Note::Connected { connection, port, peer } => {
            format!("{peer} connected to {port} as connection {}", connection.0)
        }
        Note::Disconnected { connection } => format!("connection {} ended", connection.0),
        Note::StackDown { loss } => format!("the stack is gone ({loss:?})"),
        Note::StackUp => "the stack is back".to_owned(),
        Note::AddressAcquired { address, prefix } => format!("address {address}/{prefix}"),
        Note::AddressLost => "the address is gone".to_owned(),
        Note::Link { up: true } => "link up".to_owned(),
        Note::Link { up: false } => "link down".to_owned(),
    };
    say(&format!("{at} {text}"));
}

fn in_vehicle(at: Instant, event: &VehicleEvent) {
    match event {
        VehicleEvent::GatewayReset { cause, phase } => {
            say(&format!("{at} gateway reset ({cause:?}): {phase:?}"));
        }
        VehicleEvent::Ecu { name, event } => tracing::info!(%at, %name, ?event),
        VehicleEvent::Link { up } => tracing::info!(%at, up, "carrier"),
        VehicleEvent::Supply { millivolts } => tracing::info!(%at, millivolts, "supply"),
    }
}
