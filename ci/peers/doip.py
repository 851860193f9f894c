"""scapy's DoIP layer and doipclient as the tester."""

import socket
import time
from contextlib import closing, contextmanager

from doipclient import DoIPClient
from doipclient.messages import RoutingActivationRequest
from scapy.contrib.automotive.doip import DoIP, DoIPSocket, UDS_DoIPSocket
from scapy.contrib.automotive.uds import UDS, UDS_RDBI, UDS_RDBIPR, UDS_TP

from checks import equal
from vehicle import ADDRESS, MAC, VIN

TESTER = 0x0EF3
GATEWAY = 0x0010
FUNCTIONAL = 0x00DF
UNITS = {0x10, 0x12, 0x18, 0x40, 0x5D}
BMW = {"protocol_version": 0x03, "inverse_version": 0xFC}


def ask_datagram(vehicle, request, address=ADDRESS, patience=2):
    """Sends one datagram and takes its answer, which comes from the port asked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(patience)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.sendto(bytes(request), (address, vehicle.port(13400)))
        data, sender = asking.recvfrom(200)
    equal(sender, (ADDRESS, vehicle.port(13400)), "sender")
    return DoIP(data)


@contextmanager
def activated(vehicle, kind=DoIPSocket, **options):
    """A connection with routing activated."""
    options = {"source_address": TESTER, "doip_version": 3, "enforce_doip_version": True} | options
    with closing(kind(ADDRESS, vehicle.port(13400), **options)) as connection:
        connection.ins.settimeout(5)
        yield connection


@contextmanager
def plain(vehicle):
    """A connection on which nothing was said yet."""
    with activated(vehicle, activate_routing=False) as connection:
        yield connection


def client(vehicle, **options):
    """doipclient, as its users set it up."""
    options = {"client_logical_address": TESTER, "protocol_version": 3} | options
    return closing(
        DoIPClient(
            ADDRESS,
            options.pop("ecu_logical_address", GATEWAY),
            tcp_port=vehicle.port(13400),
            udp_port=vehicle.port(13400),
            **options,
        )
    )


def receive(connection):
    while True:
        packet = connection.recv()
        if packet is not None:
            return packet
        assert connection.ins.recv(1, socket.MSG_PEEK), "the gateway closed the connection"


def closed(connection):
    """Checks that the gateway closed the connection."""
    connection.ins.settimeout(2)
    equal(connection.ins.recv(1), b"", "end of the connection")


def header(packet, payload_type, length):
    equal((packet.protocol_version, packet.inverse_version), (3, 0xFC), "version")
    equal(packet.payload_type, payload_type, "payload type")
    equal(packet.payload_length, length, "length")


def announcement(answer):
    header(answer, 0x0004, 33)
    equal(answer.vin, VIN, "VIN")
    equal(answer.logical_address, GATEWAY, "logical address")
    equal(answer.eid, MAC, "EID")
    equal(answer.gid, MAC, "GID")
    equal(answer.further_action, 0, "further action")
    equal(answer.vin_gid_status, 0, "synchronisation")


def diagnostic(target, payload):
    return DoIP(payload_type=0x8001, source_address=TESTER, target_address=target, **BMW) / payload


def identification_in_every_version(vehicle):
    for version in (0x02, 0x03, 0xFF):
        request = DoIP(payload_type=1, protocol_version=version, inverse_version=0xFF ^ version)
        answer = ask_datagram(vehicle, request)
        equal(answer.payload_type, 0x0004, "payload type")
        equal(answer.vin, VIN, "VIN")
    announcement(ask_datagram(vehicle, DoIP(payload_type=1, **BMW)))


def identification_by_vin_and_by_eid(vehicle):
    announcement(ask_datagram(vehicle, DoIP(payload_type=3, vin=VIN, **BMW)))
    announcement(ask_datagram(vehicle, DoIP(payload_type=2, eid=MAC, **BMW)))


def identification_of_another_vehicle_is_not_answered(vehicle):
    for request in (
        DoIP(payload_type=3, vin=b"WBASMTEST00000002", **BMW),
        DoIP(payload_type=2, eid=b"\2\0\0\0\0\1", **BMW),
    ):
        try:
            answer = ask_datagram(vehicle, request, patience=0.7)
        except TimeoutError:
            continue
        raise AssertionError(f"unexpected answer {answer!r}")


def identification_by_broadcast(vehicle):
    announcement(ask_datagram(vehicle, DoIP(payload_type=1, **BMW), "127.255.255.255"))


def entity_status(vehicle):
    answer = ask_datagram(vehicle, DoIP(payload_type=0x4001, **BMW))
    header(answer, 0x4002, 7)
    equal((answer.node_type, answer.max_open_sockets, answer.cur_open_sockets), (0, 4, 0), "sockets")
    equal(answer.max_data_size, 0x10000, "longest payload")
    with activated(vehicle):
        equal(ask_datagram(vehicle, DoIP(payload_type=0x4001, **BMW)).cur_open_sockets, 1, "open sockets")


def power_mode(vehicle):
    answer = ask_datagram(vehicle, DoIP(payload_type=0x4003, **BMW))
    header(answer, 0x4004, 1)
    equal(answer.diagnostic_power_mode, 1, "power mode")


def routing_activation(vehicle):
    with plain(vehicle) as connection:
        request = DoIP(payload_type=5, source_address=TESTER, reserved_oem=bytes(4), **BMW)
        connection.send(request)
        answer = receive(connection)
        equal(answer.payload_type, 0x0006, "payload type")
        equal((answer.protocol_version, answer.inverse_version), (3, 0xFC), "version")
        equal(answer.logical_address_tester, TESTER, "tester")
        equal(answer.logical_address_doip_entity, GATEWAY, "entity")
        equal(answer.routing_activation_response, 0x10, "code")
        equal(answer.reserved_iso, 0, "reserved")
        connection.send(request)
        equal(receive(connection).routing_activation_response, 0x10, "code when repeated")


def routing_activation_refused(vehicle):
    for source, kind, code in ((0x0F10, 0, 0x00), (TESTER, 0x7F, 0x06)):
        with plain(vehicle) as connection:
            connection.send(DoIP(payload_type=5, source_address=source, activation_type=kind, **BMW))
            answer = receive(connection)
            equal(answer.routing_activation_response, code, "code")
            equal(answer.logical_address_tester, source, "tester")
            closed(connection)


def without_routing_activation_nothing_is_served(vehicle):
    with plain(vehicle) as connection:
        connection.send(diagnostic(GATEWAY, UDS() / UDS_TP()))
        answer = receive(connection)
        equal((answer.payload_type, answer.nack_code), (0x8003, 0x02), "answer")
        closed(connection)


def a_silent_connection_is_closed_after_two_seconds(vehicle):
    with plain(vehicle) as connection:
        began = time.monotonic()
        connection.ins.settimeout(4)
        equal(connection.ins.recv(1), b"", "end of the connection")
        assert 1.5 < time.monotonic() - began < 3, "T_TCP_Initial_Inactivity"


def diagnostic_message_is_acknowledged_and_answered(vehicle):
    with activated(vehicle) as connection:
        connection.send(diagnostic(GATEWAY, UDS() / UDS_RDBI(identifiers=[0xF190])))
        acknowledge = receive(connection)
        header(acknowledge, 0x8002, 8)
        equal((acknowledge.source_address, acknowledge.target_address), (GATEWAY, TESTER), "addresses")
        equal((acknowledge.ack_code, acknowledge.previous_msg), (0, bytes.fromhex("22F190")), "acknowledge")
        answer = receive(connection)
        header(answer, 0x8001, 24)
        equal((answer.source_address, answer.target_address), (GATEWAY, TESTER), "addresses")
        equal(bytes(answer[UDS_RDBIPR].payload), VIN, "VIN")


def scapys_uds_socket_reads_the_vin(vehicle):
    with activated(vehicle, UDS_DoIPSocket) as gateway:
        answer = gateway.sr1(UDS() / UDS_RDBI(identifiers=[0xF190]), timeout=2, verbose=False)
        equal(bytes(answer[UDS_RDBIPR].payload), VIN, "VIN")


def unknown_target_is_refused_with_03(vehicle):
    with activated(vehicle) as connection:
        connection.send(diagnostic(0x0070, UDS() / UDS_TP()))
        answer = receive(connection)
        equal((answer.payload_type, answer.nack_code), (0x8003, 0x03), "answer")
        equal((answer.source_address, answer.target_address), (0x0070, TESTER), "addresses")
        connection.send(diagnostic(GATEWAY, UDS() / UDS_TP()))
        equal(receive(connection).payload_type, 0x8002, "the connection stays")


def functional_tester_present_is_only_acknowledged(vehicle):
    with activated(vehicle) as connection:
        connection.send(diagnostic(FUNCTIONAL, UDS() / UDS_TP(subFunction=0x80)))
        acknowledge = receive(connection)
        header(acknowledge, 0x8002, 7)
        equal((acknowledge.source_address, acknowledge.target_address), (FUNCTIONAL, TESTER), "addresses")
        connection.ins.settimeout(0.4)
        try:
            unexpected = connection.ins.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return
        raise AssertionError(f"unexpected bytes or end: {unexpected!r}")


def functional_request_is_answered_by_every_unit(vehicle):
    with activated(vehicle) as connection:
        connection.send(diagnostic(FUNCTIONAL, UDS() / UDS_RDBI(identifiers=[0xF150])))
        equal(receive(connection).payload_type, 0x8002, "payload type")
        answers = [receive(connection) for _ in UNITS]
        equal({answer.source_address for answer in answers}, UNITS, "who answered")
        equal({answer[UDS].service for answer in answers}, {0x62}, "service")


def header_nacks(vehicle):
    cases = [
        ("03FE 8001 00000004 0EF30010", 0x00, False),
        ("03FC 1234 00000003 010203", 0x01, True),
        ("03FC 0004 00000000", 0x01, True),
        ("03FC 8001 00010001" + "00" * 0x10001, 0x02, True),
        ("03FC 8001 00000003 0EF300", 0x04, False),
        ("03FC 0005 00000006 0EF300000000", 0x04, False),
    ]
    for text, code, stays in cases:
        with activated(vehicle) as connection:
            connection.ins.sendall(bytes.fromhex(text))
            answer = receive(connection)
            header(answer, 0x0000, 1)
            equal(answer.nack, code, f"code for {text[:20]}")
            if stays:
                connection.send(diagnostic(GATEWAY, UDS() / UDS_TP()))
                equal(receive(connection).payload_type, 0x8002, "the connection stays")
            else:
                closed(connection)


def alive_check_keeps_a_living_tester_and_refuses_the_newcomer(vehicle):
    with activated(vehicle) as first, plain(vehicle) as second:
        second.send(DoIP(payload_type=5, source_address=TESTER, **BMW))
        check = receive(first)
        header(check, 0x0007, 0)
        first.send(DoIP(payload_type=8, source_address=TESTER, **BMW))
        equal(receive(second).routing_activation_response, 0x03, "code")
        closed(second)
        first.send(diagnostic(GATEWAY, UDS() / UDS_TP()))
        equal(receive(first).payload_type, 0x8002, "the first goes on")


def alive_check_frees_the_socket_of_a_tester_that_is_gone(vehicle):
    with activated(vehicle) as first, plain(vehicle) as second:
        began = time.monotonic()
        second.send(DoIP(payload_type=5, source_address=TESTER, **BMW))
        equal(receive(second).routing_activation_response, 0x10, "code")
        assert 0.4 < time.monotonic() - began < 1.5, "T_TCP_Alive_Check"
        equal(receive(first).payload_type, 0x0007, "payload type")
        try:
            equal(first.ins.recv(1), b"", "the old connection")
        except ConnectionResetError:
            pass


def doipclient_identifies(vehicle):
    with client(vehicle) as doip:
        for options in ({}, {"eid": MAC}, {"vin": VIN.decode()}):
            answer = doip.request_vehicle_identification(**options)
            equal(answer.vin, VIN.decode(), "VIN")
            equal(answer.logical_address, GATEWAY, "logical address")
            equal((answer.eid, answer.gid), (MAC, MAC), "EID and GID")
            equal(answer.further_action_required, 0, "further action")
            equal(answer.vin_sync_status, 0, "synchronisation")


def doipclient_asks_for_status_and_power_mode(vehicle):
    with client(vehicle) as doip:
        status = doip.request_entity_status()
        equal((status.node_type, status.max_concurrent_sockets), (0, 4), "node and sockets")
        equal((status.currently_open_sockets, status.max_data_size), (1, 0x10000), "open and longest")
        equal(doip.request_diagnostic_power_mode().diagnostic_power_mode, 1, "power mode")


def doipclient_of_2012_is_served(vehicle):
    with client(vehicle, protocol_version=2) as doip:
        doip.send_diagnostic(bytes.fromhex("22F190"))
        equal(bytes(doip.receive_diagnostic(2)), bytes.fromhex("62F190") + VIN, "answer")


def doipclient_is_told_of_an_unknown_tester(vehicle):
    try:
        with client(vehicle, client_logical_address=0x0F10):
            pass
    except ConnectionRefusedError:
        return
    raise AssertionError("an unknown tester address was activated")


def doipclient_asks_for_an_alive_check(vehicle):
    with client(vehicle) as doip:
        try:
            doip.request_alive_check()
        except OSError as refused:
            assert "NACK Code: 1" in str(refused), refused
            return
    raise AssertionError("a request only gateways send was answered")


def doipclient_activates_again(vehicle):
    with client(vehicle, activation_type=None) as doip:
        for _ in range(2):
            answer = doip.request_activation(RoutingActivationRequest.ActivationType.Default)
            equal((answer.response_code, answer.logical_address), (0x10, GATEWAY), "answer")
            equal(answer.client_logical_address, TESTER, "tester")


CHECKS = [
    identification_in_every_version,
    identification_by_vin_and_by_eid,
    identification_of_another_vehicle_is_not_answered,
    identification_by_broadcast,
    entity_status,
    power_mode,
    routing_activation,
    routing_activation_refused,
    without_routing_activation_nothing_is_served,
    a_silent_connection_is_closed_after_two_seconds,
    diagnostic_message_is_acknowledged_and_answered,
    scapys_uds_socket_reads_the_vin,
    unknown_target_is_refused_with_03,
    functional_tester_present_is_only_acknowledged,
    functional_request_is_answered_by_every_unit,
    header_nacks,
    alive_check_keeps_a_living_tester_and_refuses_the_newcomer,
    alive_check_frees_the_socket_of_a_tester_that_is_gone,
    doipclient_identifies,
    doipclient_asks_for_status_and_power_mode,
    doipclient_of_2012_is_served,
    doipclient_is_told_of_an_unknown_tester,
    doipclient_asks_for_an_alive_check,
    doipclient_activates_again,
]
