//! Each role of the bridge from start to end: what `benchcar bridge` runs.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::pin;

use bridge::guard::GuardConfig;
use bridge::{Carry, EndpointConfig, Mechanic, OrderNumber, RelayConfig, Role, Secret, Technician};
use node::{Instant, Seed};
use tokio::{runtime, select};

use super::relay::{RelayHappening, RelayService, RelayStatus};
use super::session::{Happening, Session, Summary};
use super::status::Status;
use super::tap_address::TapAddress;
use super::tester_port::{TAP_MTU, TesterPort};
use super::{BridgeError, Lan, Machine, RelayName, hardware_address};
use crate::LiveError;
use crate::interrupt::interrupted;
use crate::port::{Port, fit_beside};

/// Which order an endpoint enters, and by which relay.
#[derive(Clone)]
pub struct Entry {
    /// The relay.
    pub relay: RelayName,
    /// The order.
    pub order: OrderNumber,
    /// What both sides of the order know.
    pub passcode: String,
}

/// What a technician's side is told.
#[derive(Clone)]
pub struct TechnicianOptions {
    /// The order.
    pub entry: Entry,
    /// Name of the TAP device that is made.
    pub tap: String,
    /// The address it gets.
    pub address: TapAddress,
    /// What is measured against which limits.
    pub guard: GuardConfig,
}

/// The Ethernet port on the mechanic's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MechanicPort {
    /// An adapter of this machine, used by the bridge alone.
    Adapter(String),
    /// A TAP device that is made, for a bridge or a program of this machine.
    Tap(String),
}

/// What a mechanic's side is told.
#[derive(Clone)]
pub struct MechanicOptions {
    /// The order.
    pub entry: Entry,
    /// Where the vehicle is.
    pub port: MechanicPort,
    /// Whether an adapter is taken by which this machine speaks to the relay.
    pub force: bool,
    /// How frames ride.
    pub carry: Carry,
}

/// Runs the technician's side until the process is interrupted or the endpoint gives up.
pub fn run_technician(
    options: TechnicianOptions,
    observe: impl FnMut(Instant, &Status, Happening<'_>),
) -> Result<Summary, BridgeError> {
    run(async {
        let mut stop = pin!(interrupted()?);
        let secret = secret()?;
        let mut port = TesterPort::make(&options.tap, options.entry.order)?;
        let Some(entered) = unless(stop.as_mut(), enter(&options.entry)).await else {
            return Ok(Summary::default());
        };
        let (relay, mut config) = entered?;
        config.guard = options.guard;
        let mut chance = Seed(secret.source("bridge/tap").number()).stream("bridge/tap/address");
        if let Some(address) = options.address.draw(&mut chance) {
            port.give(address, config.suggested_mtu()).await?;
        }
        let machine = Technician::new(config, &secret);
        carry(machine, port, options.entry.relay, relay, stop, observe).await
    })
}

/// Runs the mechanic's side until the process is interrupted or the endpoint gives up.
pub fn run_mechanic(
    options: MechanicOptions,
    observe: impl FnMut(Instant, &Status, Happening<'_>),
) -> Result<Summary, BridgeError> {
    run(async {
        let mut stop = pin!(interrupted()?);
        let secret = secret()?;
        let port = match &options.port {
            MechanicPort::Adapter(name) => Port::raw(name)?,
            MechanicPort::Tap(name) => {
                let mac = hardware_address::of(options.entry.order, Role::Mechanic);
                Port::tap_with(name, TAP_MTU, mac)?
            }
        };
        let Some(entered) = unless(stop.as_mut(), enter(&options.entry)).await else {
            return Ok(Summary::default());
        };
        let (relay, mut config) = entered?;
        if let (MechanicPort::Adapter(name), false) = (&options.port, options.force) {
            fit_beside(name, relay)?;
        }
        config.carry = options.carry;
        let machine = Mechanic::new(config, &secret);
        carry(machine, port, options.entry.relay, relay, stop, observe).await
    })
}

/// Runs a relay until the process is interrupted.
pub fn run_relay(
    listen: SocketAddrV4,
    config: RelayConfig,
    observe: impl FnMut(Instant, RelayHappening<'_>),
) -> Result<RelayStatus, BridgeError> {
    run(async {
        let stop = interrupted()?;
        Ok(RelayService::start(listen, config, &secret()?)?.run(stop, observe).await)
    })
}

/// Draws from the system what everything secret of one process comes from.
pub fn secret() -> Result<Secret, LiveError> {
    let refused = |source| LiveError::System { what: "random number", source };
    drawn_from(File::open("/dev/urandom").map_err(refused)?).map_err(refused)
}

/// Takes all the bytes a secret has, none made out of others.
fn drawn_from(mut source: impl Read) -> io::Result<Secret> {
    let mut bytes = [0; 32];
    source.read_exact(&mut bytes)?;
    Ok(Secret::from(bytes))
}

fn run<T>(work: impl Future<Output = Result<T, BridgeError>>) -> Result<T, BridgeError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LiveError::System { what: "poller", source })?;
    let outcome = runtime.block_on(work);
    // The system may go on asking name servers for a while; nobody waits for that.
    runtime.shutdown_background();
    outcome
}

/// Does some work, unless it is stopped before that is done.
async fn unless<T>(stop: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    select! {
        biased;
        () = stop => None,
        done = work => Some(done),
    }
}

async fn enter(entry: &Entry) -> Result<(SocketAddrV4, EndpointConfig), BridgeError> {
    let found = entry.relay.resolve().await;
    let unknown = |source| BridgeError::RelayUnknown { name: entry.relay.clone(), source };
    let relay = *found.map_err(unknown)?.first().expect("a name that resolves has an address");
    Ok((relay, EndpointConfig::new(relay, entry.order, &entry.passcode)))
}

async fn carry<M: Machine>(
    machine: M,
    port: impl Lan,
    name: RelayName,
    relay: SocketAddrV4,
    stop: impl Future<Output = ()>,
    observe: impl FnMut(Instant, &Status, Happening<'_>),
) -> Result<Summary, BridgeError> {
    Ok(Session::start(machine, port, name, relay)?.run(stop, observe).await)
}

/// Where a relay listens when nothing else is said.
pub fn default_listen() -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, bridge::config::RELAY_PORT)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// A name server that does not answer keeps a thread of the system's busy.
    #[test]
    fn whoever_is_stopped_does_not_wait_for_a_name_server() {
        const LIMIT: Duration = Duration::from_secs(5);
        let (answer, question) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            let outcome = run(async {
                let (asked, is_asked) = tokio::sync::oneshot::channel();
                let lookup = tokio::task::spawn_blocking(move || {
                    asked.send(()).expect("it is waited for");
                    question.recv()
                });
                let stop = async { is_asked.await.expect("it is asked") };
                Ok(unless(stop, lookup).await.is_none())
            });
            ended.send(outcome.expect("the poller is there")).expect("it is waited for");
        });
        assert_eq!(end.recv_timeout(LIMIT), Ok(true));
        drop(answer);
    }

    #[test]
    fn a_secret_is_all_of_what_the_system_gave() {
        let bytes: [u8; 32] = std::array::from_fn(|index| index as u8);
        let number = |secret: &Secret| secret.source("test").number();
        let drawn = drawn_from(&bytes[..]).unwrap();
        assert_eq!(number(&drawn), number(&Secret::from(bytes)));
        assert!(drawn_from(&bytes[..31]).is_err(), "a secret was made of less");
        assert_ne!(number(&secret().unwrap()), number(&secret().unwrap()));
    }
}
