//! A vehicle on a port, until somebody ends it.

use std::future::{Future, poll_fn};
use std::pin::pin;

use tokio::{runtime, select};

use super::{AttachOptions, Attached, NotedCar, plugged};
use crate::interrupt::interrupted;
use crate::port::{Carrier, Port, fit};
use crate::{Clock, Happening, LiveError, Totals};

/// Puts a vehicle on a network port until the process is interrupted or asked to end; blocks until
/// then.
///
/// The port belongs to the calling thread's network namespace and is left as it was found.
pub fn attach_vehicle(
    options: AttachOptions,
    on_event: impl FnMut(Happening),
) -> Result<Totals, LiveError> {
    let adapter = fit(&options.interface, options.force)?;
    let port = Port::raw(&adapter.name)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LiveError::System { what: "poller", source })?;
    runtime.block_on(async { serve_until(&options, port, interrupted()?, on_event).await })
}

/// Serves the vehicle until `stop` completes or the port is gone, then ends its connections.
pub async fn serve_until(
    options: &AttachOptions,
    port: Port,
    stop: impl Future<Output = ()>,
    mut on_event: impl FnMut(Happening),
) -> Result<Totals, LiveError> {
    let car = plugged(options, port.mtu());
    let mut attached = Attached::new(car, port, Clock::start())?;
    on_event(Happening::Attached {
        interface: options.interface.clone(),
        mac: options.vehicle.mac,
        switches_carrier: attached.carrier() == Carrier::Switched,
    });
    let mut stop = pin!(stop);
    let outcome = loop {
        let told = select! {
            biased;
            () = &mut stop => break Ok(()),
            told = poll_fn(|cx| attached.poll(cx)) => told,
        };
        tell(&mut attached, &mut on_event);
        if let Err(error) = told {
            break Err(error);
        }
    };
    if outcome.is_ok() {
        attached.with(|now, car| car.finish(now))?;
        tell(&mut attached, &mut on_event);
    }
    outcome.map(|()| attached.machine().vehicle.app().totals())
}

fn tell(attached: &mut Attached<NotedCar>, on_event: &mut impl FnMut(Happening)) {
    let at = attached.now();
    let car = attached.machine_mut();
    for note in car.take_notes() {
        on_event(Happening::AtPort { at, note });
    }
    while let Some(event) = car.poll_event() {
        on_event(Happening::InVehicle { at, event });
    }
    while let Some(event) = car.poll_vci_event() {
        on_event(Happening::AtPlug { at, event });
    }
}
