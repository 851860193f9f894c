//! What a run asks of its world, answered in real time.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::time::Duration;

use lab::Stage;
use lab::world::{Met, Sighting, Way};
use netem_rs::Impairment;
use node::{Instant, Node};
use record::{Engine, Timeliness};
use scenarios::manifest::Carrier;
use scenarios::tester::TesterEvent;
use sim_gateway::{Fault, Gateway, VehicleEvent};

use super::Rig;
use crate::netem::{Emulator, Report};

/// How long the world is left to itself at most before a watcher is asked whether to stop.
pub const GLANCE: Duration = Duration::from_millis(100);

/// A line a program printed, told as it is.
struct Said<'a>(&'a str);

impl Debug for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Stage for Rig {
    const ASK_EVERY: u64 = 1;

    fn engine(&self) -> Engine {
        Engine::Live
    }

    fn facts(&self) -> BTreeMap<String, serde_json::Value> {
        let options = &self.options;
        let limit = format!("{} µs", options.lateness_limit.as_micros());
        BTreeMap::from([
            ("tester-tcp".into(), format!("kernel, {}", self.congestion_control).into()),
            ("congestion-control".into(), self.congestion_control.clone().into()),
            ("adapters".into(), self.crossing.adapters.into()),
            ("bridge".into(), options.bridge.name.clone().into()),
            ("netem-pace".into(), options.pace.name().into()),
            ("lateness-limit".into(), limit.into()),
        ])
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.is_leaping() {
            return self.car.poll_timeout().map(|at| at.max(self.now));
        }
        Some(self.now + GLANCE)
    }

    fn advance(&mut self, at: Instant) {
        self.go_on(at);
    }

    fn settle(&mut self) {
        self.carry_to_workshop();
    }

    fn poll_tester(&mut self) -> Option<TesterEvent> {
        self.tester.as_mut()?.app_mut().poll_event()
    }

    fn poll_vehicle(&mut self) -> Option<VehicleEvent> {
        self.car.vehicle.app_mut().poll_event()
    }

    fn poll_between(&mut self, hear: &mut dyn FnMut(&str, &dyn Debug)) {
        while let Some(event) = self.car.vci.poll_event() {
            hear("vci", &event);
        }
        while let Some((role, line)) = self.crossing.poll_line() {
            hear(role.name(), &Said(&line));
        }
    }

    fn poll_fate(&mut self) -> Option<Met> {
        self.crossing.emulator.as_ref().and_then(Emulator::poll_fate)
    }

    fn poll_sighting(&mut self) -> Option<Sighting> {
        let on_the_way = self.crossing.emulator.as_ref().and_then(Emulator::poll_sighting);
        let on_the_way = on_the_way.map(|sighting| {
            let at = Instant::ZERO + sighting.at.saturating_since(Instant::ZERO + self.head_start);
            Sighting { at, ..sighting }
        });
        on_the_way.or_else(|| self.car.poll_sighting())
    }

    fn vehicle(&self) -> &Gateway {
        self.car.vehicle.app()
    }

    fn entered(&self, way: Way) -> u64 {
        match (&self.crossing.emulator, &self.network) {
            (Some(emulator), _) => emulator.entered(way),
            (None, Some(report)) => report.links[way as usize].entered,
            (None, None) => 0,
        }
    }

    fn frames(&self) -> u64 {
        self.car.frames + Way::ALL.map(|way| self.entered(way)).iter().sum::<u64>()
    }

    fn digest(&self) -> String {
        String::new()
    }

    fn fault(&mut self, fault: Fault) {
        let now = self.now;
        self.car.vehicle.with_app(now, |vehicle| vehicle.handle_fault(now, fault));
    }

    fn set_voltage(&mut self, millivolts: u32) {
        self.car.vci.set_voltages(millivolts, millivolts);
    }

    fn change(&mut self, way: Way, change: &Impairment) {
        if let Some(emulator) = &self.crossing.emulator {
            emulator.change(way, change);
        }
    }

    fn black_out(&mut self, way: Way, lasts: Duration) {
        if let Some(emulator) = &self.crossing.emulator {
            emulator.black_out(way, lasts);
        }
    }

    /// A computer that is off answers nothing, not even what its kernel would: its address goes.
    fn crash_tester(&mut self, restart: Option<Duration>) {
        let now = self.now;
        self.back_at = restart.map(|rest| now + rest);
        let crashed = match &mut self.tester {
            Some(tester) => tester.with_app(now, |tester| tester.crash(now, restart)),
            None => Ok(()),
        };
        let place = self.place;
        let site = &self.crossing.technician;
        let gone = site.remove_address(super::ADAPTER, place.address, place.prefix);
        if let Err(error) = crashed.and(gone) {
            self.fail(&error.to_string());
        }
    }

    fn kill_relay(&mut self) {
        self.crossing.kill_relay();
    }

    fn start_relay(&mut self) {
        if let Err(error) = self.crossing.start_relay() {
            self.fail(&error.to_string());
        }
    }

    fn leave_alone(&mut self) {
        self.alone_since.get_or_insert(self.now);
    }

    fn failure(&mut self) -> Option<String> {
        if self.failure.is_none() && !self.is_leaping() {
            self.failure = self.crossing.lost_program();
        }
        let emulator = self.crossing.emulator.as_ref();
        if self.failure.is_none() && emulator.is_some_and(Emulator::has_ended) {
            let report = self.end_network();
            let why = report.and_then(|report| report.failure.as_ref().map(ToString::to_string));
            let why = why.unwrap_or_else(|| "no reason known".to_owned());
            self.failure = Some(format!("the network emulator ended by itself: {why}"));
        }
        self.failure.clone()
    }

    fn void(&mut self) -> Option<String> {
        let limit = self.options.lateness_limit;
        let report = self.end_network()?;
        if let Some(lost) = report.lost.first() {
            return Some(format!("port {} of the network was lost: {}", lost.end, lost.source));
        }
        let late = report.lateness.beyond(limit);
        let refused = report.refused;
        late.or_else(|| stood_still(self.lateness.summary().max)).or_else(|| {
            // A wire's ends go down with what they are plugged into, and lose what is on its way.
            let is_lost = refused > 0 && self.options.bridge.carrier != Carrier::Wire;
            is_lost.then(|| format!("ports of the network did not take {refused} frames"))
        })
    }

    fn timeliness(&mut self) -> Option<Timeliness> {
        let parties = self.lateness.summary().into();
        let report = self.end_network()?;
        Some(Timeliness {
            network: report.lateness.into(),
            parties,
            real_time: report.real_time,
            refused: report.refused,
            missed_fates: report.fates_missed,
            missed_frames: report.sightings_missed,
        })
    }
}

impl Rig {
    /// Ends the internet, and keeps what came of it.
    fn end_network(&mut self) -> Option<&Report> {
        if let Some(emulator) = self.crossing.emulator.take() {
            self.network = Some(emulator.stop());
        }
        self.network.as_ref()
    }
}

/// Returns why a run is void in which a party was `late` to act, as all are when a machine stops.
fn stood_still(late: Duration) -> Option<String> {
    (late > STANDSTILL).then(|| {
        format!(
            "the machine stood still: what was due came {:.3} s late, limit {} s",
            late.as_secs_f64(),
            STANDSTILL.as_secs()
        )
    })
}

/// Protocols have timers of two seconds and more: what is shorter may wait, what is not expires.
const STANDSTILL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_protocols_would_notice_is_a_standstill() {
        assert_eq!(stood_still(STANDSTILL), None);
        let why = stood_still(Duration::from_millis(9_012)).unwrap();
        assert_eq!(why, "the machine stood still: what was due came 9.012 s late, limit 1 s");
    }
}
