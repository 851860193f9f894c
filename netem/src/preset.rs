//! Named impairments and where their figures come from.

use std::fmt;
use std::time::Duration;

#[cfg(any(test, feature = "schema"))]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::impairment::{Burst, Distribution, Impairment};
use crate::units::{BitRate, DurationText, Percent};

/// A kind of link, in one direction.
///
/// Where a source gives a round trip, each direction has half of it. Where it gives two rates,
/// each direction has the slower one. Where it gives no loss or jitter, there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A switched local network: 100 µs, 1 Gbit/s.
    Lan,
    /// Fibre to the home: 2 ms, 5 Mbit/s.
    Fibre,
    /// Television cable: 14 ms, 1 Mbit/s.
    Cable,
    /// A telephone line: 25 ms, 384 kbit/s.
    Dsl,
    /// Wi-Fi at the far end of a workshop: 3 ms ± 2 ms, 20 Mbit/s, bursts of loss.
    GarageWifi,
    /// A good mobile link: 35 ms, 12 Mbit/s.
    Lte,
    /// A usual mobile link: 85 ms, 9 Mbit/s.
    #[serde(rename = "4g")]
    Mobile4g,
    /// An old mobile link: 150 ms, 768 kbit/s.
    #[serde(rename = "3g")]
    Mobile3g,
    /// The edge of mobile coverage: 420 ms, 200 kbit/s.
    Edge,
    /// Across Europe: 15 ms.
    Europe,
    /// New York to London: 45 ms.
    Transatlantic,
    /// Los Angeles to Tokyo: 80 ms.
    Transpacific,
    /// By way of a geostationary satellite: 260 ms, 2 Mbit/s.
    Satellite,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 13] = [
        Self::Lan,
        Self::Fibre,
        Self::Cable,
        Self::Dsl,
        Self::GarageWifi,
        Self::Lte,
        Self::Mobile4g,
        Self::Mobile3g,
        Self::Edge,
        Self::Europe,
        Self::Transatlantic,
        Self::Transpacific,
        Self::Satellite,
    ];

    /// Returns the preset of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Returns the name used in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Fibre => "fibre",
            Self::Cable => "cable",
            Self::Dsl => "dsl",
            Self::GarageWifi => "garage-wifi",
            Self::Lte => "lte",
            Self::Mobile4g => "4g",
            Self::Mobile3g => "3g",
            Self::Edge => "edge",
            Self::Europe => "europe",
            Self::Transatlantic => "transatlantic",
            Self::Transpacific => "transpacific",
            Self::Satellite => "satellite",
        }
    }

    /// Returns where the figures come from.
    pub fn source(self) -> &'static str {
        match self {
            Self::Lan => "chosen for benchcar",
            Self::GarageWifi => "chosen for benchcar, no measurement behind it",
            Self::Fibre => "WebPageTest connectivity.ini.sample, FIOS: 20/5 Mbit/s, 4 ms RTT",
            Self::Cable => "WebPageTest connectivity.ini.sample, Cable: 5/1 Mbit/s, 28 ms RTT",
            Self::Dsl => "WebPageTest connectivity.ini.sample, DSL: 1.5/0.384 Mbit/s, 50 ms RTT",
            Self::Lte => "WebPageTest connectivity.ini.sample, LTE: 12 Mbit/s, 70 ms RTT",
            Self::Mobile4g => "WebPageTest connectivity.ini.sample, 4G: 9 Mbit/s, 170 ms RTT",
            Self::Mobile3g => {
                "WebPageTest connectivity.ini.sample, 3G: 1.6/0.768 Mbit/s, 300 ms RTT"
            }
            Self::Edge => "WebPageTest connectivity.ini.sample, Edge: 240/200 kbit/s, 840 ms RTT",
            Self::Europe => "Verizon service level agreement, EMEA: 30 ms RTT or less",
            Self::Transatlantic => {
                "Verizon service level agreement, New York to London: 90 ms RTT or less"
            }
            Self::Transpacific => {
                "Verizon service level agreement, Los Angeles to Tokyo: 160 ms RTT or less"
            }
            Self::Satellite => {
                "delay computed: 35 786 km up and down is 239 ms beneath the satellite and 278 ms \
                 at the horizon, the middle is taken; rate chosen for benchcar"
            }
        }
    }

    /// Returns the figures.
    pub fn impairment(self) -> Impairment {
        match self {
            Self::Lan => link(100, Some(1_000_000)),
            Self::Fibre => link(2_000, Some(5_000)),
            Self::Cable => link(14_000, Some(1_000)),
            Self::Dsl => link(25_000, Some(384)),
            Self::GarageWifi => garage_wifi(),
            Self::Lte => link(35_000, Some(12_000)),
            Self::Mobile4g => link(85_000, Some(9_000)),
            Self::Mobile3g => link(150_000, Some(768)),
            Self::Edge => link(420_000, Some(200)),
            Self::Europe => link(15_000, None),
            Self::Transatlantic => link(45_000, None),
            Self::Transpacific => link(80_000, None),
            Self::Satellite => link(260_000, Some(2_000)),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn link(delay_us: u64, rate_kbit: Option<u64>) -> Impairment {
    Impairment {
        delay: Some(DurationText(Duration::from_micros(delay_us))),
        rate: rate_kbit.and_then(|kbit| BitRate::from_bits_per_second(kbit * 1_000)),
        ..Impairment::default()
    }
}

fn garage_wifi() -> Impairment {
    let per_thousand = |n: u32| Percent(node::Ratio::from_ppb(n * 1_000_000));
    Impairment {
        jitter: Some(DurationText(Duration::from_micros(2_000))),
        distribution: Some(Distribution::Normal),
        burst: Some(Burst {
            p: per_thousand(1),
            r: per_thousand(300),
            loss_in_bad: per_thousand(500),
            loss_in_good: Percent::ZERO,
        }),
        ..link(3_000, Some(20_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_is_found_by_the_name_serde_gives_it() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name()), Some(preset));
            let name = serde_json::to_value(preset).unwrap();
            assert_eq!(name, preset.name());
        }
        assert_eq!(Preset::named("lan "), None);
    }

    #[test]
    fn each_preset_makes_sense() {
        for preset in Preset::ALL {
            assert_eq!(preset.impairment().check(), Ok(()), "{preset}");
        }
    }

    #[test]
    fn the_figures_are_pinned() {
        let figures: Vec<_> = Preset::ALL
            .into_iter()
            .map(|preset| {
                let figures = serde_json::to_string(&preset.impairment()).unwrap();
                format!("{preset}: {figures}\n    {}", preset.source())
            })
            .collect();
        insta::assert_snapshot!(figures.join("\n"));
    }
}
