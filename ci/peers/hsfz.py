"""scapy's HSFZ layer as the tester."""

import hashlib
import hmac
import socket
import time
from contextlib import closing, contextmanager

from scapy.contrib.automotive.bmw.hsfz import HSFZ, HSFZSocket, UDS_HSFZSocket
from scapy.contrib.automotive.uds import (
    UDS,
    UDS_DSC,
    UDS_DSCPR,
    UDS_NR,
    UDS_RDBI,
    UDS_RDBIPR,
    UDS_SA,
    UDS_SAPR,
    UDS_TP,
)

from checks import equal
from vehicle import ADDRESS, MAC, VIN

TESTER = 0xF4
GATEWAY = 0x10
EGS = 0x18
FUNCTIONAL = 0xDF
UNITS = {0x10, 0x12, 0x18, 0x40, 0x5D}
IDENTIFICATION = b"DIAGADR10BMWMAC" + MAC.hex().upper().encode() + b"BMWVIN" + VIN


def placeholder_key(ecu, level, seed):
    digest = hmac.new(b"SIM-ONLY-NOT-A-REAL-KEY", digestmod=hashlib.sha512)
    digest.update(b"UDS27" + bytes([ecu, level]) + seed)
    return bytes(4) + digest.digest()


@contextmanager
def tester(vehicle, target, source=TESTER):
    """A UDS tester talking to one control unit."""
    with closing(UDS_HSFZSocket(source, target, ADDRESS, vehicle.port(6801))) as opened:
        opened.ins.settimeout(5)
        yield opened


@contextmanager
def frames(vehicle, port=6801):
    """A connection that shows every frame as it is."""
    with closing(HSFZSocket(ADDRESS, vehicle.port(port))) as opened:
        opened.ins.settimeout(5)
        yield opened


def receive(connection):
    """Takes one whole frame, however TCP cut it."""
    while True:
        packet = connection.recv()
        if packet is not None:
            return packet
        assert connection.ins.recv(1, socket.MSG_PEEK), "the gateway closed the connection"


def silent(connection, seconds):
    """Checks that nothing arrives."""
    connection.ins.settimeout(seconds)
    try:
        arrived = connection.ins.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        connection.ins.settimeout(5)
        return
    raise AssertionError("unexpected bytes" if arrived else "the gateway closed the connection")


def acknowledged(connection, request, source=TESTER):
    """Checks the acknowledge of a request: addresses as asked, at most five bytes of it."""
    acknowledge = receive(connection)
    equal(acknowledge.control, 0x02, "control word")
    echoed = bytes(request)[:5]
    target = getattr(connection, "target", FUNCTIONAL)
    expected = (len(echoed) + 2).to_bytes(4, "big") + b"\0\2" + bytes([source, target]) + echoed
    equal(bytes(acknowledge), expected, "acknowledge")


def ask(connection, request):
    """Sends a request, checks its acknowledge, waits out 0x78, returns the answer."""
    connection.send(request)
    acknowledged(connection, request)
    while True:
        answer = receive(connection)
        assert isinstance(answer, UDS), f"not a UDS answer: {answer!r}"
        if not (answer.service == 0x7F and answer.negativeResponseCode == 0x78):
            return answer


def refused(connection, request, code):
    answer = ask(connection, request)
    equal(answer.service, 0x7F, "service")
    equal(answer[UDS_NR].requestServiceId, bytes(request)[0], "refused service")
    equal(answer[UDS_NR].negativeResponseCode, code, "NRC")


def identify(vehicle, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(2)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.sendto(bytes(HSFZ(control=0x11, length=0)), (address, vehicle.port(6811)))
        data, sender = asking.recvfrom(200)
    equal(sender, (ADDRESS, vehicle.port(6811)), "sender")
    answer = HSFZ(data)
    equal(answer.control, 0x11, "control word")
    equal(answer.length, 50, "length")
    equal(answer.identification_string, IDENTIFICATION, "identification")


def identification_by_unicast(vehicle):
    identify(vehicle, ADDRESS)


def identification_by_broadcast(vehicle):
    identify(vehicle, "127.255.255.255")


def vin_of_the_gateway(vehicle):
    with tester(vehicle, GATEWAY) as gateway:
        answer = ask(gateway, UDS() / UDS_RDBI(identifiers=[0xF190]))
        equal(answer[UDS_RDBIPR].dataIdentifier, 0xF190, "identifier")
        equal(bytes(answer[UDS_RDBIPR].payload), VIN, "VIN")


def every_unit_is_asked_by_its_own_address(vehicle):
    for unit in sorted(UNITS):
        with frames(vehicle) as connection:
            connection.send(HSFZ(source=TESTER, target=unit) / UDS() / UDS_RDBI(identifiers=[0xF190]))
            equal(receive(connection).control, 0x02, "acknowledge")
            answer = receive(connection)
            equal((answer.control, answer.source, answer.target), (0x01, unit, TESTER), "answer")
            equal(bytes(answer[UDS_RDBIPR].payload), VIN, "VIN")


def functional_tester_present_is_only_acknowledged(vehicle):
    with tester(vehicle, FUNCTIONAL) as everyone:
        request = UDS() / UDS_TP(subFunction=0x80)
        everyone.send(request)
        acknowledged(everyone, request)
        silent(everyone, 0.4)


def functional_request_is_answered_by_every_unit_under_its_own_address(vehicle):
    with frames(vehicle) as connection:
        connection.send(HSFZ(source=TESTER, target=FUNCTIONAL) / UDS() / UDS_RDBI(identifiers=[0xF150]))
        acknowledge = receive(connection)
        equal(bytes(acknowledge), bytes.fromhex("000000050002F4DF22F150"), "acknowledge")
        answered = set()
        for _ in UNITS:
            answer = receive(connection)
            equal((answer.control, answer.target), (0x01, TESTER), "answer")
            equal(answer[UDS].service, 0x62, "service")
            answered.add(answer.source)
        equal(answered, UNITS, "who answered")
        silent(connection, 0.3)


def sessions_are_entered_and_left(vehicle):
    with tester(vehicle, EGS) as egs:
        answer = ask(egs, UDS() / UDS_DSC(diagnosticSessionType=3))
        equal(answer[UDS_DSCPR].diagnosticSessionType, 3, "session")
        equal(bytes(answer[UDS_DSCPR].sessionParameterRecord), bytes.fromhex("003201F4"), "timing")
        active = ask(egs, UDS() / UDS_RDBI(identifiers=[0xF186]))
        equal(bytes(active[UDS_RDBIPR].payload), b"\3", "active session")
        equal(ask(egs, UDS() / UDS_DSC(diagnosticSessionType=1)).service, 0x50, "service")
        active = ask(egs, UDS() / UDS_RDBI(identifiers=[0xF186]))
        equal(bytes(active[UDS_RDBIPR].payload), b"\1", "active session")


def a_seed_is_answered_by_the_placeholder_key(vehicle):
    with tester(vehicle, EGS) as egs:
        seed_request = UDS() / UDS_SA(securityAccessType=1, securityAccessDataRecord=b"\xff" * 4)
        refused(egs, seed_request, 0x7F)
        ask(egs, UDS() / UDS_DSC(diagnosticSessionType=3))
        equal(ask(egs, UDS() / UDS_DSC(diagnosticSessionType=0x41)).service, 0x50, "service")
        seed = bytes(ask(egs, seed_request)[UDS_SAPR].securitySeed)
        equal(len(seed), 8, "seed length")
        refused(egs, UDS() / UDS_SA(securityAccessType=2, securityKey=bytes(68)), 0x35)
        seed = bytes(ask(egs, seed_request)[UDS_SAPR].securitySeed)
        key = placeholder_key(EGS, 1, seed)
        answer = ask(egs, UDS() / UDS_SA(securityAccessType=2, securityKey=key))
        equal((answer.service, answer[UDS_SAPR].securityAccessType), (0x67, 2), "answer to the key")
        again = bytes(ask(egs, seed_request)[UDS_SAPR].securitySeed)
        equal(again, bytes(8), "seed once unlocked")
        ask(egs, UDS() / UDS_DSC(diagnosticSessionType=1))


def refusals_carry_the_right_code(vehicle):
    with tester(vehicle, EGS) as egs:
        refused(egs, UDS() / UDS_RDBI(identifiers=[0xFFFE]), 0x31)
        refused(egs, UDS(service=0xBA), 0x11)
        refused(egs, UDS() / UDS_DSC(diagnosticSessionType=0x33), 0x12)
        refused(egs, UDS(service=0x22), 0x13)
        refused(egs, UDS(b"\x36\x01\x00"), 0x7F)


def unknown_target_is_error_0043_in_place_of_an_acknowledge(vehicle):
    with tester(vehicle, 0x70) as nobody:
        nobody.send(UDS(b"\x1a\x80"))
        error = receive(nobody)
        equal(error.control, 0x43, "control word")
        equal(bytes(error), bytes.fromhex("000000020043F470"), "error")
        nobody.target = GATEWAY
        equal(ask(nobody, UDS() / UDS_TP()).service, 0x7E, "the connection goes on")


def unknown_tester_is_error_0040(vehicle):
    with tester(vehicle, GATEWAY, source=0xF1) as stranger:
        stranger.send(UDS() / UDS_TP())
        error = receive(stranger)
        equal((error.control, error.length), (0x40, 2), "error")
        equal((error.expected, error.received), (0xF4, 0xF1), "addresses")


def unknown_control_word_is_error_0041_and_the_connection_stays(vehicle):
    with frames(vehicle) as connection:
        connection.ins.sendall(bytes.fromhex("000000000077"))
        equal(receive(connection).control, 0x41, "control word")
        connection.send(HSFZ(source=TESTER, target=GATEWAY) / UDS() / UDS_TP())
        equal(receive(connection).control, 0x02, "control word")


def too_short_a_request_is_error_0042(vehicle):
    with frames(vehicle) as connection:
        connection.ins.sendall(bytes.fromhex("000000020001F410"))
        equal(receive(connection).control, 0x42, "control word")


def too_long_a_request_is_error_0044(vehicle):
    with frames(vehicle) as connection:
        connection.ins.sendall(bytes.fromhex("001000020001F410"))
        equal(receive(connection).control, 0x44, "control word")


def an_alive_check_of_the_tester_is_answered(vehicle):
    with frames(vehicle) as connection:
        connection.ins.sendall(bytes.fromhex("000000000012"))
        answer = receive(connection)
        equal((answer.control, answer.length), (0x12, 2), "answer")
        equal((answer.source, answer.target), (0x10, 0xF4), "addresses")


def terminal_15_is_on(vehicle):
    with frames(vehicle, 6811) as connection:
        connection.ins.sendall(bytes(HSFZ(control=0x10, length=0)))
        connection.ins.settimeout(2)
        equal(connection.ins.recv(100), bytes.fromhex("00000001001005"), "terminal 15")


def requests_may_be_cut_and_joined_anywhere(vehicle):
    request = bytes(HSFZ(source=TESTER, target=GATEWAY) / UDS() / UDS_TP())
    with frames(vehicle) as connection:
        for byte in request:
            connection.ins.sendall(bytes([byte]))
            time.sleep(0.002)
        equal(receive(connection).control, 0x02, "acknowledge")
        equal(receive(connection)[UDS].service, 0x7E, "service")
        connection.ins.sendall(request + request)
        controls = [receive(connection).control for _ in range(4)]
        equal(sorted(controls), [1, 1, 2, 2], "two acknowledges, two answers")


def a_newcomer_with_the_same_address_takes_over(vehicle):
    with tester(vehicle, GATEWAY) as before, tester(vehicle, GATEWAY) as after:
        ask(before, UDS() / UDS_TP())
        equal(ask(after, UDS() / UDS_TP()).service, 0x7E, "service")
        try:
            equal(before.ins.recv(1), b"", "the old connection")
        except ConnectionResetError:
            pass


CHECKS = [
    identification_by_unicast,
    identification_by_broadcast,
    vin_of_the_gateway,
    every_unit_is_asked_by_its_own_address,
    functional_tester_present_is_only_acknowledged,
    functional_request_is_answered_by_every_unit_under_its_own_address,
    sessions_are_entered_and_left,
    a_seed_is_answered_by_the_placeholder_key,
    refusals_carry_the_right_code,
    unknown_target_is_error_0043_in_place_of_an_acknowledge,
    unknown_tester_is_error_0040,
    unknown_control_word_is_error_0041_and_the_connection_stays,
    too_short_a_request_is_error_0042,
    too_long_a_request_is_error_0044,
    an_alive_check_of_the_tester_is_answered,
    terminal_15_is_on,
    requests_may_be_cut_and_joined_anywhere,
    a_newcomer_with_the_same_address_takes_over,
]
