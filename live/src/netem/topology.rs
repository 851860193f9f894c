//! Which port leads into which direction, and where that comes out.

use lab::world::Way;

/// The ports an emulator joins.
#[derive(Clone, Debug)]
pub enum Topology<E> {
    /// A bridge under test lies between: each leg has a site's end and the relay's end.
    Bridge {
        /// The technician's end, and the relay's end of that leg.
        technician: [E; 2],
        /// The mechanic's end, and the relay's end of that leg.
        mechanic: [E; 2],
    },
    /// A plain wire over both legs in a row.
    Wire {
        /// The tester's side.
        tester: E,
        /// The side of what is plugged into the car.
        car: E,
    },
}

/// Where a direction comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// At the port with this number.
    End(usize),
    /// At the beginning of another direction.
    Way(Way),
}

/// A topology taken apart.
#[derive(Debug)]
pub struct Plan<E> {
    /// The ports, each with the direction its frames enter.
    pub ends: Vec<(E, Way)>,
    /// Where the directions come out, in the order of [`Way::ALL`].
    pub exits: [Exit; 4],
}

impl<E> Topology<E> {
    /// Numbers the ports.
    pub fn plan(self) -> Plan<E> {
        match self {
            Self::Bridge { technician: [site, relay], mechanic: [workshop, relay_too] } => Plan {
                ends: vec![
                    (site, Way::TechnicianUp),
                    (relay, Way::TechnicianDown),
                    (workshop, Way::MechanicUp),
                    (relay_too, Way::MechanicDown),
                ],
                exits: [Exit::End(1), Exit::End(0), Exit::End(3), Exit::End(2)],
            },
            Self::Wire { tester, car } => Plan {
                ends: vec![(tester, Way::TechnicianUp), (car, Way::MechanicUp)],
                exits: [
                    Exit::Way(Way::MechanicDown),
                    Exit::End(0),
                    Exit::Way(Way::TechnicianDown),
                    Exit::End(1),
                ],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_leads_to_its_other_end_both_ways() {
        let ends = Topology::Bridge { technician: ["t", "rt"], mechanic: ["m", "rm"] };
        let far = [("t", "rt"), ("rt", "t"), ("m", "rm"), ("rm", "m")];
        assert_eq!(far_ends(ends), far);
    }

    #[test]
    fn a_wire_crosses_both_legs() {
        let ends = Topology::Wire { tester: "tester", car: "car" };
        assert_eq!(far_ends(ends), [("tester", "car"), ("car", "tester")]);
    }

    fn far_ends(topology: Topology<&'static str>) -> Vec<(&'static str, &'static str)> {
        let plan = topology.plan();
        let far = |way: Way| {
            let mut exit = plan.exits[way as usize];
            loop {
                match exit {
                    Exit::End(number) => return plan.ends[number].0,
                    Exit::Way(way) => exit = plan.exits[way as usize],
                }
            }
        };
        plan.ends.iter().map(|(name, way)| (*name, far(*way))).collect()
    }
}
