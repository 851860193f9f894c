//! How the guard comes to know an idle line.

use crate::guard::{Assessment, GuardConfig, Light};

use super::*;

/// Two sides that are paired and have nothing to carry, as they are outside of tests.
fn idle(loss: Ratio) -> Rig {
    let mut rig = Rig::empty(RelayConfig::default(), 1);
    let guarded = || crate::EndpointConfig { guard: GuardConfig::default(), ..config() };
    rig.add_mechanic(MECHANIC, guarded());
    rig.run(SECOND);
    rig.add_technician(TECHNICIAN, guarded());
    rig.run(SECOND);
    rig.pipe.loss = loss;
    rig
}

/// What the technician's guard thinks in each of so many seconds, once it had half a minute.
fn lights(rig: &mut Rig, seconds: u32) -> Vec<Assessment> {
    rig.run(30 * SECOND);
    let look = |_| {
        rig.run(SECOND);
        rig.technicians[&TECHNICIAN].assessment()
    };
    (0..seconds).map(look).collect()
}

fn count(seen: &[Assessment], light: Light) -> usize {
    seen.iter().filter(|one| one.light == light).count()
}

#[test]
fn an_idle_line_without_loss_is_green_within_seconds_and_stays_so() {
    let mut rig = idle(Ratio::ZERO);
    assert_eq!(rig.technicians[&TECHNICIAN].assessment().light, Light::Yellow);
    assert!(rig.technicians[&TECHNICIAN].assessment().reasons.too_few);
    let seen = lights(&mut rig, 120);
    assert_eq!(count(&seen, Light::Green), 120);
}

#[test]
fn an_idle_line_that_loses_one_in_fifty_is_not_green() {
    // One in a hundred on each of two hops.
    let seen = lights(&mut idle(Ratio::from_ppb(10_000_000)), 300);
    assert!(count(&seen, Light::Green) <= 30, "{} of 300", count(&seen, Light::Green));
}

#[test]
fn one_lost_measurement_is_not_red() {
    let mut rig = idle(Ratio::ZERO);
    rig.run(2 * SECOND);
    rig.pipe.mute = Some(TECHNICIAN);
    rig.run(Duration::from_millis(150));
    rig.pipe.mute = None;
    for _ in 0..30 {
        rig.run(SECOND);
        let seen = rig.technicians[&TECHNICIAN].assessment();
        assert!(seen.light < Light::Red, "{seen:?}");
    }
}

#[test]
fn measuring_costs_an_idle_line_a_few_datagrams_a_second() {
    let mut rig = idle(Ratio::ZERO);
    rig.run(30 * SECOND);
    rig.datagrams = 0;
    rig.run(600 * SECOND);
    let per_second = rig.datagrams / 600;
    assert!((10..=80).contains(&per_second), "{per_second} over two hops, both ways");
}
