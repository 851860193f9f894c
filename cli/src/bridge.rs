//! `benchcar bridge`: relay, mechanic and technician on this machine.

use bridge::guard::{GuardConfig, GuardMode};
use bridge::{Carry, OrderNumber, RelayConfig};
use live::bridge::{
    BridgeError, Entry, Happening, MechanicOptions, MechanicPort, RelayHappening, Status, Summary,
    TechnicianOptions, run_mechanic, run_relay, run_technician, seed,
};
use node::Instant;
use serde_json::json;

use crate::complain;
use crate::exit::Exit;
use options::{
    BridgeCommand, CarryArg, GuardArg, MechanicArgs, OrderArgs, RelayArgs, TechnicianArgs,
};
use teller::Teller;
use words::Line;

mod adapters;
mod large;
pub mod options;
mod passcode;
mod teller;
mod words;

/// Why a role did not run.
enum Trouble {
    /// What was asked for makes no sense.
    Asked(String),
    /// This machine cannot.
    Machine(BridgeError),
}

impl From<BridgeError> for Trouble {
    fn from(error: BridgeError) -> Self {
        Self::Machine(error)
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Asked(reason)
    }
}

/// Refusals of the present second: whoever knocks often must not fill the log.
#[derive(Default)]
struct Refused {
    count: u64,
}

impl Refused {
    /// How many are told one by one in a second.
    const TOLD: u64 = 5;

    /// Returns whether a line is to be told by itself.
    fn is_told(&mut self, line: &Line) -> bool {
        if line.name != "refused" {
            return true;
        }
        self.count += 1;
        self.count <= Self::TOLD
    }

    /// Returns what there is to tell of the others, and begins a new second.
    fn rest(&mut self) -> Option<Line> {
        let more = std::mem::take(&mut self.count).checked_sub(Self::TOLD + 1)? + 1;
        let text = format!("{more} more refused within a second");
        Some(Line { name: "refused-more", data: json!({ "count": more }), text })
    }
}

/// Runs one role until Ctrl-C.
pub fn bridge(command: &BridgeCommand) -> Exit {
    let outcome = match command {
        BridgeCommand::Relay(args) => relay(args),
        BridgeCommand::Mechanic(args) => mechanic(args),
        BridgeCommand::Technician(args) => technician(args),
        BridgeCommand::Adapters { json } => Ok(adapters::list(*json)),
    };
    match outcome {
        Ok(exit) => exit,
        Err(Trouble::Asked(reason)) => {
            complain(&reason);
            Exit::BadScenario
        }
        Err(Trouble::Machine(error)) => {
            complain(format_args!("{error}\n{}", error.remedy()));
            Exit::Environment
        }
    }
}

fn relay(args: &RelayArgs) -> Result<Exit, Trouble> {
    let mut teller = Teller::open(&args.tell, "relay")?;
    let config = RelayConfig {
        orders: args.orders as usize,
        orders_per_address: args.orders_per_address as usize,
        order_bytes_per_second: args.order_rate,
        control_per_second: args.control_rate,
        ..RelayConfig::default()
    };
    let mut refused = Refused::default();
    let status = run_relay(args.listen, config, |at, happening| {
        if let Some(line) = words::of_relay(&happening).filter(|line| refused.is_told(line)) {
            teller.tell(at, line);
        }
        if let RelayHappening::Second(status) = happening {
            if let Some(line) = refused.rest() {
                teller.tell(at, line);
            }
            let (out, into) = teller.rates(status.wan.sent_bytes, status.wan.received_bytes);
            let counters = status.counters;
            let data = json!({
                "orders": status.orders,
                "bits_per_second_out": out,
                "bits_per_second_in": into,
                "forwarded": counters.forwarded,
                "throttled": counters.throttled,
                "strangers": counters.strangers,
                "malformed": counters.malformed,
            });
            let text = format!(
                "{} orders · {:.1} Mbit/s · {} forwarded · {} throttled · {} malformed",
                status.orders,
                out as f64 / 1e6,
                counters.forwarded,
                counters.throttled,
                counters.malformed
            );
            teller.status(at, data, text);
        }
    })?;
    teller.close();
    let text = format!(
        "ended: {} datagrams forwarded, {} throttled, {} from strangers, {} malformed",
        status.counters.forwarded,
        status.counters.throttled,
        status.counters.strangers,
        status.counters.malformed
    );
    teller.tell(Instant::ZERO, Line { name: "summary", data: json!({}), text });
    Ok(Exit::AsExpected)
}

fn mechanic(args: &MechanicArgs) -> Result<Exit, Trouble> {
    let mut teller = Teller::open(&args.at.tell, "mechanic")?;
    let port = match (&args.port, &args.tap) {
        (Some(name), _) => MechanicPort::Adapter(name.clone()),
        (None, Some(name)) => MechanicPort::Tap(name.clone()),
        (None, None) => MechanicPort::Adapter(adapters::choose()?),
    };
    let entry = match args.order {
        Some(order) => entry(&args.at, order)?,
        None => draw(&args.at, &teller)?,
    };
    let carry = match args.carry {
        CarryArg::Datagram => Carry::Datagram,
        CarryArg::Stream => Carry::Stream,
    };
    let options = MechanicOptions { entry, port, carry };
    let summary =
        run_mechanic(options, |at, status, happening| tell(&mut teller, at, status, &happening))?;
    Ok(over(&mut teller, &summary))
}

fn technician(args: &TechnicianArgs) -> Result<Exit, Trouble> {
    let mut teller = Teller::open(&args.at.tell, "technician")?;
    let mode = match args.guard {
        GuardArg::Off => GuardMode::Off,
        GuardArg::Advise => GuardMode::Advise,
        GuardArg::Enforce => GuardMode::Enforce,
    };
    let options = TechnicianOptions {
        entry: entry(&args.at, args.order)?,
        tap: args.tap.clone(),
        address: args.address,
        guard: GuardConfig { mode, ..GuardConfig::default() },
    };
    let summary =
        run_technician(options, |at, status, happening| tell(&mut teller, at, status, &happening))?;
    Ok(over(&mut teller, &summary))
}

/// Finds the order's passcode, or asks for it.
fn entry(args: &OrderArgs, order: u64) -> Result<Entry, Trouble> {
    let passcode = match passcode::given(args)? {
        Some(passcode) => passcode,
        None => passcode::asked()?,
    };
    Ok(Entry { relay: args.relay.clone(), order: OrderNumber(order), passcode })
}

/// Draws an order and shows it: on a terminal only, because what is not one may be a log.
fn draw(args: &OrderArgs, teller: &Teller) -> Result<Entry, Trouble> {
    if !teller.is_live() {
        let reason = "an order is drawn on a terminal only, so that no passcode gets into a log: \
                      use --order N and --passcode-file FILE";
        return Err(Trouble::Asked(reason.to_owned()));
    }
    let (order, drawn) = passcode::drawn(seed().map_err(BridgeError::from)?);
    let passcode = passcode::given(args)?;
    let order_text = passcode::spoken(&order.to_string());
    teller.print(&format!("\nOrder number\n\n{}\n", large::large(&order_text)));
    if passcode.is_none() {
        let spoken = passcode::spoken(&drawn);
        teller.print(&format!("Passcode   {spoken}\n\n{}\n", large::large(&spoken)));
    }
    let passcode = passcode.unwrap_or(drawn);
    Ok(Entry { relay: args.relay.clone(), order: OrderNumber(order), passcode })
}

fn tell(teller: &mut Teller, at: Instant, status: &Status, happening: &Happening<'_>) {
    if let Some(line) = words::of_session(happening) {
        teller.tell(at, line);
    }
    if let Happening::Second(_) = happening {
        let rates = teller.rates(status.outbound.bytes, status.inbound.bytes);
        let data = words::status_data(status, rates);
        teller.status(at, data, words::status_text(status, rates));
    }
}

/// Tells how a session went; one that gave up has failed.
fn over(teller: &mut Teller, summary: &Summary) -> Exit {
    teller.close();
    let data = json!({
        "lasted_s": summary.lasted.as_secs_f64(),
        "pairings": summary.status.pairings,
        "frames_out": summary.status.outbound.frames,
        "frames_in": summary.status.inbound.frames,
        "dropped": summary.status.dropped,
        "datagrams_out": summary.wan.sent,
        "datagrams_in": summary.wan.received,
        "unsent": summary.wan.unsent,
    });
    let at = Instant::ZERO + summary.lasted;
    teller.tell(at, Line { name: "summary", data, text: words::summary(summary) });
    match summary.ended {
        None => Exit::AsExpected,
        Some(reason) => {
            let (why, remedy) = words::end(reason);
            complain(format_args!("{why}\n{remedy}"));
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_are_counted_and_few_are_told() {
        let line = |name| Line { name, data: json!({}), text: String::new() };
        let mut refused = Refused::default();
        let told = (0..20).filter(|_| refused.is_told(&line("refused"))).count();
        assert_eq!(told, 5);
        assert!(refused.is_told(&line("offered")));
        assert_eq!(refused.rest().unwrap().data["count"], 15);
        assert!(refused.rest().is_none());
    }
}
