//! What a profile says about one kind of control unit (`uds-and-bmw-ecus.md` §3–§6, §8).
//!
//! A profile is data in YAML; what it cannot say is code elsewhere in this crate. Identifiers are
//! hexadecimal text, times carry their unit, unknown keys are errors with a position.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use node::Ratio;
use serde::Deserialize;

use crate::software::SgbmId;

mod check;
mod text;

pub use check::ProfileError;
pub use text::Span;

/// One kind of control unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EcuProfile {
    /// The short name scenarios use, such as `egs`.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Its diagnostic address.
    #[serde(deserialize_with = "text::text")]
    pub address: u8,
    /// The bus it hangs on; `None` when no list of the gateway names it.
    #[serde(default)]
    pub bus: Option<Bus>,
    /// The VIN of the vehicle it belongs to, 17 characters; in a vehicle, that vehicle's.
    #[serde(default = "default_vin")]
    pub vin: String,
    /// Diagnostic sessions of its application (§2.4), beside 01.
    #[serde(deserialize_with = "text::list")]
    pub sessions: Vec<u8>,
    /// Times.
    pub timing: Timing,
    /// SecurityAccess.
    pub security: SecurityProfile,
    /// Flash memory.
    pub flash: FlashProfile,
    /// Hardware entries of its SVK (F101), in order.
    #[serde(deserialize_with = "text::list")]
    pub hardware: Vec<SgbmId>,
    /// The 13 bytes of the SVK from the programming date on: the fingerprint it left the factory
    /// with (§5).
    #[serde(deserialize_with = "text::text")]
    pub fingerprint: Vec<u8>,
    /// Coding data.
    pub coding: CodingProfile,
    /// Data identifiers with fixed or initial content.
    #[serde(deserialize_with = "text::bytes_map")]
    pub data: BTreeMap<u16, Vec<u8>>,
    /// Data identifiers the bootloader answers too, beside those every bootloader has.
    #[serde(default, deserialize_with = "text::list")]
    pub bootloader_data: Vec<u16>,
    /// Data identifiers testers may write in an extended session; their content is kept.
    #[serde(default, deserialize_with = "text::list")]
    pub writable: Vec<u16>,
    /// Data identifiers testers may take control of (service 2F).
    #[serde(default, deserialize_with = "text::list")]
    pub controllable: Vec<u16>,
    /// Values it learns by driving.
    #[serde(default)]
    pub learned: Option<Learned>,
    /// Routines of its application, beside those every unit has.
    #[serde(default, deserialize_with = "text::list")]
    pub routines: Vec<u16>,
    /// Whether it takes part in the pairing with its vehicle (§9).
    #[serde(default)]
    pub paired: bool,
    /// Fault memory.
    pub faults: FaultProfile,
    /// A byte appended to the active session (F186), as body controllers do (§2.4).
    #[serde(default, deserialize_with = "text::maybe")]
    pub session_detail: Option<u8>,
    /// Services answered with NRC 10 (§2.2).
    #[serde(default, deserialize_with = "text::list")]
    pub generic_reject: Vec<u8>,
    /// What it draws from the supply.
    pub load: Load,
}

/// A bus of the vehicle the gateway keeps a list of (§4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    /// K-CAN.
    KCan,
    /// Body CAN.
    BodyCan,
    /// MOST.
    Most,
    /// FA-CAN.
    FaCan,
    /// The one with time slots for chassis and drive.
    Flexray,
    /// Ethernet.
    Ethernet,
}

/// The times of a control unit (§2.1, §3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Timing {
    /// P2 in the default session.
    #[serde(deserialize_with = "text::text")]
    pub p2_default: Duration,
    /// P2 in every other session.
    #[serde(deserialize_with = "text::text")]
    pub p2: Duration,
    /// P2* in every session.
    #[serde(default = "five_seconds", deserialize_with = "text::text")]
    pub p2_star: Duration,
    /// S3: how long a session lives without a request.
    #[serde(default = "five_seconds", deserialize_with = "text::text")]
    pub s3: Duration,
    /// Sessions whose positive answer carries no timing bytes.
    #[serde(default, deserialize_with = "text::list")]
    pub untimed_sessions: Vec<u8>,
    /// Sessions whose positive answer is preceded by `7F 10 78`.
    #[serde(default, deserialize_with = "text::list")]
    pub pending_sessions: Vec<u8>,
    /// From a request to its answer, for what needs no work.
    #[serde(deserialize_with = "text::text")]
    pub latency: Span,
    /// The same for functional requests.
    #[serde(deserialize_with = "text::text")]
    pub functional_latency: Span,
    /// Silence while `10 02` jumps into the bootloader.
    #[serde(default = "default_jump", deserialize_with = "text::text")]
    pub jump: Span,
    /// How that jump is answered.
    #[serde(default)]
    pub jump_answer: JumpAnswer,
    /// Writing one block.
    #[serde(default = "default_block", deserialize_with = "text::text")]
    pub block: Span,
    /// Longest erase of one piece of software: first word of 2504.
    #[serde(deserialize_with = "text::text")]
    pub erase: Duration,
    /// Longest memory check: second word of 2504.
    #[serde(deserialize_with = "text::text")]
    pub check: Duration,
    /// Longest installation of a bootloader: third word of 2504.
    #[serde(deserialize_with = "text::text")]
    pub install: Duration,
    /// Longest authentication: fourth word of 2504. Taken by the check of the dependencies.
    #[serde(deserialize_with = "text::text")]
    pub authentication: Duration,
    /// Reset: fifth word of 2504.
    #[serde(deserialize_with = "text::text")]
    pub reset: Duration,
    /// A sixth word of 2504, which has no name.
    #[serde(default, deserialize_with = "text::maybe")]
    pub sixth: Option<Duration>,
    /// What part of the longest times above work really takes, resets excepted.
    #[serde(default = "default_factor", deserialize_with = "text::text")]
    pub factor: Ratio,
}

/// How `10 02` is answered (§2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JumpAnswer {
    /// First the positive answer, then silence.
    #[default]
    ReplyFirst,
    /// First `7F 10 78`, then silence, then the positive answer.
    PendingFirst,
}

/// SecurityAccess (§2.5).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecurityProfile {
    /// Whether keys are 132 bytes long rather than 68.
    #[serde(default)]
    pub wide_key: bool,
    /// Wrong keys until access is delayed.
    #[serde(default = "three")]
    pub attempts: u8,
    /// The delay after that many.
    #[serde(default = "ten_seconds", deserialize_with = "text::text")]
    pub delay: Duration,
    /// How long a seed waits for its key.
    #[serde(default = "ten_seconds", deserialize_with = "text::text")]
    pub window: Duration,
}

/// Flash memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FlashProfile {
    /// maxNumberOfBlockLength of `34`: service identifier, counter and data.
    pub max_block_length: u16,
    /// The bootloader.
    pub boot: FlashBlock,
    /// The pieces of software, by address.
    pub blocks: Vec<FlashBlock>,
}

/// A piece of flash memory that is erased as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FlashBlock {
    /// What it holds when it leaves the factory.
    #[serde(deserialize_with = "text::text")]
    pub software: SgbmId,
    /// Its first address.
    #[serde(deserialize_with = "text::text")]
    pub address: u32,
    /// Its size in bytes.
    #[serde(deserialize_with = "text::text")]
    pub size: u32,
}

impl FlashBlock {
    /// Returns whether an address lies inside.
    pub const fn contains(&self, address: u32) -> bool {
        address >= self.address && address - self.address < self.size
    }
}

/// Coding data (§8).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CodingProfile {
    /// What the coding data calls itself.
    #[serde(deserialize_with = "text::text")]
    pub cafd: SgbmId,
    /// The plain items, by data identifier.
    #[serde(deserialize_with = "text::bytes_map")]
    pub items: BTreeMap<u16, Vec<u8>>,
    /// Data identifier of the four-byte index.
    #[serde(deserialize_with = "text::text")]
    pub index_did: u16,
    /// The index.
    #[serde(deserialize_with = "text::text")]
    pub index: Vec<u8>,
    /// Data identifier of the SGBM identifier.
    #[serde(deserialize_with = "text::text")]
    pub cafd_did: u16,
    /// Data identifier of the signature.
    #[serde(deserialize_with = "text::text")]
    pub signature_did: u16,
}

/// Values a control unit learns by driving, and how they are forgotten (§10).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Learned {
    /// Writing 00 to this data identifier forgets them.
    #[serde(deserialize_with = "text::text")]
    pub reset: u16,
    /// The values by data identifier; forgotten ones read FF.
    #[serde(deserialize_with = "text::bytes_map")]
    pub values: BTreeMap<u16, Vec<u8>>,
}

/// Fault memory (§2.7).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultProfile {
    /// The status availability mask.
    #[serde(deserialize_with = "text::text")]
    pub availability: u8,
    /// Number of the fault that says coding data is missing (invented).
    #[serde(deserialize_with = "text::text")]
    pub uncoded: Vec<u8>,
    /// Number of the fault that says the part belongs to another vehicle (invented).
    #[serde(default, deserialize_with = "text::maybe")]
    pub no_release: Option<Vec<u8>>,
    /// Number of the fault that says the camera is not calibrated (invented).
    #[serde(default, deserialize_with = "text::maybe")]
    pub uncalibrated: Option<Vec<u8>>,
    /// Every fault it can detect, three bytes each, beside those above.
    #[serde(deserialize_with = "text::list")]
    pub known: Vec<Vec<u8>>,
    /// What it left the factory with.
    #[serde(default)]
    pub stored: Vec<StoredFault>,
    /// What its secondary memory holds.
    #[serde(default)]
    pub info: Vec<StoredFault>,
}

/// A stored fault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoredFault {
    /// Its number, three bytes.
    #[serde(deserialize_with = "text::text")]
    pub dtc: Vec<u8>,
    /// Its status byte.
    #[serde(deserialize_with = "text::text")]
    pub status: u8,
    /// Odometer when it was stored, in kilometres.
    pub kilometres: u32,
    /// System time when it was stored, in seconds.
    pub seconds: u32,
    /// The byte of its extended data (§2.7).
    #[serde(deserialize_with = "text::text")]
    pub extended: u8,
}

/// What a control unit draws from the supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Load {
    /// Waiting, in milliamperes.
    #[serde(deserialize_with = "text::milliamps")]
    pub idle: u32,
    /// Answering or checking memory, in milliamperes.
    #[serde(deserialize_with = "text::milliamps")]
    pub working: u32,
    /// Erasing, in milliamperes.
    #[serde(deserialize_with = "text::milliamps")]
    pub erasing: u32,
    /// With a download open, in milliamperes.
    #[serde(deserialize_with = "text::milliamps")]
    pub writing: u32,
}

/// The VIN of the simulated vehicle.
pub const VIN: &str = "WBASMTEST00000001";

/// The profiles that come with the crate: name and YAML text.
const SHIPPED: [(&str, &str); 5] = [
    ("zgw", include_str!("../profiles/zgw.yaml")),
    ("bdc", include_str!("../profiles/bdc.yaml")),
    ("egs", include_str!("../profiles/egs.yaml")),
    ("dme", include_str!("../profiles/dme.yaml")),
    ("kafas", include_str!("../profiles/kafas.yaml")),
];

static PROFILES: LazyLock<Vec<EcuProfile>> = LazyLock::new(|| {
    let read =
        |(name, text)| EcuProfile::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    SHIPPED.into_iter().map(read).collect()
});

impl EcuProfile {
    /// Reads a profile.
    pub fn parse(yaml: &str) -> Result<Self, ProfileError> {
        let profile: Self = yaml::from_str(yaml).map_err(ProfileError::from_yaml)?;
        check::check(&profile)?;
        Ok(profile)
    }

    /// Returns a profile that comes with the crate.
    pub fn named(name: &str) -> Option<Self> {
        PROFILES.iter().find(|profile| profile.name == name).cloned()
    }

    /// Returns the names of the profiles that come with the crate.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.into_iter().map(|(name, _)| name)
    }

    /// Returns the bytes of software it has room for, the bootloader not counted.
    pub fn flash_capacity(&self) -> u64 {
        self.flash.blocks.iter().map(|block| u64::from(block.size)).sum()
    }

    /// Returns the part of a longest time that work really takes.
    pub(crate) fn scaled(&self, longest: Duration) -> Duration {
        let nanos = longest.as_nanos() * u128::from(self.timing.factor.as_ppb()) / 1_000_000_000;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn default_vin() -> String {
    VIN.to_owned()
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn three() -> u8 {
    3
}

fn default_jump() -> Span {
    Span { low: Duration::from_millis(200), high: Duration::from_millis(800) }
}

fn default_block() -> Span {
    Span { low: Duration::from_millis(5), high: Duration::from_millis(30) }
}

fn default_factor() -> Ratio {
    Ratio::from_ppb(300_000_000)
}
