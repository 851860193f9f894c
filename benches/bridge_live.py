#!/usr/bin/env python3
"""How fast the reference bridge is beside OpenVPN, n2n and a plain wire, in the same namespaces.

    benches/bridge_live.py [--rounds N] [--exchanges N] [--flows N] [--only ours,openvpn,n2n]

Needs root, ip, ping, ethtool; openvpn and n2n where they are to be compared. Everything runs on this
machine: technician and mechanic each behind a leg of the internet, the relay between them. The
rounds of all bridges alternate, so that what else the machine does hits all alike; and where this
user may have it, whatever delay depends on runs on a real-time priority, lest a busy machine is
measured instead. Prints each figure and its ratio; exits with 1 when a target is missed, with 3 when
the emulator was too late for one to be judged. Losses are rare: one round of request and response
leaves an uncertainty of some percent, `--exchanges 1024` of half a percent.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TECH, EMU, RELAY, MECH, CAR = (f"bl{os.getpid()}{side}" for side in "termc")
ORDER, PASSCODE = "7", "048291376655"
CAR_IP, TECH_IP = "192.168.7.2", "192.168.7.1"
WIRE_CAR = "192.168.8.2"
# What passed a later emulator than that shows nothing: its p99 as `benchcar run --live` has it, and
# its median, which counts four times in a round trip that must not be 2 % of 80 ms longer.
LATENESS_LIMIT_US = {"p50": 200, "p99": 5_000}

RR = r"""
import socket, sys, threading, time
ROUND_TRIP = 0.08
role, address, flows, exchanges = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def read(peer, size):
    left = size
    while left:
        got = peer.recv(left)
        if not got:
            return False
        left -= len(got)
    return True
def serve(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while read(peer, 4096):
        peer.sendall(b"answer")
def ask(took, number):
    peer = socket.socket()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.connect((address, 5002))
    # One after the other within a round trip: in step they would stand in line behind each other.
    time.sleep(ROUND_TRIP * number / flows)
    began = time.monotonic()
    for _ in range(exchanges):
        peer.sendall(bytes(4096))
        read(peer, 6)
    took.append(time.monotonic() - began)
if role == "serve":
    listener = socket.create_server((address, 5002), backlog=64)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
took = []
threads = [threading.Thread(target=ask, args=(took, number)) for number in range(flows)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(took)[len(took) // 2], sum(took) / len(took))
"""

BULK = r"""
import socket, sys, time
role, address, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
if role == "serve":
    listener = socket.create_server((address, 5001))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    print("listening", flush=True)
    while True:
        peer, _ = listener.accept()
        room, total, began = bytearray(1 << 20), 0, None
        while got := peer.recv_into(room):
            began = began or time.monotonic()
            total += got
        peer.close()
        print(8 * total / (time.monotonic() - began) / 1e9, flush=True)
peer = socket.socket()
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
peer.settimeout(seconds + 20)
peer.connect((address, 5001))
block, until = bytes(1 << 20), time.monotonic() + seconds
while time.monotonic() < until:
    peer.sendall(block)
peer.shutdown(socket.SHUT_WR)
peer.recv(1)
"""


def sh(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def ip(space, *args, check=True):
    return sh("ip", "-n", space, *args, check=check)


class Lab:
    """The namespaces, and what runs in them."""

    def __init__(self, benchcar, wan, work):
        self.benchcar, self.wan, self.work = benchcar, wan, work
        self.running = []

    def build(self):
        for space in (TECH, EMU, RELAY, MECH, CAR):
            sh("ip", "netns", "add", space)
            ip(space, "link", "set", "lo", "up")
        pairs = [
            (TECH, "wan0", EMU, "t0"), (RELAY, "r1", EMU, "r1"), (MECH, "wan0", EMU, "m0"),
            (RELAY, "r2", EMU, "r2"), (TECH, "wire0", EMU, "w1"), (CAR, "wire0", EMU, "w2"),
            (MECH, "lan0", CAR, "eth0"),
        ]
        for space, name, other, peer in pairs:
            ip(space, "link", "add", name, "type", "veth", "peer", "name", peer, "netns", other)
            for where, link in ((space, name), (other, peer)):
                # A wire carries frames, not what a kernel would cut into frames later.
                ip(where, "link", "set", link, "up")
                sh("ip", "netns", "exec", where, "ethtool", "-K", link, "tso", "off", "gso", "off",
                   "gro", "off", "tx-udp-segmentation", "off", "tx", "off")
                sh("ip", "netns", "exec", where, "sysctl", "-qw",
                   f"net.ipv6.conf.{link}.disable_ipv6=1")
        for space, address, link in [
            (TECH, "10.0.1.2/24", "wan0"), (RELAY, "10.0.1.1/24", "r1"),
            (RELAY, "10.0.2.1/24", "r2"), (MECH, "10.0.2.2/24", "wan0"),
            (TECH, "192.168.8.1/24", "wire0"), (CAR, "192.168.8.2/24", "wire0"),
            (CAR, "192.168.7.2/24", "eth0"),
        ]:
            ip(space, "addr", "add", address, "dev", link)
        sh("ip", "netns", "exec", RELAY, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        ip(TECH, "route", "add", "default", "via", "10.0.1.1")
        ip(MECH, "route", "add", "default", "via", "10.0.2.1")
        for number, ends in enumerate((("t0", "r1"), ("m0", "r2"), ("w1", "w2"))):
            ip(EMU, "link", "add", f"br{number}", "type", "bridge", "mcast_snooping", "0")
            ip(EMU, "link", "set", f"br{number}", "up")
        # What stands for a cable has no firewall, whatever this machine's bridges ask.
        if os.path.isdir("/proc/sys/net/bridge"):
            for table in ("arptables", "ip6tables", "iptables"):
                sh("ip", "netns", "exec", EMU, "sysctl", "-qw",
                   f"net.bridge.bridge-nf-call-{table}=0")
        self.plug()
        # The site's port, for bridges that are put beside it.
        ip(MECH, "link", "add", "site", "type", "bridge", "mcast_snooping", "0")
        ip(MECH, "link", "set", "site", "up")

    def plug(self):
        for number, ends in enumerate((("t0", "r1"), ("m0", "r2"), ("w1", "w2"))):
            for end in ends:
                ip(EMU, "link", "set", end, "master", f"br{number}")

    def unplug(self):
        for end in ("t0", "r1", "m0", "r2", "w1", "w2"):
            ip(EMU, "link", "set", end, "nomaster")

    def start(self, space, *command, **more):
        out = open(os.path.join(self.work, f"{len(os.listdir(self.work))}.out"), "w+")
        process = subprocess.Popen(
            ["ip", "netns", "exec", space, *command],
            stdout=out, stderr=subprocess.STDOUT,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            env=dict(os.environ, BENCHCAR_PASSCODE=PASSCODE),
        )
        process.out = out.name
        self.running.append(process)
        return process

    def stop(self, *processes):
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.running.remove(process)
        self.end_orphans()

    def end_orphans(self):
        """Ends what a bridge's program left running: n2n's edge goes on by itself, and on a CPU."""
        ours = {process.pid for process in self.running}
        for space in (TECH, RELAY, MECH):
            for pid in map(int, sh("ip", "netns", "pids", space).split()):
                if pid not in ours:
                    print(f"  a process was left behind in {space}")
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def close(self):
        for process in self.running:
            process.kill()
        for space in (TECH, EMU, RELAY, MECH, CAR):
            sh("ip", "netns", "del", space, check=False)

    def wait(self, process, text, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with open(process.out) as out:
                seen = out.read()
            if text in seen:
                return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"{process.args} never said {text!r}:\n{open(process.out).read()}")

    def gone(self, link, seconds=3):
        """Waits until a device is gone; one that a bridge leaves behind is taken away."""
        until = time.monotonic() + seconds
        for space in (TECH, MECH):
            while f"{link} " in ip(space, "-br", "link"):
                if time.monotonic() > until:
                    print(f"  {link} was left behind in {space}")
                    ip(space, "link", "del", link)
                time.sleep(0.05)

    def reach(self, address, seconds=25):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            done = subprocess.run(["ip", "netns", "exec", TECH, "ping", "-qc1", "-W1", address],
                                  capture_output=True)
            if not done.returncode:
                return
        sys.exit(f"{address} was never reached")

    # The bridges. Each is started, measured and stopped in every round.

    def start_wire(self):
        return []

    def start_ours(self):
        relay = self.start(RELAY, self.benchcar, "bridge", "relay")
        self.wait(relay, "ready")
        mechanic = self.start(MECH, self.benchcar, "bridge", "mechanic", "--relay", "10.0.2.1",
                              "--order", ORDER, "--port", "lan0")
        self.wait(mechanic, "waiting")
        technician = self.start(TECH, self.benchcar, "bridge", "technician", "--relay",
                                "10.0.1.1", "--order", ORDER, "--tap", "tv", "--address",
                                TECH_IP + "/24")
        self.wait(technician, "joined")
        return [technician, mechanic, relay]

    def beside_the_port(self):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if all("tv" in ip(space, "-br", "link") for space in (TECH, MECH)):
                break
            time.sleep(0.1)
        for space in (TECH, MECH):
            ip(space, "addr", "flush", "dev", "tv")
            ip(space, "link", "set", "tv", "up")
        ip(TECH, "addr", "add", TECH_IP + "/24", "dev", "tv")
        for link in ("tv", "lan0"):
            ip(MECH, "link", "set", link, "master", "site")

    def start_openvpn(self):
        folder = os.path.join(self.work, "openvpn")
        os.makedirs(folder, exist_ok=True)
        prints = {}
        for side in "ab":
            crt, key = f"{folder}/{side}.crt", f"{folder}/{side}.key"
            if not os.path.exists(crt):
                sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={side}",
                   "-keyout", key, "-out", crt)
            text = sh("openssl", "x509", "-in", crt, "-noout", "-fingerprint", "-sha256")
            prints[side] = text.strip().split("=")[1]
        common = ["openvpn", "--dev", "tv", "--dev-type", "tap", "--proto", "udp",
                  "--data-ciphers", "AES-256-GCM"]
        server = self.start(TECH, *common, "--local", "10.0.1.2", "--remote", "10.0.2.2", "--port",
                            "1194", "--tls-server", "--dh", "none", "--cert", f"{folder}/a.crt",
                            "--key", f"{folder}/a.key", "--peer-fingerprint", prints["b"])
        client = self.start(MECH, *common, "--remote", "10.0.1.2", "--port", "1194",
                            "--tls-client", "--lport", "1194", "--cert", f"{folder}/b.crt",
                            "--key", f"{folder}/b.key", "--peer-fingerprint", prints["a"])
        self.wait(server, "Initialization Sequence Completed", 40)
        self.wait(client, "Initialization Sequence Completed", 40)
        self.beside_the_port()
        return [server, client]

    def start_n2n(self):
        node = self.start(RELAY, "supernode", "-f", "-l", "7654")
        time.sleep(0.5)
        edges = [
            self.start(space, "edge", "-f", "-d", "tv", "-a", address, "-s", "255.255.255.0",
                       "-c", "car", "-k", "secret", "-l", relay + ":7654", "-p", "50001", "-r",
                       "-M", "1400")
            for space, address, relay in
            ((TECH, "10.10.0.101", "10.0.1.1"), (MECH, "10.10.0.102", "10.0.2.1"))
        ]
        self.beside_the_port()
        return [*edges, node]

    # The measurements.

    def delay(self, address):
        """Median one-way delay in microseconds."""
        sh("ip", "netns", "exec", TECH, "ping", "-qc50", "-i0.01", "-W1", address, check=False)
        out = sh("ip", "netns", "exec", TECH, "ping", "-c500", "-i0.002", "-W1", address)
        times = [float(found) for found in re.findall(r"time=([\d.]+)", out)]
        return 1000 * statistics.median(times) / 2

    def bulk(self, address, seconds):
        """TCP throughput in Gbit/s."""
        server = self.start(CAR, "python3", "-c", BULK, "serve", address, "0")
        self.wait(server, "listening")
        sh("ip", "netns", "exec", TECH, "python3", "-c", BULK, "send", address, str(seconds))
        time.sleep(0.2)
        self.stop(server)
        return float(open(server.out).read().split()[-1])

    def rr(self, address, link, flows, exchanges):
        """Median completion in seconds, and packets that passed the technician's link."""
        server = self.start(CAR, "python3", "-c", RR, "serve", address, "0", "0")
        self.wait(server, "listening")
        before = self.packets(link)
        out = sh("ip", "netns", "exec", TECH, "python3", "-c", RR, "ask", address, str(flows),
                 str(exchanges))
        packets = self.packets(link) - before
        self.stop(server)
        return float(out.split()[0]), packets

    def packets(self, link):
        folder = f"/sys/class/net/{link}/statistics"
        out = sh("ip", "netns", "exec", TECH, "cat", f"{folder}/tx_packets", f"{folder}/rx_packets")
        return sum(int(number) for number in out.split())

    def emulate(self, kind, delay_us, loss_ppm):
        ends = ["t0", "r1", "m0", "r2"] if kind == "bridge" else ["w1", "w2"]
        emulator = self.start(EMU, self.wan, kind, *ends, str(delay_us), str(loss_ppm),
                              stdin=subprocess.PIPE)
        self.wait(emulator, "ready")
        return emulator


def rounds(lab, names, count, measure):
    """Measures every bridge in turn, several times; returns lists of results."""
    results = {name: [] for name in names}
    for _ in range(count):
        for name in names:
            processes = getattr(lab, f"start_{name}")()
            address, link = (WIRE_CAR, "wire0") if name == "wire" else (CAR_IP, "wan0")
            lab.reach(address)
            results[name].append(measure(name, address, link))
            lab.stop(*processes)
            ip(MECH, "link", "set", "lan0", "nomaster", check=False)
            lab.gone("tv")
    return results


def undisturbed(work):
    """Does what starts and measures programs with all of them on a real-time priority."""
    def done(*args):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            print("  on an ordinary priority: what else this machine does is measured too")
        try:
            return work(*args)
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return done


def median(values):
    return statistics.median(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--flows", type=int, default=16)
    parser.add_argument("--exchanges", type=int, default=128)
    parser.add_argument("--only", default="ours,openvpn,n2n")
    parser.add_argument("--skip-rr", action="store_true")
    args = parser.parse_args()
    if os.geteuid():
        sys.exit("SKIPPED: bridge_live, because it needs root for namespaces")
    wanted = args.only.split(",")
    if not shutil.which("ethtool"):
        sys.exit("SKIPPED: bridge_live, because ethtool is not installed")
    programs = {"openvpn": "openvpn", "n2n": "edge"}
    for name, program in programs.items():
        if name in wanted and not shutil.which(program):
            print(f"SKIPPED: {name}, because {program} is not installed")
            wanted.remove(name)
    # Told to end, it tidies up as it does when it ends by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    here = os.path.dirname(os.path.abspath(__file__))
    benchcar = sh(os.path.join(here, "..", "ci", "built"), "release").strip()
    wan = os.environ.get("BRIDGE_LIVE_WAN") or built_wan(here)
    missed, unmeasured = [], []

    def void(text, reason):
        print(f"  {text} VOID: {reason}")
        unmeasured.append(text)

    def target(text, value, holds):
        print(f"  {text}: {value:.3f} {'ok' if holds else 'MISSED'}")
        if not holds:
            missed.append(text)

    with tempfile.TemporaryDirectory() as work:
        lab = Lab(benchcar, wan, work)
        try:
            lab.build()
            names = ["wire", *wanted]
            bulk = rounds(lab, names, args.rounds, lambda name, address, link:
                          lab.bulk(address, args.seconds))
            delay = undisturbed(rounds)(lab, names, args.rounds, lambda name, address, link:
                                        lab.delay(address))
            bulk = {name: median(bulk[name]) for name in names}
            delay = {name: median(delay[name]) for name in names}
            extra = {name: delay[name] - delay["wire"] for name in names}
            print(f"medians of {args.rounds} rounds, {args.seconds:g} s each; relay or router "
                  "between the sites, frames cut before the wire")
            for name in names:
                print(f"  {name:<8} {bulk[name]:6.3f} Gbit/s  {delay[name]:7.1f} us one way, "
                      f"{extra[name]:6.1f} us more than the wire")
            if "openvpn" in names:
                ratio = bulk["ours"] / bulk["openvpn"]
                target("throughput, ours / OpenVPN (>= 3)", ratio, ratio >= 3)
                ratio = extra["ours"] / extra["openvpn"]
                target("extra delay, ours / OpenVPN (<= 0.5)", ratio, ratio <= 0.5)
            if "n2n" in names:
                ratio = bulk["ours"] / bulk["n2n"]
                target("throughput, ours / n2n (>= 4)", ratio, ratio >= 4)
            if not args.skip_rr:
                undisturbed(flash)(lab, names, args, target, void)
        finally:
            lab.close()
    sys.exit(1 if missed else 3 if unmeasured else 0)


def flash(lab, names, args, target, void):
    """4 KiB -> 6 B over 80 ms and 1 % loss, beside the wire; packets without loss or delay."""
    counted = rounds(lab, names, 1, lambda name, address, link: lab.rr(address, link, 1, 1024))
    lab.unplug()

    def measure(name, address, link):
        took, _ = lab.rr(address, link, args.flows, args.exchanges)
        return took

    emulators = [lab.emulate("bridge", 20_000, 5_013), lab.emulate("wire", 20_000, 5_013)]
    took = rounds(lab, names, args.rounds, measure)
    late = [late for emulator in emulators for late in lateness(emulator)]
    print(f"rr 4 KiB -> 6 B, {args.flows} flows of {args.exchanges} exchanges (of 1024), "
          "80 ms, 1 %: medians; packets of 1024 exchanges of one flow, no loss, no delay")
    for name in names:
        packets = counted[name][0][1]
        print(f"  {name:<8} {median(took[name]):7.2f} s ({median(took[name]) / median(took['wire']):.3f}"
              f" of the wire), {packets} packets ({packets / counted['wire'][0][1]:.3f})")
    ratio = median(took["ours"]) / median(took["wire"])
    if late:
        void(f"rr completion, ours / wire (<= 1.02): {ratio:.3f}", f"the emulator was {late[0]} late")
    else:
        target("rr completion, ours / wire (<= 1.02)", ratio, ratio <= 1.02)
    ratio = counted["ours"][0][1] / counted["wire"][0][1]
    target("WAN packets, ours / wire (<= 1.05)", ratio, ratio <= 1.05)


def lateness(emulator):
    """Ends an emulator, prints what it did, and returns in what it was too late."""
    emulator.stdin.close()
    emulator.wait(10)
    said = open(emulator.out).read().split("ready", 1)[1].strip()
    print("  emulator:", said)
    found = {name: float(re.search(rf"{name} ([\d.]+)", said)[1]) for name in LATENESS_LIMIT_US}
    return [f"{name} {late:g} us (limit {LATENESS_LIMIT_US[name]} us)"
            for name, late in found.items() if late > LATENESS_LIMIT_US[name]]


def built_wan(here):
    """Builds the emulator's stand and returns where it is."""
    out = sh("cargo", "bench", "--quiet", "--manifest-path",
             os.path.join(here, "..", "live", "Cargo.toml"), "--bench", "bridge_live_wan",
             "--no-run", "--message-format", "json")
    found = re.findall(r'"executable":"([^"]*bridge_live_wan[^"]*)"', out)
    return found[-1] if found else sys.exit("bridge_live_wan was not built")


if __name__ == "__main__":
    main()
