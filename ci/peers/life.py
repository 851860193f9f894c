"""What a simulated vehicle does as a process: it announces itself, resets, and ends."""

import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from scapy.contrib.automotive.bmw.hsfz import HSFZ
from scapy.contrib.automotive.doip import DoIP
from scapy.contrib.automotive.uds import UDS, UDS_ER, UDS_TP

import hsfz
from checks import equal
from vehicle import ADDRESS, MAC, VIN, Vehicle, free_offset


@contextmanager
def hearing(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as socket_:
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A socket on all addresses would take the port from the vehicle.
        socket_.bind(("127.255.255.255", port))
        socket_.settimeout(3)
        yield socket_


def announces_itself_three_times_in_both_protocols(benchcar):
    offset = free_offset()
    with hearing(7811 + offset) as hsfz_port, hearing(13400 + offset) as doip_port:
        with Vehicle(benchcar, offset=offset):
            for _ in range(3):
                answer = HSFZ(hsfz_port.recv(200))
                equal(answer.control, 0x11, "control word")
                equal(answer.identification_string, hsfz.IDENTIFICATION, "identification")
            for _ in range(3):
                answer = DoIP(doip_port.recv(200))
                equal((answer.protocol_version, answer.payload_type), (3, 4), "announcement")
                equal((answer.vin, answer.eid), (VIN, MAC), "VIN and EID")


def asks_quiet_testers_whether_they_are_alive(benchcar):
    shipped = Path(__file__).parents[2] / "sim-gateway/vehicles/g05.yaml"
    with tempfile.TemporaryDirectory() as folder:
        car = Path(folder) / "checking.yaml"
        text = shipped.read_text()
        assert "dialect: default" in text
        car.write_text(text.replace("dialect: default", "dialect: checking"))
        with Vehicle(benchcar, vehicle=str(car), protocol="hsfz") as vehicle:
            with hsfz.frames(vehicle) as living, hsfz.frames(vehicle) as silent:
                for tester, connection in ((0xF4, living), (0xF5, silent)):
                    connection.send(HSFZ(source=tester, target=hsfz.GATEWAY) / UDS() / UDS_TP())
                    equal([hsfz.receive(connection).control for _ in range(2)], [2, 1], "service")
                for tester, connection in ((0xF4, living), (0xF5, silent)):
                    long = hsfz.receive(connection)
                    equal((long.control, long.length), (0x12, 32), "long check")
                    equal(long.identification_string, b"DIAGADR10BMWVIN" + VIN, "text")
                    short = hsfz.receive(connection)
                    equal((short.control, short.source, short.target), (0x12, tester, 0), "short check")
                living.ins.sendall(bytes.fromhex("00000002001200F4"))
                silent.ins.settimeout(6)
                equal(silent.ins.recv(1), b"", "who does not answer is closed")
                living.send(HSFZ(source=0xF4, target=hsfz.GATEWAY) / UDS() / UDS_TP())
                answers = [hsfz.receive(living).control for _ in range(4)]
                assert {1, 2} <= set(answers), "who answered is served"


def speaks_only_the_protocol_asked_for(benchcar):
    for protocol, closed_port in (("hsfz", 13400), ("doip", 6801)):
        offset = free_offset()
        process = subprocess.Popen(
            [benchcar, "vehicle", "--protocol", protocol, "--port-offset", str(offset)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            open_port = 6801 if protocol == "hsfz" else 13400
            deadline = time.monotonic() + 10
            while socket.socket().connect_ex((ADDRESS, open_port + offset)):
                assert time.monotonic() < deadline, f"{protocol} does not listen"
                time.sleep(0.05)
            assert socket.socket().connect_ex((ADDRESS, closed_port + offset)), f"{closed_port} is open"
        finally:
            process.kill()
            process.wait(10)


def a_taken_port_is_an_error_with_a_remedy(benchcar):
    with Vehicle(benchcar) as vehicle:
        command = [benchcar, "vehicle", "--protocol", "both", "--port-offset", str(vehicle.offset)]
        second = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
        )
        equal(second.returncode, 3, "exit code")
        assert "taken" in second.stderr, second.stderr
        assert "--port-offset" in second.stderr, second.stderr
        assert any(str(vehicle.port(port)) in second.stderr for port in (6801, 6811, 13400)), second.stderr


def a_gateway_reset_ends_connections_and_the_vehicle_comes_back(benchcar):
    with Vehicle(benchcar, vehicle="g05") as vehicle:
        with hsfz.tester(vehicle, hsfz.GATEWAY) as gateway:
            answer = hsfz.ask(gateway, UDS() / UDS_ER(resetType=1))
            equal(answer.service, 0x51, "service")
            time.sleep(0.5)
            gateway.send(UDS() / UDS_TP())
            gateway.ins.settimeout(1)
            try:
                unexpected = gateway.ins.recv(1)
                assert unexpected == b"", "a gateway that restarts answered"
            except (TimeoutError, ConnectionResetError):
                pass
        began = time.monotonic()
        vehicle.await_answer(30)
        assert time.monotonic() - began > 3, "a restart takes about ten seconds"
        with hsfz.tester(vehicle, hsfz.GATEWAY) as gateway:
            equal(hsfz.ask(gateway, UDS() / UDS_TP()).service, 0x7E, "service after the reset")


def an_interrupt_ends_it_cleanly_with_a_summary(benchcar):
    with Vehicle(benchcar) as vehicle:
        with hsfz.tester(vehicle, hsfz.GATEWAY) as gateway:
            equal(hsfz.ask(gateway, UDS() / UDS_TP()).service, 0x7E, "service")
            code, output = vehicle.interrupt()
            equal(code, 0, "exit code")
            equal(gateway.ins.recv(1), b"", "the connection ends with FIN")
        assert "connection" in output, f"no summary in:\n{output}"


CHECKS = [
    asks_quiet_testers_whether_they_are_alive,
    announces_itself_three_times_in_both_protocols,
    speaks_only_the_protocol_asked_for,
    a_taken_port_is_an_error_with_a_remedy,
    a_gateway_reset_ends_connections_and_the_vehicle_comes_back,
    an_interrupt_ends_it_cleanly_with_a_summary,
]
