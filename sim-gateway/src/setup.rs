//! What a run changes about a vehicle before it begins.

use std::collections::BTreeMap;

use node::Ratio;
use sim_ecus::{Condition, EcuProfile};

use crate::dialect::Dialect;
use crate::supply::Supply;
use crate::vehicle::Protocols;

/// What differs from the vehicle's profile; the default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Condition of units by name; those not named are as they left the factory.
    pub conditions: BTreeMap<String, Condition>,
    /// Profiles of units by name; those not named are the shipped ones.
    pub profiles: BTreeMap<String, EcuProfile>,
    /// What part of the longest times work in the units really takes; `None` leaves the profiles'.
    pub erase_factor: Option<Ratio>,
    /// What feeds the vehicle.
    pub supply: Option<Supply>,
    /// What it speaks.
    pub protocols: Option<Protocols>,
    /// How it speaks HSFZ.
    pub dialect: Option<Dialect>,
    /// Whether the ignition is on.
    pub ignition: Option<bool>,
    /// Whether units answer at once, without the latency of their profiles: for measuring the
    /// gateway itself.
    pub immediate: bool,
}
