//! The vehicle's supply: battery, charger, internal resistance, the load of the control units.
//!
//! The voltage is looked at on a grid of 100 ms, and only at points where it can have changed:
//! while a curve slopes, and after a load or a source changed. A steady supply has no deadline.

use std::time::Duration;

use node::Instant;

/// Spacing of the points in time at which the voltage is looked at.
const GRID: Duration = Duration::from_millis(100);

/// What feeds the vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Voltage of the battery without load, in millivolts.
    pub battery: u32,
    /// Voltage of the charger, in millivolts; `None` without one.
    pub charger: Option<u32>,
    /// What the charger delivers at most, in milliamperes; the battery gives the rest.
    pub charger_milliamps: u32,
    /// Internal resistance of battery and wiring, in milliohms.
    pub milliohms: u32,
    /// What the vehicle draws besides its simulated control units, in milliamperes.
    pub base_milliamps: u32,
    /// Voltage of the sources over time, in millivolts: points in order, joined by straight lines,
    /// the last value held. From its first point on it takes the place of battery and charger.
    pub curve: Vec<(Duration, u32)>,
}

impl Default for Supply {
    /// A rested lead battery without a charger.
    fn default() -> Self {
        Self {
            battery: 12_600,
            charger: None,
            charger_milliamps: 60_000,
            milliohms: 12,
            base_milliamps: 5_000,
            curve: Vec::new(),
        }
    }
}

impl Supply {
    /// Returns the voltage at the control units at `at` under `load` milliamperes, in millivolts.
    pub fn millivolts(&self, at: Instant, load: u32) -> u32 {
        let load = u64::from(load) + u64::from(self.base_milliamps);
        if let Some(source) = self.on_curve(at) {
            return self.sag(source, load);
        }
        let Some(charger) = self.charger else { return self.sag(self.battery, load) };
        let beyond = load.saturating_sub(u64::from(self.charger_milliamps));
        if beyond == 0 { charger } else { charger.min(self.sag(self.battery, beyond)) }
    }

    /// Returns the next point of the grid after `at` at which the curve has moved.
    fn next_move(&self, at: Instant) -> Option<Instant> {
        let here = self.on_curve(at);
        let mut low = grid_after(at);
        for (point, _) in &self.curve {
            let after = grid_from(Instant::ZERO + *point);
            // The last point of the grid on this line, then the first one beyond it.
            for end in [grid_until(Instant::ZERO + *point), after] {
                if end <= at {
                    continue;
                }
                if self.on_curve(end) != here {
                    return Some(self.first_move(low.min(end), end, here));
                }
                low = end;
            }
        }
        None
    }

    /// Returns the first point of the grid in `from..=end` whose voltage is not `here`.
    ///
    /// The curve is monotonic there, and its end is known to differ.
    fn first_move(&self, from: Instant, end: Instant, here: Option<u32>) -> Instant {
        let step = GRID.as_nanos() as u64;
        let at = |index: u64| from + Duration::from_nanos(index * step);
        let (mut low, mut high) = (0, (end - from).as_nanos() as u64 / step);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.on_curve(at(middle)) == here { low = middle + 1 } else { high = middle }
        }
        at(low)
    }

    fn on_curve(&self, at: Instant) -> Option<u32> {
        let after = self.curve.partition_point(|(point, _)| Instant::ZERO + *point <= at);
        let (start, first) = *self.curve.get(after.checked_sub(1)?)?;
        let Some((end, last)) = self.curve.get(after) else { return Some(first) };
        let done = (at - (Instant::ZERO + start)).as_nanos() as i128;
        let whole = (*end - start).as_nanos() as i128;
        let rise = i128::from(*last) - i128::from(first);
        u32::try_from(i128::from(first) + rise * done / whole).ok()
    }

    fn sag(&self, source: u32, milliamps: u64) -> u32 {
        let sag = milliamps * u64::from(self.milliohms) / 1_000;
        u32::try_from(u64::from(source).saturating_sub(sag)).unwrap_or(0)
    }
}

/// Watches the supply, and says when the voltage has changed.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    supply: Supply,
    load: u32,
    millivolts: u32,
    look: Option<Instant>,
}

impl Monitor {
    pub(crate) fn new(mut supply: Supply, load: u32) -> Self {
        supply.curve.sort_by_key(|(at, _)| *at);
        let millivolts = supply.millivolts(Instant::ZERO, load);
        let look = supply.next_move(Instant::ZERO);
        Self { supply, load, millivolts, look }
    }

    pub(crate) fn set_load(&mut self, now: Instant, load: u32) {
        if load != self.load {
            self.load = load;
            self.schedule(now);
        }
    }

    /// Changes the sources; whatever curve there was ends.
    pub(crate) fn set_sources(&mut self, now: Instant, battery: u32, charger: Option<u32>) {
        self.supply.battery = battery;
        self.supply.charger = charger;
        self.supply.curve.clear();
        self.schedule(now);
    }

    /// Returns battery and charger, in millivolts.
    pub(crate) fn sources(&self) -> (u32, Option<u32>) {
        (self.supply.battery, self.supply.charger)
    }

    /// Looks at the voltage when that is due, and returns it when it has changed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<u32> {
        if self.look.is_none_or(|look| look > now) {
            return None;
        }
        let millivolts = self.supply.millivolts(now, self.load);
        let changed = millivolts != self.millivolts;
        self.millivolts = millivolts;
        self.schedule(now);
        changed.then_some(millivolts)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.look
    }

    pub(crate) fn millivolts(&self) -> u32 {
        self.millivolts
    }

    fn schedule(&mut self, now: Instant) {
        let soon = grid_after(now);
        let differs = self.supply.millivolts(soon, self.load) != self.millivolts;
        self.look = if differs { Some(soon) } else { self.supply.next_move(now) };
    }
}

/// Returns the first point of the grid at or after `at`.
fn grid_from(at: Instant) -> Instant {
    let step = GRID.as_nanos() as u64;
    Instant::from_nanos(at.as_nanos().div_ceil(step).saturating_mul(step))
}

/// Returns the last point of the grid at or before `at`.
fn grid_until(at: Instant) -> Instant {
    let step = GRID.as_nanos() as u64;
    Instant::from_nanos(at.as_nanos() / step * step)
}

/// Returns the first point of the grid after `at`.
fn grid_after(at: Instant) -> Instant {
    grid_from(at + Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_supply_has_no_deadline() {
        let monitor = Monitor::new(Supply::default(), 10_000);
        assert_eq!(monitor.poll_timeout(), None);
        assert_eq!(monitor.millivolts(), 12_600 - 15_000 * 12 / 1_000);
    }

    #[test]
    fn a_charger_holds_its_voltage_up_to_its_current() {
        let supply = Supply { charger: Some(14_200), ..Supply::default() };
        assert_eq!(supply.millivolts(Instant::ZERO, 55_000), 14_200);
        assert_eq!(supply.millivolts(Instant::ZERO, 65_000), 12_600 - 10_000 * 12 / 1_000);
    }

    #[test]
    fn a_curve_is_looked_at_on_the_grid_only_while_it_slopes() {
        let curve = [(1_000, 14_000), (2_000, 14_000), (2_200, 13_000), (60_000, 13_000)];
        let curve = curve.map(|(at, level)| (Duration::from_millis(at), level)).to_vec();
        let supply = Supply { milliohms: 0, curve, ..Supply::default() };
        assert_eq!(
            walk(Monitor::new(supply, 0)),
            [(1_000, 14_000), (2_100, 13_500), (2_200, 13_000)]
        );
    }

    #[test]
    fn a_slow_slope_is_looked_at_once_per_millivolt() {
        let curve = vec![(Duration::ZERO, 12_600), (Duration::from_secs(1_000), 12_590)];
        let supply = Supply { milliohms: 0, curve, ..Supply::default() };
        let looks = walk(Monitor::new(supply, 0));
        assert_eq!(looks.len(), 10);
        assert_eq!(looks.last(), Some(&(1_000_000, 12_590)));
    }

    #[test]
    fn a_load_is_felt_at_the_next_point_of_the_grid() {
        let mut monitor = Monitor::new(Supply::default(), 0);
        monitor.set_load(Instant::from_millis(1_234), 20_000);
        assert_eq!(monitor.poll_timeout(), Some(Instant::from_millis(1_300)));
        let at = Instant::from_millis(1_300);
        assert_eq!(monitor.handle_timeout(at), Some(12_600 - 25_000 * 12 / 1_000));
        assert_eq!(monitor.poll_timeout(), None);
    }

    #[test]
    fn a_load_that_changes_nothing_costs_no_deadline() {
        let supply = Supply { charger: Some(14_200), ..Supply::default() };
        let mut monitor = Monitor::new(supply, 0);
        monitor.set_load(Instant::from_millis(50), 20_000);
        assert_eq!(monitor.poll_timeout(), None);
    }

    fn walk(mut monitor: Monitor) -> Vec<(u64, u32)> {
        let mut looks = Vec::new();
        while let Some(at) = monitor.poll_timeout() {
            assert!(looks.len() < 10_000, "the monitor never rests");
            let changed = monitor.handle_timeout(at);
            assert!(monitor.poll_timeout().is_none_or(|next| next > at));
            looks.extend(changed.map(|level| (at.as_nanos() / 1_000_000, level)));
        }
        looks
    }

    proptest::proptest! {
        /// Looking only when asked sees the same voltages as looking at every point of the grid.
        #[test]
        fn no_change_on_the_grid_is_missed(
            steps in proptest::collection::vec((1_u64..5_000, 8_000_u32..16_000), 1..6)
        ) {
            let mut at = Duration::ZERO;
            let curve: Vec<_> = steps
                .into_iter()
                .map(|(gap, level)| {
                    at += Duration::from_millis(gap.max(200));
                    (at, level)
                })
                .collect();
            let supply = Supply { milliohms: 0, curve, ..Supply::default() };
            let mut seen = Vec::new();
            let mut last = supply.millivolts(Instant::ZERO, 0);
            for index in 1..=at.as_millis() as u64 / 100 + 1 {
                let level = supply.millivolts(Instant::from_millis(index * 100), 0);
                if std::mem::replace(&mut last, level) != level {
                    seen.push((index * 100, level));
                }
            }
            let walked = walk(Monitor::new(supply, 0));
            proptest::prop_assert_eq!(walked, seen);
        }
    }
}
