//! What the tester carries: images and coding of the control units, in its own terms.

use std::collections::BTreeMap;

use scenarios::step::Step;
use scenarios::tester::{Coding, Image, Segment, TesterEcu};
use sim_ecus::EcuProfile;

/// What one control unit can be given, and what the judge compares its memory with.
pub struct Goods {
    /// The profile.
    pub profile: EcuProfile,
    /// The images the scenario programs into it, by name.
    pub images: BTreeMap<String, sim_ecus::image::Image>,
    /// The same in the tester's terms, and the coding.
    pub tester: TesterEcu,
}

/// Makes the goods of every control unit of a vehicle; images depend on no seed.
pub fn goods(units: &[String], steps: &[Step]) -> BTreeMap<String, Goods> {
    units
        .iter()
        .map(|unit| {
            let profile = crate::catalogue::profile(unit);
            let mut images = BTreeMap::new();
            for step in steps {
                collect(step, unit, &profile, &mut images);
            }
            (unit.clone(), pack(profile, images))
        })
        .collect()
}

fn collect(
    step: &Step,
    unit: &str,
    profile: &EcuProfile,
    images: &mut BTreeMap<String, sim_ecus::image::Image>,
) {
    match step {
        Step::Program(program) if program.ecu == unit => {
            let size = program.size.map(|size| size.0);
            let image = if program.bootloader {
                sim_ecus::image::Image::boot_update(profile, &program.image)
            } else {
                sim_ecus::image::Image::for_profile(profile, &program.image, size)
            };
            images.insert(image.name.clone(), image);
        }
        Step::Repeat(repeat) => {
            for step in &repeat.steps {
                collect(step, unit, profile, images);
            }
        }
        Step::Identify
        | Step::Scan
        | Step::Request(_)
        | Step::Program(_)
        | Step::Code(_)
        | Step::InitialiseAdaptations(_)
        | Step::Reset(_)
        | Step::ClearFaults
        | Step::Wait(_) => {}
    }
}

fn pack(profile: EcuProfile, images: BTreeMap<String, sim_ecus::image::Image>) -> Goods {
    let coding = sim_ecus::coding::Coding::for_profile(&profile);
    let tester = TesterEcu {
        address: profile.address,
        images: images
            .iter()
            .map(|(name, image)| (name.clone(), in_testers_terms(image)))
            .collect(),
        coding: Coding { records: coding.entries, stamp: coding.stamp.to_vec().into() },
        reset_time: profile.timing.reset,
        wide_key: profile.security.wide_key,
    };
    Goods { images, profile, tester }
}

fn in_testers_terms(image: &sim_ecus::image::Image) -> Image {
    let segments = image.segments.iter().map(|segment| Segment {
        address: segment.address,
        class: segment.class,
        id: segment.id,
        version: segment.version,
        data: segment.data.clone(),
    });
    Image { name: image.name.clone(), segments: segments.collect() }
}
