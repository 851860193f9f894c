//! A wire: frames and carrier pass as they are, so each end sees the other's link drop.

use std::collections::VecDeque;

use node::{Instant, Node, PortInput, PortOutput};

use crate::vci::Side;

/// An ENET cable.
#[derive(Clone, Debug, Default)]
pub struct EnetCable {
    output: VecDeque<(Side, PortOutput)>,
}

impl Node for EnetCable {
    type In = (Side, PortInput);
    type Out = (Side, PortOutput);

    fn handle_input(&mut self, _: Instant, (side, input): Self::In) {
        let output = match input {
            PortInput::Frame(frame) => PortOutput::Frame(frame),
            PortInput::Link(up) => PortOutput::Link(up),
        };
        self.output.push_back((side.other(), output));
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<Self::Out> {
        self.output.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::to_the_car(Side::Workshop, Side::Car)]
    #[case::to_the_workshop(Side::Car, Side::Workshop)]
    fn frames_and_carrier_pass_in_order(#[case] from: Side, #[case] to: Side) {
        let frame = node::Frame::from_static(b"any bytes");
        let mut cable = EnetCable::default();
        cable.handle_input(Instant::ZERO, (from, PortInput::Link(true)));
        cable.handle_input(Instant::ZERO, (from, PortInput::Frame(frame.clone())));
        cable.handle_input(Instant::ZERO, (from, PortInput::Link(false)));
        let passed: Vec<_> = std::iter::from_fn(|| cable.poll_output()).collect();
        let expected = [PortOutput::Link(true), PortOutput::Frame(frame), PortOutput::Link(false)];
        assert_eq!(passed, expected.map(|output| (to, output)));
        assert_eq!(cable.poll_timeout(), None);
    }
}
