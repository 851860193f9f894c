//! What can be written behind `benchcar bridge`.

use std::net::SocketAddrV4;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use live::bridge::{RelayName, TapAddress};

/// The roles of the bridge.
#[derive(Debug, Subcommand)]
pub enum BridgeCommand {
    /// Joins the two sides of each order; runs where both sides can reach it.
    Relay(RelayArgs),
    /// Runs beside the vehicle: offers an order and carries what an adapter hears.
    Mechanic(MechanicArgs),
    /// Runs beside the tester: joins an order and shows the vehicle on an adapter of its own.
    Technician(TechnicianArgs),
    /// Lists the network adapters of this machine, with what speaks against giving one to a car.
    Adapters {
        /// Prints one JSON object per adapter instead of text.
        #[arg(long)]
        json: bool,
    },
}

/// How a role tells what happens.
#[derive(Clone, Debug, Default, Args)]
pub struct TellArgs {
    /// Writes what happens to this file, one JSON object per line, for support; no secrets.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Prints one JSON object per line instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Where a relay listens and what it allows.
#[derive(Debug, Args)]
pub struct RelayArgs {
    /// The address and UDP port to listen on.
    #[arg(long, value_name = "ADDR:PORT", default_value_t = live::bridge::default_listen())]
    pub listen: SocketAddrV4,
    /// Holds this many orders at once.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub orders: u32,
    /// Lets one IPv4 address hold this many orders open.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub orders_per_address: u32,
    /// Forwards this many bytes per second for one order, both directions together.
    #[arg(long, value_name = "BYTES", default_value_t = 125_000_000)]
    pub order_rate: u64,
    /// Reads this many control messages per second, from everyone together.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub control_rate: u32,
    /// How it tells what happens.
    #[command(flatten)]
    pub tell: TellArgs,
}

/// How an endpoint finds its order.
#[derive(Clone, Args)]
pub struct OrderArgs {
    /// The relay both sides use.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub relay: RelayName,
    /// A file whose first line is the passcode. Else it comes from the environment variable
    /// BENCHCAR_PASSCODE, or is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "passcode")]
    pub passcode_file: Option<PathBuf>,
    /// The passcode itself; every user of this machine can read it while the program runs.
    #[arg(long)]
    pub passcode: Option<String>,
    /// How it tells what happens.
    #[command(flatten)]
    pub tell: TellArgs,
}

/// Shows everything but the passcode.
impl std::fmt::Debug for OrderArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { relay, passcode_file, passcode: _, tell } = self;
        f.debug_struct("OrderArgs")
            .field("relay", relay)
            .field("passcode_file", passcode_file)
            .field("tell", tell)
            .finish_non_exhaustive()
    }
}

/// The mechanic's side.
#[derive(Debug, Args)]
pub struct MechanicArgs {
    /// The order's number; without one, number and passcode are drawn and shown.
    #[arg(long)]
    pub order: Option<u64>,
    /// The adapter the vehicle or its interface is plugged into; without one, a terminal asks.
    #[arg(long, value_name = "ADAPTER", conflicts_with = "tap")]
    pub port: Option<String>,
    /// Makes a TAP device of this name in place of an adapter.
    #[arg(long, value_name = "NAME")]
    pub tap: Option<String>,
    /// Takes that adapter even if this machine's way to the relay or to the world leads through it.
    #[arg(long, visible_alias = "anyway", requires = "port")]
    pub force: bool,
    /// How frames ride through the tunnel; what the mechanic says counts for both sides.
    #[arg(long, value_enum, default_value_t)]
    pub carry: CarryArg,
    /// How it finds its order.
    #[command(flatten)]
    pub at: OrderArgs,
}

/// The technician's side.
#[derive(Debug, Args)]
pub struct TechnicianArgs {
    /// The order's number, as the mechanic says it.
    #[arg(long)]
    pub order: u64,
    /// The name of the adapter that is made for the tester.
    #[arg(long, value_name = "NAME", default_value = "benchcar0")]
    pub tap: String,
    /// The address of that adapter; it never takes traffic from another adapter.
    #[arg(long, value_name = "none|link-local|A.B.C.D/LEN", default_value = "link-local")]
    pub address: TapAddress,
    /// Whether the guard says when programming is unsafe, and whether it lets it begin then.
    #[arg(long, value_enum, default_value_t)]
    pub guard: GuardArg,
    /// How it finds its order.
    #[command(flatten)]
    pub at: OrderArgs,
}

/// How frames ride.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CarryArg {
    /// What the network loses is lost, as on a wire.
    #[default]
    Datagram,
    /// Nothing is lost; later frames wait for earlier ones.
    Stream,
}

/// What the guard does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GuardArg {
    /// It says nothing.
    Off,
    /// It says what it thinks of the network.
    #[default]
    Advise,
    /// It also lets no programming session begin while it thinks badly of it.
    Enforce,
}
