//! The scenarios that are shipped.

/// A shipped scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Its name: that of its file without folder and extension.
    pub name: &'static str,
    /// Its file, relative to the project.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// Returns the shipped scenario of that name.
pub fn shipped(name: &str) -> Option<Shipped> {
    LIBRARY.iter().copied().find(|scenario| scenario.name == name)
}

macro_rules! library {
    ($($name:literal,)*) => {
        /// All shipped scenarios, by name.
        pub const LIBRARY: &[Shipped] = &[$(
            Shipped {
                name: $name,
                file: concat!("scenarios/library/", $name, ".yaml"),
                text: include_str!(concat!("../library/", $name, ".yaml")),
            },
        )*];
    };
}

library! {
    "8hp-backend-fails",
    "8hp-blackout-1s",
    "8hp-blackout-3s",
    "8hp-blackout-60s-rescued",
    "8hp-blackout-60s",
    "8hp-bootloader-power-loss",
    "8hp-bootloader-update",
    "8hp-doip-enet-150ms",
    "8hp-doip-enet-20ms",
    "8hp-doip-enet-60ms-loss-0.1",
    "8hp-doip-icom-20ms",
    "8hp-doip-icom-80ms-loss-1",
    "8hp-duplicated-frames",
    "8hp-f30-enet-40ms",
    "8hp-g30-icom-80ms-loss-0.1",
    "8hp-g70-icom-60ms",
    "8hp-gateway-new-address",
    "8hp-gateway-resets-twice-enet",
    "8hp-gateway-resets-twice-icom",
    "8hp-guard-refuses-icom",
    "8hp-guard-refuses",
    "8hp-half-flashed",
    "8hp-hsfz-enet-150ms-loss-3",
    "8hp-hsfz-enet-20ms",
    "8hp-hsfz-enet-60ms",
    "8hp-hsfz-enet-80ms-loss-1",
    "8hp-hsfz-icom-150ms",
    "8hp-hsfz-icom-20ms",
    "8hp-hsfz-icom-60ms",
    "8hp-hsfz-icom-80ms",
    "8hp-mobile-technician",
    "8hp-reordered-and-damaged",
    "8hp-second-image-refused",
    "8hp-stream-80ms-loss-1",
    "8hp-tester-killed-rescued",
    "8hp-tester-killed",
    "8hp-voltage-below-limit",
    "8hp-voltage-collapses",
    "8hp-voltage-dips-rescued",
    "8hp-voltage-falls",
    "8hp-voltage-refused-by-ecu",
    "8hp-voltage-too-low",
    "8hp-write-error",
    "8hp-wrong-key",
    "cable-pulled",
    "diagnosis-150ms",
    "diagnosis-no-bridge",
    "discovery-and-scan-doip",
    "discovery-and-scan-hsfz",
    "kafas-short-flash",
    "lost-reply-of-a-block",
    "network-gets-worse",
    "relay-dies-during-scan",
    "wrong-things-refused",
    "zgw-flash-icom",
    "zgw-flash",
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fixture::catalogue;

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let shipped: Vec<String> =
            LIBRARY.iter().map(|scenario| format!("{}.yaml", scenario.name)).collect();
        assert_eq!(shipped, files);
    }

    #[test]
    fn every_scenario_is_right_and_says_what_it_proves() {
        for shipped in LIBRARY {
            let scenario = crate::parse(shipped.file, shipped.text, &[], &catalogue())
                .unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(scenario.name, shipped.name);
            assert!(scenario.proves.is_some(), "{} does not say what it proves", shipped.name);
        }
    }

    #[test]
    fn a_scenario_is_found_by_its_name() {
        assert_eq!(shipped("zgw-flash").map(|shipped| shipped.name), Some("zgw-flash"));
        assert_eq!(shipped("zgw"), None);
    }
}
