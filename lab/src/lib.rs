//! Builds the world a scenario describes, runs it in virtual time, judges it.
//!
//! * [`catalogue`]: what exists, for whoever checks a scenario.
//! * [`bench`]: a scenario made ready, shared by all its runs.
//! * [`mod@run`]: one run from one seed.
//! * [`stage`]: what a run asks of its world, whichever clock drives it.
//! * [`world`]: the parties and the wires between them.
//! * [`watch`]: whoever keeps a record, a capture, a progress bar.
//! * [`transparency`]: what of a wire is left when a bridge takes its place.
//! * [`digest`]: one number for everything that crossed a link.
//!
//! Beneath: `goods` (images and coding the tester carries), `faults` (when they strike), `deeds`
//! (what they do), `observe` (what was seen), `missed` (what never was), `judge` (whether that is as expected).

pub mod bench;
pub mod catalogue;
mod deeds;
pub mod digest;
mod faults;
pub mod goods;
mod judge;
mod missed;
mod observe;
pub mod run;
pub mod stage;
pub mod transparency;
pub mod watch;
pub mod world;

pub use bench::Bench;
pub use catalogue::catalogue;
pub use run::{Label, header, header_on, not_begun, run, run_on};
pub use stage::Stage;
pub use watch::{Nobody, Progress, Watch};
