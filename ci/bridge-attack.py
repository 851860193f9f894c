#!/usr/bin/env python3
"""Attacks a relay: wrong passcodes, half-open orders, malformed packets, all bounded.

usage: bridge-attack.py RELAY PORT ORDER [SOURCE…]

Speaks the registration of whichever message format the relay answers. Half-open orders come from
every SOURCE in turn, so that the bound per address is not the only one that is met. Everything
random comes from one seed. Prints `started`, then what was sent and what came back.
"""

import random
import socket
import struct
import sys
import time

GUESSES = 10_000
HALF_OPEN = 1_000
MALFORMED = 5_000
BURST = 50
PAUSE = 0.02

CHALLENGE, GRANTED, REFUSED = 2, 5, 6


class Intruder:
    """One socket that has shown the relay where it receives."""

    def __init__(self, relay, source, instance, order):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((source, 0))
        self.socket.connect(relay)
        self.instance = instance
        self.answers = {}
        self.format, self.cookie = self.greet(order)

    def greet(self, order):
        """Returns the relay's message format and a cookie."""
        self.socket.settimeout(0.3)
        for _ in range(20):
            for version in (2, 1):
                self.socket.send(struct.pack(">BBBQQ", version, 1, 1, self.instance, order))
                try:
                    answer = self.socket.recv(2048)
                except TimeoutError:
                    continue
                if len(answer) >= 18 and answer[1] == CHALLENGE:
                    self.socket.setblocking(False)
                    return version, struct.unpack(">Q", answer[10:18])[0]
        sys.exit("the relay does not answer a greeting")

    def ask(self, kind, order, tag):
        """Asks to open (3) or to join (4) an order."""
        message = struct.pack(">BBQQQ", self.format, kind, self.instance, order, self.cookie)
        self.send(message + (tag if self.format == 1 else b""))

    def send(self, data):
        try:
            self.socket.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            pass
        self.listen()

    def listen(self):
        while True:
            try:
                answer = self.socket.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            kind = answer[1] if len(answer) > 1 else -1
            self.answers[kind] = self.answers.get(kind, 0) + 1


def paced(count):
    """Counts up, a burst at a time."""
    for number in range(count):
        if number % BURST == 0:
            time.sleep(PAUSE)
        yield number


def main():
    relay = (sys.argv[1], int(sys.argv[2]))
    order = int(sys.argv[3])
    sources = sys.argv[4:] or ["0.0.0.0"]
    chance = random.Random(7)
    guesser = Intruder(relay, "0.0.0.0", 0xBAD, order)
    openers = [Intruder(relay, source, 0xBAD00 + at, order) for at, source in enumerate(sources)]
    print("started", flush=True)

    for _ in paced(GUESSES):
        guesser.ask(4, order, chance.randbytes(32))
    for number in paced(HALF_OPEN):
        openers[number % len(openers)].ask(3, 1_000_000 + number, chance.randbytes(32))
    for number in paced(MALFORMED):
        length = chance.choice([0, 1, 2, 17, 18, 26, 58, 200, 1200, 1472])
        data = bytearray(chance.randbytes(length))
        if number % 2 and length > 1:
            # Just right in the first bytes, so that what follows is looked at.
            data[0], data[1] = guesser.format, chance.randrange(0x14)
        if number % 5 == 0 and length:
            data[0] |= 0x40
        guesser.send(bytes(data))

    time.sleep(0.2)
    answers = {}
    for intruder in [guesser, *openers]:
        intruder.listen()
        for kind, count in intruder.answers.items():
            answers[kind] = answers.get(kind, 0) + count
    print(
        f"format {guesser.format}: {GUESSES} guesses, {HALF_OPEN} half-open orders from "
        f"{len(openers)} addresses, {MALFORMED} malformed; answers: "
        f"{answers.get(GRANTED, 0)} granted, {answers.get(REFUSED, 0)} refused, "
        f"{sum(answers.values())} in all"
    )


if __name__ == "__main__":
    main()
