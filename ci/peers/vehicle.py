"""Starts `benchcar vehicle` on ports that are free, and ends it."""

import random
import signal
import socket
import subprocess
import tempfile
import time

ADDRESS = "127.0.0.1"
VIN = b"WBASMTEST00000001"
MAC = bytes.fromhex("020000BC0001")
TCP_PORTS = (6801, 6811, 13400)
UDP_PORTS = (6811, 7811, 13400)


def free_offset():
    """Finds an offset at which none of the vehicle's ports is taken."""
    while True:
        offset = random.randrange(20_000, 50_000)
        wanted = [(socket.SOCK_STREAM, port) for port in TCP_PORTS]
        wanted += [(socket.SOCK_DGRAM, port) for port in UDP_PORTS]
        opened = []
        try:
            for kind, port in wanted:
                opened.append(socket.socket(socket.AF_INET, kind))
                opened[-1].bind((ADDRESS, port + offset))
            return offset
        except OSError:
            continue
        finally:
            for one in opened:
                one.close()


class Vehicle:
    """A simulated vehicle as a process of its own."""

    def __init__(self, benchcar, *, vehicle="g05", protocol="both", offset=None):
        self.offset = free_offset() if offset is None else offset
        self.log = tempfile.TemporaryFile("w+")
        command = [benchcar, "vehicle", "--vehicle", vehicle, "--protocol", protocol]
        command += ["--port-offset", str(self.offset), "--seed", "1"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )

    def __enter__(self):
        try:
            self.await_answer(10)
        except BaseException:
            self.process.kill()
            print(self.output())
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def port(self, standard):
        return standard + self.offset

    def await_answer(self, seconds):
        """Asks for identification until the gateway answers."""
        deadline = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            while time.monotonic() < deadline:
                assert self.process.poll() is None, f"benchcar ended:\n{self.output()}"
                asking.sendto(bytes.fromhex("000000000011"), (ADDRESS, self.port(6811)))
                try:
                    if asking.recv(100):
                        return
                except (TimeoutError, ConnectionRefusedError):
                    continue
        raise AssertionError(f"no identification within {seconds} s")

    def interrupt(self):
        """Ends the vehicle as Ctrl-C does; returns its exit code and what it printed."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(10)
        return code, self.output()

    def output(self):
        self.log.seek(0)
        return self.log.read()
