//! Vehicles: what one kind of car has behind its port, read from `vehicles/*.yaml`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use sim_ecus::EcuProfile;
use yaml::{Mistake, Placed, suggest};

use crate::dialect::Dialect;
use crate::entity::EntityProfile;
use crate::profile_error::ProfileError;
use crate::quantity;
use crate::reset::ResetTimes;
use crate::supply::Supply;

/// One kind of vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VehicleProfile {
    /// The name it is asked for by, such as `g05`.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Vehicle identification number.
    pub vin: String,
    /// MAC address of its port; also the DoIP entity identification.
    pub mac: [u8; 6],
    /// What it speaks unless a [`Setup`](crate::Setup) says otherwise.
    pub protocols: Protocols,
    /// What it can speak when a [`Setup`](crate::Setup) asks for it.
    pub can_speak: Protocols,
    /// How it speaks HSFZ.
    pub dialect: Dialect,
    /// How it speaks DoIP.
    pub doip: EntityProfile,
    /// Names of its control units' profiles.
    pub units: Vec<String>,
    /// The unit that is the gateway.
    pub gateway: String,
    /// The unit whose restart takes the gateway along, because they share a housing.
    pub housing: Option<String>,
    /// Addresses the gateway routes to although nothing behind them answers.
    pub silent: Vec<u8>,
    /// Bounds of its queues.
    pub limits: Limits,
    /// Times of its gateway's resets.
    pub reset: Resets,
    /// What feeds it.
    pub supply: Supply,
    /// Below how many millivolts the gateway goes dark.
    pub brownout: u32,
    /// From how many millivolts it boots again.
    pub recovery: u32,
    /// Whether the ignition is on.
    pub ignition: bool,
}

/// The protocols a vehicle speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocols {
    /// HSFZ alone.
    Hsfz,
    /// DoIP alone.
    Doip,
    /// Both.
    Both,
}

/// Bounds of a gateway's queues.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// The longest HSFZ frame, in bytes after the header.
    pub message: u32,
    /// How many requests may wait for one unit's answer; the next gets 00FF or 8003-05.
    pub waiting: usize,
    /// How long a request counts as waiting when no answer comes.
    #[serde(deserialize_with = "quantity::duration")]
    pub patience: Duration,
    /// How many functional requests may be waiting for answers.
    pub functional: usize,
    /// How many bytes of unfinished DoIP messages all sockets may hold together; beyond it header
    /// NACK 03.
    pub memory: u32,
    /// How many connections the HSFZ control port holds; a newcomer resets the oldest.
    pub control_connections: usize,
    /// How many datagrams may wait for their time to be answered.
    pub datagrams: usize,
}

/// Times of the resets of one gateway, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resets {
    /// The gateway unit restarts (`11 01`, after its flash).
    pub restart: ResetTimes,
    /// The gateway unit jumps into its bootloader (`10 02`).
    pub bootloader: ResetTimes,
    /// The unit whose housing it shares restarts.
    pub housing: ResetTimes,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 0x10000,
            waiting: 16,
            patience: Duration::from_secs(10),
            functional: 64,
            memory: 0x40000,
            control_connections: 4,
            datagrams: 32,
        }
    }
}

impl Protocols {
    /// Returns whether HSFZ is spoken.
    pub fn hsfz(self) -> bool {
        matches!(self, Self::Hsfz | Self::Both)
    }

    /// Returns whether DoIP is spoken.
    pub fn doip(self) -> bool {
        matches!(self, Self::Doip | Self::Both)
    }

    /// Returns what of `wanted` is not among these, in words.
    pub fn lacks(self, wanted: Self) -> Option<&'static str> {
        match (wanted.hsfz() && !self.hsfz(), wanted.doip() && !self.doip()) {
            (true, _) => Some("HSFZ"),
            (false, true) => Some("DoIP"),
            (false, false) => None,
        }
    }
}

impl VehicleProfile {
    /// Returns a shipped vehicle, such as `g05`.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        let (_, text) = SHIPPED
            .iter()
            .find(|(shipped, _)| *shipped == name)
            .ok_or_else(|| ProfileError::unknown("vehicle", name, Self::names()))?;
        Self::from_yaml(name, text)
    }

    /// Returns the names of the shipped vehicles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// Returns the VIN as the wire carries it; a VIN of another length is cut or filled with `0`.
    pub fn vin_bytes(&self) -> [u8; 17] {
        let mut vin = [b'0'; 17];
        vin.iter_mut().zip(self.vin.bytes()).for_each(|(to, from)| *to = from);
        vin
    }

    /// Reads a vehicle file.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, ProfileError> {
        let file: VehicleFile = yaml::from_str(text).map_err(ProfileError::from_yaml)?;
        let placed = |mistake| ProfileError::from_yaml(yaml::Error::new(text, mistake));
        file.into_profile(name).map_err(placed)
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct VehicleFile {
    title: String,
    vin: Placed<String>,
    mac: Placed<String>,
    protocols: Protocols,
    can_speak: Option<Protocols>,
    dialect: Option<Placed<String>>,
    doip: Option<Placed<EntityProfile>>,
    units: Vec<Placed<String>>,
    gateway: Placed<String>,
    housing: Option<Placed<String>>,
    #[serde(default, deserialize_with = "quantity::bytes")]
    silent: Vec<u8>,
    limits: Option<Placed<Limits>>,
    #[serde(default)]
    reset: Resets,
    supply: SupplyFile,
    #[serde(default = "default_ignition")]
    ignition: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SupplyFile {
    #[serde(deserialize_with = "quantity::millivolts")]
    battery: u32,
    #[serde(deserialize_with = "quantity::optional_millivolts")]
    charger: Option<u32>,
    #[serde(deserialize_with = "quantity::milliamps")]
    charger_current: u32,
    milliohms: u32,
    #[serde(deserialize_with = "quantity::milliamps")]
    base_load: u32,
    #[serde(deserialize_with = "quantity::millivolts")]
    brownout: u32,
    recovery: Placed<Millivolts>,
}

#[derive(Deserialize)]
struct Millivolts(#[serde(deserialize_with = "quantity::millivolts")] u32);

impl VehicleFile {
    fn into_profile(self, name: &str) -> Result<VehicleProfile, Mistake> {
        self.check()?;
        let limits = self.limits.map(|limits| limits.value).unwrap_or_default();
        Ok(VehicleProfile {
            name: name.to_owned(),
            mac: mac(&self.mac)?,
            dialect: dialect(self.dialect.as_ref())?,
            supply: Supply {
                battery: self.supply.battery,
                charger: self.supply.charger,
                charger_milliamps: self.supply.charger_current,
                milliohms: self.supply.milliohms,
                base_milliamps: self.supply.base_load,
                curve: Vec::new(),
            },
            brownout: self.supply.brownout,
            recovery: self.supply.recovery.value.0,
            title: self.title,
            vin: self.vin.value,
            protocols: self.protocols,
            can_speak: self.can_speak.unwrap_or(self.protocols),
            doip: self.doip.map(|doip| doip.value).unwrap_or_default(),
            units: self.units.into_iter().map(|unit| unit.value).collect(),
            gateway: self.gateway.value,
            housing: self.housing.map(|unit| unit.value),
            silent: self.silent,
            limits,
            reset: self.reset,
            ignition: self.ignition,
        })
    }

    fn check(&self) -> Result<(), Mistake> {
        let vin = &self.vin.value;
        if vin.len() != 17 || !vin.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let problem = format!("`{vin}` is not a VIN: write 17 letters and digits");
            return Err(Mistake::at(&self.vin.span, problem));
        }
        self.check_units()?;
        let recovery = &self.supply.recovery;
        if recovery.value.0 < self.supply.brownout {
            let problem =
                "the recovery voltage is below the brown-out voltage: write that one or more";
            return Err(Mistake::at(&recovery.span, problem));
        }
        let limits = self.limits.as_ref().and_then(|it| Some((it, it.value.problem()?)));
        if let Some((limits, problem)) = limits {
            return Err(Mistake::at(&limits.span, problem));
        }
        let doip = self.doip.as_ref().and_then(|it| Some((it, it.value.problem()?)));
        match doip {
            Some((doip, problem)) => Err(Mistake::at(&doip.span, problem)),
            None => Ok(()),
        }
    }
}

impl VehicleFile {
    fn check_units(&self) -> Result<(), Mistake> {
        let mut addresses = BTreeSet::new();
        for unit in &self.units {
            let Some(profile) = EcuProfile::named(&unit.value) else {
                let help = suggest::among(&unit.value, "units", EcuProfile::names());
                let problem = format!("there is no unit `{}`: {help}", unit.value);
                return Err(Mistake::at(&unit.span, problem));
            };
            if !addresses.insert(profile.address) {
                let problem =
                    format!("another unit has the address of `{}`: keep one of them", unit.value);
                return Err(Mistake::at(&unit.span, problem));
            }
        }
        for unit in std::iter::once(&self.gateway).chain(&self.housing) {
            if !self.units.iter().any(|known| known.value == unit.value) {
                let known = self.units.iter().map(|known| known.value.as_str());
                let help = suggest::among(&unit.value, "units", known);
                let problem = format!("`{}` is not among the units: {help}", unit.value);
                return Err(Mistake::at(&unit.span, problem));
            }
        }
        Ok(())
    }
}

impl Limits {
    fn problem(&self) -> Option<&'static str> {
        let bounds = [self.waiting, self.functional, self.control_connections, self.datagrams];
        if !(64..=1 << 20).contains(&self.message) {
            Some("there is no such longest message: write 64 to 1048576 bytes")
        } else if bounds.iter().any(|bound| !(1..=10_000).contains(bound)) {
            Some("there is no such bound of a queue: write 1 to 10000")
        } else {
            None
        }
    }
}

fn dialect(name: Option<&Placed<String>>) -> Result<Dialect, Mistake> {
    let Some(name) = name else { return Ok(Dialect::default()) };
    Dialect::named(&name.value).map_err(|error| Mistake::at(&name.span, error.to_string()))
}

fn mac(text: &Placed<String>) -> Result<[u8; 6], Mistake> {
    let problem = || format!("`{}` is not a MAC address: write `02:00:00:BC:00:01`", text.value);
    parse_mac(&text.value).ok_or_else(|| Mistake::at(&text.span, problem()))
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

fn default_ignition() -> bool {
    true
}

const SHIPPED: [(&str, &str); 5] = [
    ("g05", include_str!("../vehicles/g05.yaml")),
    ("g30", include_str!("../vehicles/g30.yaml")),
    ("g70", include_str!("../vehicles/g70.yaml")),
    ("f20", include_str!("../vehicles/f20.yaml")),
    ("f30", include_str!("../vehicles/f30.yaml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_vehicle_parses() {
        for name in VehicleProfile::names() {
            let vehicle = VehicleProfile::named(name).expect(name);
            assert_eq!((vehicle.name.as_str(), vehicle.vin.as_str()), (name, "WBASMTEST00000001"));
            assert!(!vehicle.units.is_empty());
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place_and_a_remedy() {
        let mistakes = [
            ("ignition: true", "ignitoin: true"),
            ("protocols: hsfz", "protocols: kwp"),
            ("link-down: 4s", "link-down: 4"),
            ("battery: 12.6V", "battery: lots"),
            ("gateway: zgw", "gateway: zgv"),
            ("egs, dme", "egs, dmx"),
            ("egs, dme", "egs, egs"),
            ("dialect: default", "dialect: klingon"),
            ("vin: WBASMTEST00000001", "vin: WBASMTEST"),
            ("mac: 02:00:00:BC:00:01", "mac: 02:00:00"),
            ("recovery: 9.5V", "recovery: 5V"),
            ("ignition: true", "limits: { waiting: 0 }"),
        ];
        let text = format!("{}ignition: true\n", SHIPPED[0].1);
        assert!(VehicleProfile::from_yaml("g05", &text).is_ok());
        let mut told = String::new();
        for (right, wrong) in mistakes {
            let line = text.lines().zip(1_u64..).find(|(line, _)| line.contains(right));
            let (_, number) = line.expect("the file has what the mistake replaces");
            let error = VehicleProfile::from_yaml("g05", &text.replacen(right, wrong, 1));
            let error = error.expect_err("a mistake");
            assert_eq!(error.line(), Some(number), "{wrong}: {error}");
            told += &format!("{wrong}\n    column {}: {error}\n", error.column().unwrap());
        }
        insta::assert_snapshot!(told);
    }
}
