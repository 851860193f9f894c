//! Callers who begin to prove themselves and do not go on.

use super::*;

/// How long a caller of the other side takes until its first packet has been answered.
const BEGINNING: Duration = Duration::from_millis(75);

/// A new program at one address begins to call, and is gone after its first packet.
fn call_in_vain(rig: &mut Rig, at: u8) {
    rig.add_technician(at, config());
    rig.run(BEGINNING);
    rig.technicians.remove(&at);
    rig.run(4 * BEGINNING);
}

#[test]
fn one_address_that_calls_and_stops_does_not_keep_the_technician_out() {
    let mut rig = Rig::empty(RelayConfig::default(), 1);
    rig.add_mechanic(MECHANIC, config());
    rig.run(SECOND);
    (0..10).for_each(|_| call_in_vain(&mut rig, 66));
    let told = rig.story(MECHANIC);
    assert!(told.contains(&BridgeEvent::CalledInVain { callers: 4 }), "{told:?}");
    rig.add_technician(TECHNICIAN, config());
    (0..4).for_each(|_| call_in_vain(&mut rig, 66));
    assert!(rig.technicians[&TECHNICIAN].is_paired());
}

#[test]
fn a_mechanic_hears_a_new_caller_although_many_stopped_halfway() {
    // A relay that lets many call at once.
    let relay = RelayConfig { candidates: 64, ..RelayConfig::default() };
    let mut rig = Rig::empty(relay, 1);
    rig.add_mechanic(MECHANIC, config());
    rig.run(SECOND);
    for at in 60..80 {
        call_in_vain(&mut rig, at);
    }
    rig.add_technician(TECHNICIAN, config());
    rig.run(SECOND);
    assert!(rig.technicians[&TECHNICIAN].is_paired());
}
