//! What endpoints and relays tell, in words and as data.

use std::time::Duration;

use bridge::{Assessment, BridgeEvent, EndReason, Light, Refusal, RelayEvent, Role};
use live::bridge::{Happening, RelayHappening, Status, Summary, Unanswered};
use serde_json::{Value, json};

/// One line to tell: a name, data, and words for people.
pub struct Line {
    /// The event's name, as programs know it.
    pub name: &'static str,
    /// Its data.
    pub data: Value,
    /// The same in words.
    pub text: String,
}

/// Returns what is to be told of a session; nothing of what only counts.
pub fn of_session(happening: &Happening<'_>) -> Option<Line> {
    let line = |name, data, text| Some(Line { name, data, text });
    match happening {
        Happening::Ready { relay, port } => {
            let data = json!({ "relay": relay.to_string(), "port": port });
            line("ready", data, format!("ready: relay {relay}, from UDP port {port}"))
        }
        Happening::Event(event) => of_endpoint(event),
        Happening::OwnAddress(address) => {
            let data = json!({ "address": address.to_string() });
            line("own-address", data, format!("this machine speaks from {address} now"))
        }
        Happening::RelayAddress(address) => {
            let data = json!({ "relay": address.to_string() });
            line("relay-address", data, format!("the relay is at {address} now"))
        }
        Happening::Unanswered(Unanswered::Relay) => {
            let text = "the relay does not answer: check its address, its port and its firewall";
            line("relay-silent", json!({}), text.to_owned())
        }
        Happening::Unanswered(Unanswered::Peer) => {
            line("peer-silent", json!({}), "the other side does not answer yet".to_owned())
        }
        Happening::Second(_) => None,
    }
}

fn of_endpoint(event: &BridgeEvent) -> Option<Line> {
    let line = |name, data, text: String| Some(Line { name, data, text });
    match event {
        BridgeEvent::Waiting => {
            line("waiting", json!({}), "in the order, waiting for the other side".to_owned())
        }
        BridgeEvent::Paired { resumed } => {
            let text = if *resumed { "joined again, nothing was reset" } else { "joined" };
            line("paired", json!({ "resumed": resumed }), text.to_owned())
        }
        BridgeEvent::Refused { reason, retry_in } => {
            let ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
            let data = json!({ "reason": refusal(*reason), "retry_in_ms": ms });
            let text = format!("refused: {}; again in {}", refusal(*reason), time(*retry_in));
            line("refused", data, text)
        }
        BridgeEvent::RelayForgot => line(
            "relay-forgot",
            json!({}),
            "the relay has been restarted; registering again".to_owned(),
        ),
        BridgeEvent::PeerLost { silent_for } => {
            let data = json!({ "silent_for_s": silent_for.as_secs_f64() });
            let text = format!("the other side has been silent for {}", time(*silent_for));
            line("peer-lost", data, text)
        }
        BridgeEvent::WrongPasscode => {
            line("wrong-passcode", json!({}), "somebody tried a wrong passcode".to_owned())
        }
        BridgeEvent::CalledInVain { callers } => {
            let text = format!(
                "{callers} callers in a row began and did not prove that they know the passcode: \
                 the technician may have to wait; a new order number is out of their reach"
            );
            line("called-in-vain", json!({ "callers": callers }), text)
        }
        BridgeEvent::PeerLeft => line("peer-left", json!({}), "the other side left".to_owned()),
        BridgeEvent::PeerReplaced => {
            line("peer-replaced", json!({}), "the other side was started anew".to_owned())
        }
        BridgeEvent::Link { up } => {
            let text = format!("the vehicle's link is {}", up_down(*up));
            line("link", json!({ "up": up }), text)
        }
        BridgeEvent::Room { mtu } => {
            let text = format!("packets of up to {mtu} bytes travel in one datagram");
            line("room", json!({ "mtu": mtu }), text)
        }
        BridgeEvent::Guard(assessment) => {
            let data = json!({
                "light": light(assessment.light),
                "reasons": reasons(assessment),
                "rtt_ms": ms(assessment.rtt),
                "jitter_ms": ms(assessment.jitter),
            });
            line("guard", data, guard(assessment))
        }
        BridgeEvent::Programming { target, refused } => {
            let data = json!({ "target": target, "refused": refused });
            let what = if *refused { "refused by the guard" } else { "begins" };
            line("programming", data, format!("programming of control unit {target:#04x} {what}"))
        }
        BridgeEvent::Ended(reason) => {
            line("ended", json!({ "reason": end(*reason).0 }), end(*reason).0.to_owned())
        }
        // Counted, and shown with the status.
        BridgeEvent::Sample(_) | BridgeEvent::Dropped { .. } => None,
    }
}

/// Returns what is to be told of a relay.
pub fn of_relay(happening: &RelayHappening<'_>) -> Option<Line> {
    let line = |name, data, text| Some(Line { name, data, text });
    let side = |role: Role| match role {
        Role::Technician => "technician",
        Role::Mechanic => "mechanic",
    };
    match happening {
        RelayHappening::Ready { port } => {
            line("ready", json!({ "port": port }), format!("ready: UDP port {port}"))
        }
        RelayHappening::Event(event) => match event {
            RelayEvent::Offered(order) => {
                line("offered", json!({ "order": order.0 }), format!("{order} offered"))
            }
            RelayEvent::Paired(order) => {
                line("paired", json!({ "order": order.0 }), format!("{order} joined"))
            }
            RelayEvent::Refused(order, reason) => {
                let data = json!({ "order": order.0, "reason": refusal(*reason) });
                line("refused", data, format!("{order} refused: {}", refusal(*reason)))
            }
            RelayEvent::SideLost(order, role) => {
                let data = json!({ "order": order.0, "side": side(*role) });
                line("side-lost", data, format!("{order}: the {} fell silent", side(*role)))
            }
            RelayEvent::SideLeft(order, role) => {
                let data = json!({ "order": order.0, "side": side(*role) });
                line("side-left", data, format!("{order}: the {} left", side(*role)))
            }
            RelayEvent::Closed(order) => {
                line("closed", json!({ "order": order.0 }), format!("{order} closed"))
            }
        },
        RelayHappening::Second(_) => None,
    }
}

/// Returns how a session stands, as data; rates are in bit/s.
pub fn status_data(status: &Status, rates: (u64, u64)) -> Value {
    let (outbound, inbound) = (status.outbound_flow(), status.inbound_flow());
    json!({
        "state": status.phase.as_str(),
        "link": status.link,
        "rtt_ms": status.rtt().map(ms),
        "jitter_ms": status.jitter().map(ms),
        "loss_out": ratio(outbound.lost, outbound.sent),
        "loss_in": ratio(inbound.lost, inbound.sent),
        "bits_per_second_out": rates.0,
        "bits_per_second_in": rates.1,
        "frames_out": status.outbound.frames,
        "frames_in": status.inbound.frames,
        "mtu": status.mtu,
        "dropped": status.dropped,
        "guard": status.guard.map(|assessment| light(assessment.light)),
        "guard_reasons": status.guard.map(|assessment| reasons(&assessment)),
    })
}

/// Returns how a session stands, in one line for people.
pub fn status_text(status: &Status, rates: (u64, u64)) -> String {
    let mut parts = vec![status.phase.as_str().to_owned()];
    if let Some(up) = status.link {
        parts.push(format!("link {}", up_down(up)));
    }
    if let (Some(rtt), Some(jitter)) = (status.rtt(), status.jitter()) {
        parts.push(format!("RTT {:.1} ms ±{:.1}", ms(rtt), ms(jitter)));
        let (outbound, inbound) = (status.outbound_flow(), status.inbound_flow());
        let percent = |lost, sent| 100.0 * ratio(lost, sent);
        parts.push(format!(
            "loss {:.1} % out {:.1} % in",
            percent(outbound.lost, outbound.sent),
            percent(inbound.lost, inbound.sent)
        ));
    }
    parts.push(format!("{} out {} in", rate(rates.0), rate(rates.1)));
    if let Some(assessment) = status.guard {
        parts.push(guard(&assessment));
    }
    parts.join(" · ")
}

/// Returns how a session went, for people.
pub fn summary(summary: &Summary) -> String {
    let Summary { lasted, status, wan, .. } = summary;
    format!(
        "ended after {}: joined {} time{}; {} frames out, {} in, {} not carried; {} datagrams out, \
         {} in",
        time(*lasted),
        status.pairings,
        if status.pairings == 1 { "" } else { "s" },
        status.outbound.frames,
        status.inbound.frames,
        status.dropped,
        wan.sent,
        wan.received,
    )
}

/// Says why an endpoint gave up, and what to do about it.
pub fn end(reason: EndReason) -> (&'static str, &'static str) {
    match reason {
        EndReason::Expired => (
            "the relay closed the order because the other side did not come",
            "Agree on a time with the other side and open the order again.",
        ),
        EndReason::Replaced => (
            "another program has taken this side's place in the order",
            "If that was not you, open a new order: someone else knows the passcode.",
        ),
        EndReason::WrongPasscode => (
            "the passcode is wrong",
            "Ask the other side to read order number and passcode out again.",
        ),
        EndReason::Left => ("the order was left", "Start the same command to enter it again."),
    }
}

fn refusal(reason: Refusal) -> &'static str {
    match reason {
        Refusal::WrongPasscode => "the passcode is wrong",
        Refusal::TryLater => "a passcode was wrong just now, the order is closed for a while",
        Refusal::NoSuchOrder => "no mechanic has opened this order",
        Refusal::Full => "the relay has no room",
        Refusal::Expired => "the other side did not come in time",
        Refusal::Replaced => "another program has taken this side's place",
        Refusal::Taken => "another mechanic holds this order",
    }
}

fn guard(assessment: &Assessment) -> String {
    let reasons = reasons(assessment);
    let light = light(assessment.light);
    if reasons.is_empty() {
        return format!("guard {light}");
    }
    format!("guard {light}: {}", reasons.join(", "))
}

fn light(light: Light) -> &'static str {
    match light {
        Light::Green => "green",
        Light::Yellow => "yellow",
        Light::Red => "red",
    }
}

fn reasons(assessment: &Assessment) -> Vec<&'static str> {
    let reasons = assessment.reasons;
    let all = [
        (reasons.unmeasured, "nothing measured yet"),
        (reasons.rtt, "round trip too long"),
        (reasons.jitter, "round trip too unsteady"),
        (reasons.loss_outbound, "loss on the way out"),
        (reasons.loss_inbound, "loss on the way in"),
        (reasons.too_few, "too few packets measured to say that none is lost"),
    ];
    all.into_iter().filter_map(|(holds, text)| holds.then_some(text)).collect()
}

fn up_down(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn rate(bits: u64) -> String {
    match bits {
        0..=999_999 => format!("{:.1} kbit/s", bits as f64 / 1e3),
        1_000_000.. => format!("{:.1} Mbit/s", bits as f64 / 1e6),
    }
}

fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=59 => format!("{:.1} s", time.as_secs_f64()),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use bridge::OrderNumber;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::waiting(BridgeEvent::Waiting, Some("waiting"))]
    #[case::paired(BridgeEvent::Paired { resumed: true }, Some("paired"))]
    #[case::link(BridgeEvent::Link { up: false }, Some("link"))]
    #[case::room(BridgeEvent::Room { mtu: 1422 }, Some("room"))]
    #[case::ended(BridgeEvent::Ended(EndReason::WrongPasscode), Some("ended"))]
    #[case::dropped(
        BridgeEvent::Dropped { reason: bridge::DropReason::NoCarrier, bytes: 60 },
        None
    )]
    fn changes_are_told_and_counts_are_not(
        #[case] event: BridgeEvent,
        #[case] expected: Option<&str>,
    ) {
        let line = of_session(&Happening::Event(&event));
        assert_eq!(line.map(|line| line.name), expected);
    }

    #[test]
    fn the_line_that_says_ready_begins_with_it() {
        let ready = of_relay(&RelayHappening::Ready { port: 7 }).unwrap();
        assert_eq!(ready.text, "ready: UDP port 7");
        let relay = "192.0.2.1:7".parse().unwrap();
        let ready = of_session(&Happening::Ready { relay, port: 9 }).unwrap();
        assert!(ready.text.starts_with("ready: "), "{}", ready.text);
    }

    #[rstest]
    #[case::relay(Unanswered::Relay, "relay-silent", "firewall")]
    #[case::peer(Unanswered::Peer, "peer-silent", "other side")]
    fn who_does_not_answer_is_told(
        #[case] who: Unanswered,
        #[case] name: &str,
        #[case] word: &str,
    ) {
        let line = of_session(&Happening::Unanswered(who)).unwrap();
        assert_eq!(line.name, name);
        assert!(line.text.contains(word), "{}", line.text);
    }

    #[test]
    fn an_order_is_told_by_its_number() {
        let event = RelayEvent::Refused(OrderNumber(7), Refusal::WrongPasscode);
        let line = of_relay(&RelayHappening::Event(&event)).unwrap();
        assert_eq!(line.data["order"], 7);
        assert_eq!(line.text, "order 7 refused: the passcode is wrong");
    }

    #[rstest]
    #[case(Duration::from_millis(40), "40 ms")]
    #[case(Duration::from_millis(2500), "2.5 s")]
    #[case(Duration::from_secs(3725), "1 h 2 min")]
    fn times_are_short(#[case] of: Duration, #[case] expected: &str) {
        assert_eq!(time(of), expected);
    }
}
