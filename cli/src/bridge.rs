//! `benchcar bridge`: relay, mechanic and technician on this machine.

use bridge::guard::{GuardConfig, GuardMode};
use bridge::{Carry, OrderNumber, RelayConfig};
use live::bridge::{
    BridgeError, Entry, Happening, MechanicOptions, MechanicPort, RelayHappening, Status, Summary,
    TechnicianOptions, run_mechanic, run_relay, run_technician, secret,
};
use live::port::{Adapter, fit};
use node::Instant;
use serde_json::json;

use crate::complain;
use crate::exit::Exit;
use options::{
    BridgeCommand, CarryArg, GuardArg, MechanicArgs, OrderArgs, RelayArgs, TechnicianArgs,
};
use teller::Teller;
use throng::Throng;
use words::Line;

mod adapters;
mod large;
pub mod options;
mod passcode;
mod teller;
mod throng;
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
    let mut throng = Throng::default();
    let ran = run_relay(args.listen, config, |at, happening| {
        if let Some(line) = words::of_relay(&happening).filter(|line| throng.is_told(line)) {
            teller.tell(at, line);
        }
        if let RelayHappening::Second(status) = happening {
            if let Some(line) = throng.rest() {
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
    });
    let status = ran.inspect_err(|error| failed_now(&mut teller, error))?;
    if let Some(line) = throng.rest() {
        teller.tell(teller.last(), line);
    }
    teller.close();
    let text = format!(
        "ended: {} datagrams forwarded, {} throttled, {} from strangers, {} malformed",
        status.counters.forwarded,
        status.counters.throttled,
        status.counters.strangers,
        status.counters.malformed
    );
    teller.tell(teller.last(), Line { name: "summary", data: json!({}), text });
    Ok(Exit::AsExpected)
}

fn mechanic(args: &MechanicArgs) -> Result<Exit, Trouble> {
    let mut teller = Teller::open(&args.at.tell, "mechanic")?;
    let port = match (&args.port, &args.tap) {
        (Some(name), _) => MechanicPort::Adapter(name.clone()),
        (None, Some(name)) => MechanicPort::Tap(name.clone()),
        (None, None) => MechanicPort::Adapter(adapters::choose()?),
    };
    if let MechanicPort::Adapter(name) = &port {
        let found = fit(name, args.force).map_err(BridgeError::from);
        let adapter = found.inspect_err(|error| failed_now(&mut teller, error))?;
        caution(&mut teller, &adapter);
    }
    let entry = match args.order {
        Some(order) => entry(&args.at, order)?,
        None => draw(&args.at, &teller)?,
    };
    let carry = match args.carry {
        CarryArg::Datagram => Carry::Datagram,
        CarryArg::Stream => Carry::Stream,
    };
    let options = MechanicOptions { entry, port, force: args.force, carry };
    let ran =
        run_mechanic(options, |at, status, happening| tell(&mut teller, at, status, &happening));
    let summary = ran.inspect_err(|error| failed_now(&mut teller, error))?;
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
    let ran =
        run_technician(options, |at, status, happening| tell(&mut teller, at, status, &happening));
    let summary = ran.inspect_err(|error| failed_now(&mut teller, error))?;
    Ok(over(&mut teller, &summary))
}

/// Tells what speaks against an adapter that is taken all the same.
fn caution(teller: &mut Teller, adapter: &Adapter) {
    if let Some(caution) = adapter.caution() {
        let data = json!({ "adapter": adapter.name, "caution": caution });
        let text = format!("caution: {} is given to the car, and {caution}", adapter.name);
        teller.tell(Instant::ZERO, Line { name: "caution", data, text });
    }
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
    let (order, drawn) = passcode::drawn(&secret().map_err(BridgeError::from)?);
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

/// Notes why a role ends that this machine cannot run any more.
fn failed(teller: &mut Teller, at: Instant, error: &BridgeError) {
    teller.close();
    let data = json!({ "reason": error.to_string(), "remedy": error.remedy() });
    teller.tell(at, Line { name: "ended", data, text: error.to_string() });
}

/// Notes the same of a role that did not come to its end, as of now.
fn failed_now(teller: &mut Teller, error: &BridgeError) {
    failed(teller, teller.last(), error);
}

/// Tells how a session went; one that gave up has failed.
fn over(teller: &mut Teller, summary: &Summary) -> Exit {
    teller.close();
    if let Some(error) = &summary.failed {
        failed(teller, Instant::ZERO + summary.lasted, error);
    }
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
    match (&summary.failed, summary.ended) {
        (None, None) => Exit::AsExpected,
        (None, Some(reason)) => {
            let (why, remedy) = words::end(reason);
            complain(format_args!("{why}\n{remedy}"));
            Exit::Failed
        }
        (Some(error), _) => {
            complain(format_args!("{error}\n{}", error.remedy()));
            Exit::Environment
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use live::LiveError;
    use live::port::Kind;
    use serde_json::Value;

    use super::options::TellArgs;
    use super::*;

    #[test]
    fn a_session_whose_adapter_goes_is_told_with_reason_and_summary() {
        let log = std::env::temp_dir().join(format!("benchcar-gone-{}.log", std::process::id()));
        let args = TellArgs { log: Some(log.clone()), json: true };
        let mut teller = Teller::open(&args, "mechanic").unwrap();
        let source = std::io::ErrorKind::NotFound.into();
        let failed = Some(BridgeError::LanGone { source });
        let lasted = node::Duration::from_secs(3);
        let exit = over(&mut teller, &Summary { failed, lasted, ..Summary::default() });
        assert_eq!(exit, Exit::Environment);
        let told = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let told: Vec<Value> =
            told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [_, ended, summary] = &told[..] else { panic!("{told:?}") };
        assert_eq!((&ended["event"], &summary["event"]), (&json!("ended"), &json!("summary")));
        assert!(ended["reason"].as_str().unwrap().contains("gone"), "{ended}");
        assert_eq!(summary["lasted_s"], 3.0);
    }

    #[test]
    fn a_caution_is_told_at_the_start() {
        let log = std::env::temp_dir().join(format!("benchcar-caution-{}.log", std::process::id()));
        let args = TellArgs { log: Some(log.clone()), json: true };
        let mut teller = Teller::open(&args, "mechanic").unwrap();
        let adapter = Adapter {
            name: "eth1".into(),
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
            carrier: true,
            kind: Kind::Ethernet,
            driver: None,
            addresses: vec!["169.254.3.4/16".into()],
            has_default_route: false,
        };
        caution(&mut teller, &adapter);
        let told = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["adapter"]), (&json!("caution"), &json!("eth1")));
    }

    #[test]
    fn what_keeps_a_role_from_starting_is_told_when_it_was() {
        let log = std::env::temp_dir().join(format!("benchcar-none-{}.log", std::process::id()));
        let args = TellArgs { log: Some(log.clone()), json: true };
        let mut teller = Teller::open(&args, "relay").unwrap();
        teller.status(Instant::from_secs(7), json!({}), String::new());
        let error = LiveError::NeedsLinux { what: "a test" }.into();
        failed_now(&mut teller, &error);
        let told = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let ended: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!((&ended["event"], &ended["at"]), (&json!("ended"), &json!(7.0)));
    }
}
