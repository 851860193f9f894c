//! What can be written on the command line.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::compare::Vary;
use clap::{Args, Parser, Subcommand, ValueEnum};
use netem_rs::DurationText;

/// A BMW on the bench, made of software.
///
/// Plays control-unit exchanges through a remote-diagnostic bridge over an impaired network against
/// a simulated car, and says whether the car survived.
#[derive(Debug, Parser)]
#[command(name = "benchcar", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Says more on standard error; twice for every frame.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What benchcar can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs scenarios in virtual time and judges them; without arguments the whole library.
    ///
    /// Exit codes: 0 all as expected, 1 an expectation failed, 2 a scenario is wrong, 3 the
    /// environment cannot run it or did not keep up (void), 4 nothing selected, 130 interrupted.
    Run(RunArgs),
    /// Runs scenarios in virtual time and in real time and tells how far the two agree.
    ///
    /// Exit codes: 0 every pair is judged alike and the median completion time is within the
    /// tolerance, 1 not so, 2 a scenario is wrong, 3 the environment cannot run it.
    Compare(CompareArgs),
    /// Checks scenario files without running them.
    Check {
        /// Files, or folders of files.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Lists the library, the vehicles and their control units.
    List,
    /// Prints the JSON Schema of scenario files, for editors.
    Schema {
        /// That of bridge manifests instead.
        #[arg(long)]
        bridge: bool,
    },
    /// Lists the bridges there are manifests of, and what is installed of them.
    Bridges {
        /// Manifests of other bridges.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Prints one JSON object per bridge instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Checks what of a wire is left when a bridge takes its place, row by row, with evidence.
    ///
    /// In virtual time by default, which needs nothing from the system. Exit codes: 0 no row
    /// failed, 1 a row failed, 2 the manifest is wrong, 3 the environment cannot run it.
    Transparency(TransparencyArgs),
    /// Serves the simulated car on this machine's sockets until Ctrl-C.
    Vehicle(VehicleArgs),
    /// Carries a vehicle's Ethernet port to a tester elsewhere, through a relay.
    ///
    /// Exit codes: 0 ended by Ctrl-C, 1 the relay or the other side ended it, 2 something in the
    /// command line is wrong, 3 this machine cannot run it.
    #[cfg(target_os = "linux")]
    Bridge {
        /// Which part of the bridge.
        #[command(subcommand)]
        role: crate::bridge::options::BridgeCommand,
    },
}

/// Which scenarios to run, how often, and what to keep.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scenario files, folders of them, or names from the library; nothing means the library.
    #[arg(value_name = "PATH|NAME")]
    pub scenarios: Vec<String>,
    /// The seed everything random is drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Runs each scenario with this many seeds, counting up from --seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub repeat: u64,
    /// Runs this many at once; by default as many as there are processors.
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Speaks this protocol, whatever the scenario says; of the library or a folder, scenarios
    /// whose vehicle does not speak it are left out, and named.
    #[arg(long)]
    pub protocol: Option<ProtocolArg>,
    /// Overrides a value of the scenario, such as `network.mechanic.loss=1%`; may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Prints one JSON object per run instead of text.
    #[arg(long)]
    pub json: bool,
    /// Writes a JUnit XML report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Keeps the record of every run (NDJSON) in this folder.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Keeps a packet capture (pcapng) of every run in this folder.
    #[arg(long, value_name = "DIR")]
    pub pcap: Option<PathBuf>,
    /// What differs in real time.
    #[command(flatten)]
    pub live: LiveArgs,
}

impl RunArgs {
    /// Every path the arguments name: none may be hidden from a confined run.
    pub fn kept(&self) -> Vec<PathBuf> {
        let outputs = [&self.record, &self.pcap, &self.junit].into_iter().flatten().cloned();
        let inputs = self.scenarios.iter().chain(&self.live.bridge).map(PathBuf::from);
        outputs.chain(inputs).collect()
    }
}

/// What a run in real time is told.
#[derive(Clone, Debug, Args)]
pub struct LiveArgs {
    /// Runs in real time: the tester on this machine's TCP, a bridge's own programs, each site in
    /// a network namespace; one run at a time unless --jobs says more.
    #[arg(long)]
    pub live: bool,
    /// The bridge under test: `reference`, `wire`, another shipped one, or a manifest file; by
    /// default what the scenario says.
    #[arg(long, value_name = "NAME|FILE", requires = "live")]
    pub bridge: Option<String>,
    /// How the network emulator waits: `epoll`, `hybrid` (sleeps, then spins) or `spin`.
    #[arg(long, value_name = "PACE", requires = "live", default_value = "epoll")]
    pub pace: live::netem::Pace,
    /// A run is void when more than one frame of a hundred leaves the emulator later than this,
    /// such as `5ms`.
    #[arg(long, value_name = "TIME", requires = "live", default_value = "5ms")]
    pub lateness_limit: netem_rs::DurationText,
    /// Congestion control of the tester's TCP.
    #[arg(long, value_name = "NAME", requires = "live", default_value = "cubic")]
    pub congestion_control: String,
    /// Says that this process is the confined one, and what its private folder is.
    #[arg(long, hide = true, value_name = "DIR", requires = "live")]
    pub confined: Option<PathBuf>,
}

/// Which bridge is checked, how, and how the rows are told.
#[derive(Debug, Args)]
pub struct TransparencyArgs {
    /// A bridge by name (`benchcar bridges` lists them), or a manifest file.
    #[arg(long, default_value = "reference", value_name = "NAME|FILE")]
    pub bridge: String,
    /// Runs the bridge's programs in real time, each role in a network namespace of its own.
    #[arg(long)]
    pub live: bool,
    /// Shortens the ten minutes in which nothing is sent; its row says so.
    #[arg(long, value_name = "TIME")]
    pub idle: Option<DurationText>,
    /// The seed everything random in virtual time is drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Shows the evidence of every row, not only of those that did not pass.
    #[arg(long)]
    pub evidence: bool,
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Prints Markdown instead of a table.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// The private folder of a process that was started confined.
    #[arg(long, hide = true)]
    pub inside: Option<PathBuf>,
}

/// What is run on both clocks.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Scenario files, folders of them, or names from the library; nothing means the library.
    #[arg(value_name = "PATH|NAME")]
    pub scenarios: Vec<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many seeds each scenario is run with, counting up from --seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub seeds: u64,
    /// Overrides a value of the scenario, such as `network.mechanic.loss=1%`; may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Tries values one after another, the same one in all places named, such as
    /// `network.technician.rtt+network.mechanic.rtt=10ms/40ms`; may be repeated.
    #[arg(long, value_name = "PATH[+PATH…]=VALUE[/VALUE…]")]
    pub vary: Vec<Vary>,
    /// Runs this many at once in real time; one where nothing is said.
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// How far the median of live by virtual completion time may be from 1, in percent.
    #[arg(long, default_value_t = 5, value_name = "PERCENT")]
    pub tolerance: u8,
    /// How often a run that showed nothing, because this machine did not keep up, is made again.
    #[arg(long, default_value_t = 2, value_name = "TIMES")]
    pub again: u8,
    /// Writes the table to a Markdown file.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Prints one JSON object per run in real time instead of text.
    #[arg(long)]
    pub json: bool,
    /// The bridge under test in real time; by default what the scenario says.
    #[arg(long, value_name = "NAME|FILE")]
    pub bridge: Option<String>,
    /// How the network emulator waits: `epoll`, `hybrid` (sleeps, then spins) or `spin`.
    #[arg(long, value_name = "PACE", default_value = "epoll")]
    pub pace: live::netem::Pace,
    /// A run is void when more than one frame of a hundred leaves the emulator later than this.
    #[arg(long, value_name = "TIME", default_value = "5ms")]
    pub lateness_limit: netem_rs::DurationText,
    /// Says that this process is the confined one, and what its private folder is.
    #[arg(long, hide = true, value_name = "DIR")]
    pub confined: Option<PathBuf>,
}

impl CompareArgs {
    /// What `benchcar run` would be told of its runs in real time, or in virtual time.
    ///
    /// The private folders of its runs are in one of their own, named `first`.
    pub fn live(&self, live: bool, first: usize) -> LiveArgs {
        LiveArgs {
            live,
            bridge: self.bridge.clone().filter(|_| live),
            pace: self.pace,
            lateness_limit: self.lateness_limit,
            congestion_control: "cubic".to_owned(),
            confined: self
                .confined
                .as_ref()
                .filter(|_| live)
                .map(|folder| folder.join(first.to_string())),
        }
    }
}

/// A diagnostic protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolArg {
    /// BMW's HSFZ.
    Hsfz,
    /// DoIP of ISO 13400-2.
    Doip,
}

impl From<ProtocolArg> for scenarios::Protocol {
    fn from(protocol: ProtocolArg) -> Self {
        match protocol {
            ProtocolArg::Hsfz => Self::Hsfz,
            ProtocolArg::Doip => Self::Doip,
        }
    }
}

impl ProtocolArg {
    /// The word used in scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hsfz => "hsfz",
            Self::Doip => "doip",
        }
    }
}

/// Where the simulated car is served.
#[derive(Debug, Args)]
pub struct VehicleArgs {
    /// The address to listen on.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    pub listen: Ipv4Addr,
    /// Added to every standard port (6801, 6811, 13400), so that several cars fit on one machine.
    #[arg(long, default_value_t = 0)]
    pub port_offset: u16,
    /// A vehicle by name, or a vehicle file.
    #[arg(long, default_value = "g05")]
    pub vehicle: String,
    /// What the car speaks; by default what its profile says.
    #[arg(long)]
    pub protocol: Option<VehicleProtocolArg>,
    /// The seed everything random is drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A network port to put the car on, such as eth1, instead of this machine's own addresses.
    #[arg(long, value_name = "IFACE", conflicts_with_all = ["listen", "port_offset"])]
    pub attach: Option<String>,
    #[command(flatten)]
    pub port: AttachedArgs,
}

/// How the car behaves on a network port.
#[derive(Debug, Args)]
pub struct AttachedArgs {
    /// How it comes by an address.
    #[arg(long, requires = "attach", default_value = "dhcp-then-link-local")]
    pub address: AddressArg,
    /// Its hardware address, such as 02:00:00:bc:00:01; by default its profile's.
    #[arg(long, requires = "attach", value_parser = mac)]
    pub mac: Option<[u8; 6]>,
    /// What is plugged into the car.
    #[arg(long, requires = "attach", default_value = "enet-cable")]
    pub vci: VciArg,
    /// Takes even the port that the way to the rest of the world leads through.
    #[arg(long, requires = "attach")]
    pub force: bool,
}

/// How a car comes by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AddressArg {
    /// RFC 3927, without asking for a DHCP server.
    LinkLocal,
    /// DHCP, and no address without a server.
    Dhcp,
    /// DHCP, then RFC 3927 while no server answers.
    DhcpThenLinkLocal,
}

/// What is plugged into a car.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VciArg {
    /// A cable: the car itself is seen.
    EnetCable,
    /// An ICOM Next: it rides through gateway resets.
    IcomNext,
}

/// Reads a hardware address of one station.
fn mac(text: &str) -> Result<[u8; 6], String> {
    let octets: Option<Vec<u8>> = text
        .split([':', '-'])
        .map(|octet| {
            // A sign is no digit, though the parser of numbers takes one.
            let is_pair = octet.len() == 2 && octet.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_pair.then(|| u8::from_str_radix(octet, 16).ok())?
        })
        .collect();
    match octets.and_then(|octets| <[u8; 6]>::try_from(octets).ok()) {
        None => Err("six pairs of hexadecimal digits with colons are wanted".to_owned()),
        Some([first, ..]) if first & 1 == 1 => Err("that is a group's address".to_owned()),
        Some([0, 0, 0, 0, 0, 0]) => Err("that is nobody's address".to_owned()),
        Some(mac) => Ok(mac),
    }
}

/// What a car speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VehicleProtocolArg {
    /// HSFZ alone.
    Hsfz,
    /// DoIP alone.
    Doip,
    /// Both.
    Both,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("02:00:00:bc:00:07", Some([2, 0, 0, 0xBC, 0, 7]))]
    #[case("02-00-00-BC-00-07", Some([2, 0, 0, 0xBC, 0, 7]))]
    #[case::short("02:00:00:BC:00", None)]
    #[case::sign("02:00:00:+C:00:07", None)]
    #[case::group("03:00:00:BC:00:07", None)]
    #[case::nobody("00:00:00:00:00:00", None)]
    fn a_hardware_address_is_that_of_one_station(
        #[case] text: &str,
        #[case] expected: Option<[u8; 6]>,
    ) {
        assert_eq!(mac(text).ok(), expected);
    }

    #[rstest]
    #[case(&["--attach", "eth1", "--mac", "02:00:00:BC:00:07"], true)]
    #[case(&["--attach", "eth1", "--listen", "127.0.0.1"], false)]
    #[case(&["--attach", "eth1", "--port-offset", "1"], false)]
    #[case(&["--vci", "icom-next"], false)]
    fn sockets_and_network_ports_have_options_of_their_own(
        #[case] options: &[&str],
        #[case] taken: bool,
    ) {
        let words = ["benchcar", "vehicle"].iter().chain(options);
        assert_eq!(Cli::try_parse_from(words).is_ok(), taken);
    }
}
