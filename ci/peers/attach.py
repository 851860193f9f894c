"""Drives a simulated vehicle on a network port from the other end: `attach.py BENCHCAR NAMESPACE`.

Runs in the namespace of the far end, `pc0`; the vehicle's end is `car0` in NAMESPACE.
"""

import logging
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from doipclient import DoIPClient
from scapy.all import ARP, AsyncSniffer
from scapy.contrib.automotive.bmw.hsfz import HSFZ, UDS_HSFZSocket
from scapy.contrib.automotive.doip import UDS_DoIPSocket
from scapy.contrib.automotive.uds import UDS, UDS_ER, UDS_RDBI, UDS_TP

from checks import Checks, equal

MAC = bytes.fromhex("020000BC0001")
VIN = b"WBASMTEST00000001"
BROADCAST = "169.254.255.255"
CARRIER = Path("/sys/class/net/pc0/carrier")


def until(condition, seconds, what):
    """Waits for a condition; returns what it became."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Car:
    """A vehicle on the port of another namespace."""

    def __init__(self, benchcar, namespace, *options):
        self.namespace = namespace
        self.log = tempfile.TemporaryFile("w+")
        command = ["ip", "netns", "exec", namespace, benchcar, "vehicle", "--attach", "car0"]
        command += ["--protocol", "both", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def found(self, seconds=20):
        """Asks by broadcast until the gateway answers; returns its address."""
        return until(discover, seconds, f"discovery; the vehicle says:\n{self.output()}")


def discover():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.settimeout(0.2)
        try:
            asking.sendto(bytes.fromhex("000000000011"), (BROADCAST, 6811))
            data, (address, _) = asking.recvfrom(200)
        except OSError:
            return None
    answer = HSFZ(data)
    equal(answer.identification_string[-17:], VIN, "VIN")
    return address


def carrier():
    return CARRIER.read_text().strip() == "1"


def acquires_a_link_local_address_with_probes(run):
    listening = threading.Event()
    sniffer = AsyncSniffer(
        iface="pc0", lfilter=lambda packet: ARP in packet, started_callback=listening.set
    )
    sniffer.start()
    assert listening.wait(10), "nobody listens"
    with Car(*run, "--address", "link-local") as car:
        address = car.found()
    assert address.startswith("169.254."), address
    heard = [packet[ARP] for packet in sniffer.stop() if packet[ARP].hwsrc == MAC.hex(":")]
    probes = [arp for arp in heard if (arp.psrc, arp.pdst) == ("0.0.0.0", address)]
    equal(len(probes), 3, "probes of RFC 3927")


def answers_both_protocols_and_resets_as_carrier_loss(run):
    with Car(*run, "--address", "link-local") as car:
        address = car.found()
        with closing(UDS_HSFZSocket(0xF4, 0x10, address, 6801)) as tester:
            equal(tester.sr1(UDS() / UDS_TP(), timeout=5, verbose=False).service, 0x7E, "HSFZ")
        with closing(UDS_DoIPSocket(address, 13400, source_address=0x0EF3, target_address=0x10)) as tester:
            answer = tester.sr1(UDS() / UDS_RDBI(identifiers=[0xF190]), timeout=5, verbose=False)
            assert VIN in bytes(answer), bytes(answer)
        with closing(DoIPClient(address, 0x10, client_logical_address=0x0EF3, protocol_version=3)) as client:
            client.send_diagnostic(bytes.fromhex("22F190"))
            answer = client.receive_diagnostic(timeout=5)
            equal(bytes(answer[:3]), bytes.fromhex("62F190"), "doipclient's answer")
        assert carrier(), "carrier before the reset"
        with closing(UDS_HSFZSocket(0xF4, 0x10, address, 6801)) as tester:
            tester.send(UDS() / UDS_ER(resetType=1))
            until(lambda: not carrier(), 5, "carrier lost by the reset")
        until(carrier, 15, "carrier again")
        car.found(25)


def is_given_an_address_by_a_dhcp_server(run):
    server = subprocess.Popen(
        ["dnsmasq", "--no-daemon", "--port=0", "--interface=pc0", "--bind-interfaces",
         "--dhcp-range=169.254.77.50,169.254.77.60,255.255.0.0,1h", "--leasefile-ro",
         "--conf-file=/dev/null", "--user=root"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        with Car(*run, "--address", "dhcp") as car:
            address = car.found()
        assert address.startswith("169.254.77."), f"{address} is not the server's"
    finally:
        server.kill()
        server.wait(10)


def is_left_as_it_was_found(run):
    _, namespace = run

    def switched_on():
        shown = subprocess.run(
            ["ip", "-n", namespace, "link", "show", "car0"], capture_output=True, text=True, check=True
        )
        return "UP" in shown.stdout.split("<")[1].split(">")[0].split(",")

    before = switched_on()
    with Car(*run, "--address", "link-local") as car:
        until(lambda: "serving" in car.output(), 10, "the start")
        car.process.send_signal(signal.SIGINT)
        equal(car.process.wait(10), 0, "exit code")
        assert "ended:" in car.output(), car.output()
    equal(switched_on(), before, "the port is on")


def what_cannot_be_is_an_error_with_a_remedy(run):
    benchcar, namespace = run
    inside = ["ip", "netns", "exec", namespace]
    refused = subprocess.run(
        [*inside, benchcar, "vehicle", "--attach", "none0"], capture_output=True, text=True, timeout=10
    )
    equal(refused.returncode, 3, "exit code")
    assert "car0" in refused.stderr, refused.stderr
    ungranted = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    refused = subprocess.run(
        [*inside, *ungranted, benchcar, "vehicle", "--attach", "car0"],
        capture_output=True, text=True, timeout=10,
    )
    equal(refused.returncode, 3, "exit code without CAP_NET_RAW")
    assert "setcap" in refused.stderr, refused.stderr


CHECKS = [
    what_cannot_be_is_an_error_with_a_remedy,
    is_left_as_it_was_found,
    acquires_a_link_local_address_with_probes,
    answers_both_protocols_and_resets_as_carrier_loss,
]


def main():
    logging.disable(logging.ERROR)
    checks = Checks()
    checks.run("attach", CHECKS, sys.argv[1:3])
    if subprocess.run(["which", "dnsmasq"], capture_output=True).returncode == 0:
        checks.run("attach, dnsmasq", [is_given_an_address_by_a_dhcp_server], sys.argv[1:3])
    else:
        checks.skip("DHCP", "dnsmasq is not installed")
    print(checks.summary().replace("peers", "attach"))
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
