//! Which frames are lost on the way, whatever the time.

use node::{Ratio, Seed};

use crate::draws::Draws;
use crate::fate::LossReason;
use crate::parameters::{BurstModel, Parameters};

/// Decides which frames are lost by list, in bursts and at random.
#[derive(Clone, Debug)]
pub struct Loss {
    random: Draws,
    burst_state: Draws,
    burst_loss: Draws,
    bad: bool,
}

impl Loss {
    /// Begins with the link in its good state.
    pub fn new(seed: Seed) -> Self {
        Self {
            random: Draws::new(seed, "loss"),
            burst_state: Draws::new(seed, "burst/state"),
            burst_loss: Draws::new(seed, "burst/loss"),
            bad: false,
        }
    }

    /// Decides about frame `index`; must see every frame once, in order.
    pub fn judge(&mut self, index: u64, parameters: &Parameters) -> Option<LossReason> {
        let burst = self.in_burst(index, parameters.burst.as_ref());
        if parameters.drop.binary_search(&index).is_ok() {
            return Some(LossReason::List);
        }
        if burst {
            return Some(LossReason::Burst);
        }
        let random = happens(&mut self.random, index, parameters.loss);
        random.then_some(LossReason::Random)
    }

    /// Every frame moves the state, also one that is lost for another reason.
    fn in_burst(&mut self, index: u64, model: Option<&BurstModel>) -> bool {
        let Some(model) = model else {
            self.bad = false;
            return false;
        };
        let change = if self.bad { model.bad_to_good } else { model.good_to_bad };
        self.bad ^= happens(&mut self.burst_state, index, change);
        let loss = if self.bad { model.loss_in_bad } else { model.loss_in_good };
        happens(&mut self.burst_loss, index, loss)
    }
}

/// Returns whether something of that chance happens to frame `index`; draws only when it might.
pub fn happens(draws: &mut Draws, index: u64, chance: Ratio) -> bool {
    match chance {
        Ratio::ZERO => false,
        Ratio::ONE => true,
        chance => chance.covers(draws.at(index)),
    }
}
