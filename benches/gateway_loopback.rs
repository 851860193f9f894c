//! How fast the simulated vehicle answers on loopback, beside a bare tokio echo.
//!
//! Round trips of `22 F1 90` per second over HSFZ, on one and on eight connections. The echo answers
//! each request with as many bytes as the vehicle does; client code, sizes and run are the same, and
//! the rounds of both alternate. Prints the medians and their ratio; exits with 1 when a ratio is
//! below 0.6.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant as WallInstant};

use live::{Driver, LiveError, Place};
use node::Seed;
use sim_ecus::EcuProfile;
use sim_gateway::{Gateway, Setup, VehicleProfile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HSFZ_PORT: u16 = 6801;
const REQUEST: &[u8; 11] = b"\0\0\0\x05\0\x01\xF4\x10\x22\xF1\x90";
/// Acknowledge and answer: 11 bytes and 28 bytes.
const ANSWER: usize = 39;
const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 9;
const TARGET: f64 = 0.6;

fn main() -> ExitCode {
    let echo = start_echo();
    let vehicle = start_vehicle();
    check_answer(vehicle);
    let mut missed = false;
    for connections in [1, 8] {
        let mut figures: Vec<(f64, f64)> = Vec::new();
        for round in 0..=ROUNDS {
            let pair = (measure(echo, connections), measure(vehicle, connections));
            // The first round warms up.
            if round > 0 {
                figures.push(pair);
            }
        }
        let echo = median(figures.iter().map(|(echo, _)| *echo));
        let vehicle = median(figures.iter().map(|(_, vehicle)| *vehicle));
        let ratio = median(figures.iter().map(|(echo, vehicle)| vehicle / echo));
        missed |= ratio < TARGET;
        println!(
            "{connections} connection(s): vehicle {vehicle:>7.0} round trips/s  \
             echo {echo:>7.0}  ratio {ratio:.2}"
        );
    }
    if missed {
        println!("below the target of {TARGET}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn start_vehicle() -> SocketAddr {
    serve(|| {
        let mut offset = 20_000;
        loop {
            let place = Place::new(Ipv4Addr::LOCALHOST, offset);
            match Driver::start(place, vehicle()) {
                Ok(mut driver) => {
                    let address = (Ipv4Addr::LOCALHOST, HSFZ_PORT + offset).into();
                    let run = async move {
                        let never = std::future::pending();
                        driver.run(never, |_, _, _| {}).await.expect("the sockets stay");
                    };
                    return (address, run);
                }
                Err(LiveError::PortTaken { .. }) => offset += 10,
                Err(error) => panic!("{error}"),
            }
        }
    })
}

/// Returns a vehicle whose gateway unit answers at once: what is measured is not its latency.
fn vehicle() -> Gateway {
    let mut zgw = EcuProfile::named("zgw").expect("a shipped profile");
    zgw.timing.latency.low = Duration::ZERO;
    zgw.timing.latency.high = Duration::ZERO;
    let mut profile = VehicleProfile::named("g05").expect("a shipped vehicle");
    profile.dialect.contention = sim_gateway::dialect::Contention::Share;
    profile.dialect.connections = 16;
    let setup = Setup { profiles: [("zgw".to_owned(), zgw)].into(), ..Setup::default() };
    Gateway::new(&profile, setup, Seed(1))
}

fn start_echo() -> SocketAddr {
    serve(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("a bound socket");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let run = async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream));
            }
        };
        (address, run)
    })
}

/// Answers every request with as many bytes as the vehicle does.
async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0; REQUEST.len()];
    let answer = [0; ANSWER];
    loop {
        stream.read_exact(&mut request).await?;
        stream.write_all(&answer).await?;
    }
}

/// Runs a server in a thread and a current-thread runtime of its own.
fn serve<F>(start: impl FnOnce() -> (SocketAddr, F) + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()>,
{
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let (address, run) = start();
            tell.send(address).expect("main waits");
            run.await;
        });
    });
    told.recv().expect("the server starts")
}

/// Checks that the vehicle's answer is what the echo's is as long as.
fn check_answer(vehicle: SocketAddr) {
    let answer = runtime().block_on(async {
        let mut stream = TcpStream::connect(vehicle).await.expect("the vehicle listens");
        stream.write_all(REQUEST).await.expect("a connection");
        let mut answer = [0; ANSWER];
        stream.read_exact(&mut answer).await.expect("an answer");
        answer
    });
    let (acknowledge, answer) = answer.split_at(REQUEST.len());
    assert_eq!(acknowledge, b"\0\0\0\x05\0\x02\xF4\x10\x22\xF1\x90");
    assert_eq!(answer, b"\0\0\0\x16\0\x01\x10\xF4\x62\xF1\x90WBASMTEST00000001");
}

/// Returns round trips per second on so many connections at once.
fn measure(server: SocketAddr, connections: usize) -> f64 {
    runtime().block_on(async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(server).await.expect("the server listens");
            stream.set_nodelay(true).expect("a connection");
            streams.push(stream);
        }
        let began = WallInstant::now();
        let clients: Vec<_> =
            streams.into_iter().map(|stream| tokio::spawn(ask(stream, began))).collect();
        let mut trips = 0;
        for client in clients {
            trips += client.await.expect("no panic").expect("the server answers");
        }
        f64::from(trips) / began.elapsed().as_secs_f64()
    })
}

async fn ask(mut stream: TcpStream, began: WallInstant) -> std::io::Result<u32> {
    let mut answer = [0; ANSWER];
    let mut trips = 0;
    while began.elapsed() < ROUND {
        stream.write_all(REQUEST).await?;
        stream.read_exact(&mut answer).await?;
        trips += 1;
    }
    Ok(trips)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
