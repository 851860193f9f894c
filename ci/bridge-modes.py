"""What `ci/bridge-modes` needs besides the bridge: a network that loses, a tester, people.

    lossy PORT RELAY:PORT DROP-EVERY DELAY-MS   UDP between an endpoint and the relay
    ask ADAPTER                                 asks the car's EGS to begin programming over HSFZ
    people BENCHCAR MECHANIC TECHNICIAN         both ends on terminals, in these namespaces
"""

import fcntl
import heapq
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import termios
import time


def lossy(port, relay, drop_every, delay_ms):
    """Passes datagrams on, all but every so-maniest, each way later by so much."""
    host, relay_port = relay.split(":")
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(("", int(port)))
    back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    back.connect((host, int(relay_port)))
    drop_every, delay = int(drop_every), int(delay_ms) / 1000
    waiting, count, client = [], 0, None
    print("ready", flush=True)
    while True:
        until = waiting[0][0] - time.monotonic() if waiting else 60
        for source in select.select([front, back], [], [], max(until, 0))[0]:
            try:
                if source is front:
                    data, client = front.recvfrom(65536)
                else:
                    data = back.recv(65536)
            except ConnectionRefusedError:
                continue
            count += 1
            # Only what carries much is lost: joining an order is not what is tried here.
            if drop_every and count > 200 and count % drop_every == 0:
                continue
            heapq.heappush(waiting, (time.monotonic() + delay, count, source is front, data))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, outward, data = heapq.heappop(waiting)
            try:
                back.send(data) if outward else front.sendto(data, client)
            except ConnectionRefusedError:
                pass


def find(adapter):
    """Asks for a car until one answers; returns its address."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, adapter.encode())
    out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    out.bind(("", 6811))
    end = time.monotonic() + 20
    while (now := time.monotonic()) < end:
        out.sendto(b"\0\0\0\0\0\x11", ("169.254.255.255", 6811))
        while (rest := now + 0.5 - time.monotonic()) > 0:
            out.settimeout(rest)
            try:
                answer, peer = out.recvfrom(200)
            except TimeoutError:
                break
            if b"DIAGADR" in answer:
                return peer[0]
    sys.exit("no car answered")


def ask(adapter):
    """Prints what the control unit answers to an extended, then to a programming session."""
    car = socket.socket()
    car.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, adapter.encode())
    car.settimeout(10)
    car.connect((find(adapter), 6801))
    for request in (b"\x10\x03", b"\x10\x02"):
        car.sendall(struct.pack(">IH", 2 + len(request), 1) + b"\xF4\x18" + request)
        print("answer to", request.hex(" "), "is", answer(car).hex(" "), flush=True)


def answer(car):
    while True:
        length, control = struct.unpack(">IH", exactly(car, 6))
        body = exactly(car, length)
        if control == 1 and body[0] == 0x18 and body[2:3] + body[4:5] != b"\x7F\x78":
            return body[2:]


def exactly(car, size):
    data = b""
    while len(data) < size:
        got = car.recv(size - len(data))
        if not got:
            sys.exit("the car closed the connection")
        data += got
    return data


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, name, *command):
        self.name, self.seen = name, ""
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "50"}
        environment.pop("BENCHCAR_PASSCODE", None)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))

        def own():
            # So that Ctrl-C typed here reaches the program as a person's would.
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=own, env=environment)
        os.close(slave)

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            more = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += more.decode(errors="replace")
        return bool(more)

    def until(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.plain())):
            if time.monotonic() > end:
                sys.exit(f"{self.name} never showed {pattern!r}:\n{self.plain()[-3000:]}")
            self.read(0.1)
        return found

    def plain(self):
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen)

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        while self.read(5):
            pass
        return self.process.wait(10)


def claim(text, holds):
    print("ok     " if holds else "FAILED ", text, flush=True)


def people(benchcar, mechanic_space, technician_space):
    """What two people see and type; prints one line per claim."""
    inside = lambda space: ["ip", "netns", "exec", space, benchcar, "bridge"]
    mechanic = Terminal("mechanic", *inside(mechanic_space), "mechanic", "--relay", "10.0.2.1")
    listed = mechanic.until(r"(?m)^ *(\d+)  lan0 .*(?s:.*)\(1 to \d+\): ")
    claim("the mechanic is shown the adapters and asked for one", True)
    mechanic.type(listed.group(1) + "\r")
    code = mechanic.until(r"Passcode   (\d{3} \d{3} \d{3} \d{3})").group(1)
    claim("order number and passcode are drawn", "Order number" in mechanic.plain())
    claim("and shown large", mechanic.plain().count("█") > 100)
    order = order_of(mechanic.plain())
    mechanic.until(r"waiting for the other side")
    technician = Terminal("technician", *inside(technician_space), "technician", "--relay",
                          "10.0.1.1", "--order", order, "--tap", "car0", "--address", "none")
    technician.until(r"Passcode: ")
    claim("the technician is asked for the passcode", True)
    technician.type(code.replace(" ", "-") + "\r")
    technician.until(r"(?m)joined")
    claim("the passcode typed with dashes joins the sides", True)
    claim("what was typed is not shown", code.replace(" ", "") not in technician.plain()
          and code.replace(" ", "-") not in technician.plain())
    line = r"paired · link up · RTT [\d.]+ ms ±[\d.]+ · loss 0\.0 % out 0\.0 % in · .*guard green"
    technician.until(line)
    mechanic.until(line)
    claim("both displays show state, link, round trip, loss and the guard's light", True)
    before = len(technician.seen)
    end = time.monotonic() + 10
    while "RTT" not in technician.seen[before:] and time.monotonic() < end:
        technician.read(0.1)
    claim("the display goes on", "RTT" in technician.seen[before:])
    technician.type("\x03")
    claim("Ctrl-C on the terminal ends the technician with 0", technician.end() == 0)
    claim("with a summary", "ended after" in technician.plain())
    mechanic.until(r"the other side left")
    claim("the mechanic's display tells that the other side left", True)
    mechanic.type("\x03")
    claim("Ctrl-C on the terminal ends the mechanic with 0", mechanic.end() == 0)


def order_of(text):
    """Reads the large order number as a person does, by its shape."""
    shapes = {
        "███|█ █|█ █|█ █|███": "0", " █ |██ | █ | █ |███": "1", "███|  █|███|█  |███": "2",
        "███|  █|███|  █|███": "3", "█ █|█ █|███|  █|  █": "4", "███|█  |███|  █|███": "5",
        "███|█  |███|█ █|███": "6", "███|  █|  █|  █|  █": "7", "███|█ █|███|█ █|███": "8",
        "███|█ █|███|  █|███": "9",
    }
    lines = [line.rstrip("\r") for line in text.split("\n")]
    start = next(n for n, line in enumerate(lines) if line.startswith("Order number")) + 1
    while "█" not in lines[start]:
        start += 1
    rows, number, at = [row.ljust(60) for row in lines[start:start + 5]], "", 0
    while shape := "|".join(row[at:at + 3] for row in rows):
        if shape not in shapes:
            # Groups of digits stand two columns further apart.
            at += 2
            shape = "|".join(row[at:at + 3] for row in rows)
        if shape not in shapes:
            return number
        number, at = number + shapes[shape], at + 5


if __name__ == "__main__":
    {"lossy": lossy, "ask": ask, "people": people}[sys.argv[1]](*sys.argv[2:])
