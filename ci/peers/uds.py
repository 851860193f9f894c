"""udsoncan over doipclient as the tester."""

import struct
import time
from contextlib import contextmanager

from doipclient.connectors import DoIPClientUDSConnector
from udsoncan import AsciiCodec, DidCodec
from udsoncan.client import Client
from udsoncan.exceptions import NegativeResponseException, TimeoutException

import doip
from checks import equal
from hsfz import placeholder_key
from vehicle import VIN

EGS = 0x18
EXTENDED = 3
CODING = 0x41


class Raw(DidCodec):
    """The bytes as they are."""

    def encode(self, value):
        return bytes(value)

    def decode(self, payload):
        return bytes(payload)

    def __len__(self):
        raise DidCodec.ReadAllRemainingData


@contextmanager
def unit(vehicle, address=EGS):
    """A udsoncan client talking to one control unit."""
    config = {
        "data_identifiers": {
            0xF190: AsciiCodec(17),
            0xF186: DidCodec("B"),
            0xF150: DidCodec("3s"),
            0x2502: Raw,
            0xF101: Raw,
            0xFFFE: Raw,
            0x37FE: DidCodec("7s"),
        },
        "security_algo": lambda level, seed, params: placeholder_key(address, level, seed),
        "request_timeout": 5,
    }
    with doip.client(vehicle, ecu_logical_address=address) as connected:
        with Client(DoIPClientUDSConnector(connected), config=config) as client:
            yield client


def refused(code, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except NegativeResponseException as refusal:
        equal(refusal.response.code, code, "NRC")
        return
    raise AssertionError(f"expected NRC {code:#04x}, got a positive answer")


def identifiers_are_read(vehicle):
    with unit(vehicle) as egs:
        values = egs.read_data_by_identifier([0xF190]).service_data.values
        equal(values, {0xF190: VIN.decode()}, "VIN")
        equal(egs.read_data_by_identifier_first([0xF150]), (bytes.fromhex("0F21D0"),), "SGBD index")


def several_identifiers_are_read_at_once(vehicle):
    with unit(vehicle) as egs:
        values = egs.read_data_by_identifier([0xF190, 0xF150]).service_data.values
        equal(values, {0xF190: VIN.decode(), 0xF150: (bytes.fromhex("0F21D0"),)}, "values")


def software_versions_are_listed(vehicle):
    with unit(vehicle) as egs:
        svk = egs.read_data_by_identifier_first([0xF101])
        equal(svk[:2], b"\1\1", "SVK version, dependencies checked")
        (entries,) = struct.unpack(">H", svk[2:4])
        equal(len(svk), 4 + 13 + 8 * entries, "length")
        assert entries >= 5, f"only {entries} entries"


def sessions_carry_their_timing(vehicle):
    with unit(vehicle) as egs:
        session = egs.change_session(EXTENDED).service_data
        equal(session.session_echo, EXTENDED, "session")
        equal((session.p2_server_max, session.p2_star_server_max), (0.05, 5.0), "timing")
        equal(egs.read_data_by_identifier_first([0xF186]), (EXTENDED,), "active session")
        equal(egs.change_session(1).service_data.session_echo, 1, "session")


def tester_present_keeps_the_session_and_silence_ends_it(vehicle):
    with unit(vehicle) as egs:
        egs.change_session(EXTENDED)
        for _ in range(3):
            time.sleep(2)
            with egs.suppress_positive_response:
                egs.tester_present()
        equal(egs.read_data_by_identifier_first([0xF186]), (EXTENDED,), "after 6 s with tester present")
        time.sleep(5.5)
        equal(egs.read_data_by_identifier_first([0xF186]), (1,), "after 5.5 s of silence")


def security_access_is_unlocked(vehicle):
    with unit(vehicle) as egs:
        refused(0x7F, egs.request_seed, 1, b"\xff" * 4)
        egs.change_session(EXTENDED)
        egs.change_session(CODING)
        refused(0x24, egs.send_key, 1, bytes(68))
        egs.unlock_security_access(1, seed_params=b"\xff" * 4)
        equal(egs.request_seed(1, b"\xff" * 4).service_data.seed, bytes(8), "seed once unlocked")
        egs.change_session(1)


def fault_memory_is_read_and_cleared(vehicle):
    with unit(vehicle) as egs:
        mask = 0x0C
        for fault in egs.get_dtc_by_status_mask(mask).service_data.dtcs:
            assert fault.status.get_byte_as_int() & mask, f"{fault.id:06X} does not match the mask"
        everything = egs.get_dtc_by_status_mask(0xFF).service_data
        assert everything.dtcs, "a used control unit has stored faults"
        equal(everything.status_availability.get_byte_as_int(), 0x7F, "availability")
        egs.clear_dtc(0xFFFFFF)
        left = egs.get_dtc_by_status_mask(mask).service_data.dtcs
        equal([fault.id for fault in left], [], "faults left")
        refused(0x31, egs.clear_dtc, 0x123456)


def refusals_carry_the_right_code(vehicle):
    with unit(vehicle) as egs:
        refused(0x31, egs.read_data_by_identifier, [0xFFFE])
        refused(0x12, egs.change_session, 0x33)
        refused(0x7F, egs.transfer_data, 1, b"\0")
        egs.change_session(EXTENDED)
        refused(0x31, egs.start_routine, 0x7EEE)
        refused(0x24, egs.get_routine_result, 0x0203)
        egs.change_session(1)


def dtc_setting_and_communication_are_switched_in_the_extended_session(vehicle):
    with unit(vehicle) as egs:
        refused(0x7F, egs.control_dtc_setting, 2)
        egs.change_session(EXTENDED)
        equal(egs.control_dtc_setting(2).service_data.setting_type_echo, 2, "setting")
        equal(egs.control_dtc_setting(1).service_data.setting_type_echo, 1, "setting")
        answer = egs.communication_control(1, communication_type=1)
        equal(answer.service_data.control_type_echo, 1, "control type")
        equal(egs.communication_control(0, communication_type=1).service_data.control_type_echo, 0, "control type")
        egs.change_session(1)


def a_reset_is_answered_then_silence_then_service(vehicle):
    with unit(vehicle) as egs:
        egs.change_session(EXTENDED)
        equal(egs.ecu_reset(1).service_data.reset_type_echo, 1, "reset type")
        began = time.monotonic()
        egs.set_config("request_timeout", 0.3)
        try:
            egs.read_data_by_identifier([0xF186])
        except (TimeoutException, OSError):
            pass
        else:
            raise AssertionError("a control unit that restarts answered")
        while True:
            try:
                active = egs.read_data_by_identifier_first([0xF186])
                break
            except (TimeoutException, OSError):
                assert time.monotonic() - began < 10, "no service 10 s after the reset"
        equal(active, (1,), "session after the reset")
        assert time.monotonic() - began > 1, "a restart of EGS takes about 2 s"


CHECKS = [
    identifiers_are_read,
    several_identifiers_are_read_at_once,
    software_versions_are_listed,
    sessions_carry_their_timing,
    tester_present_keeps_the_session_and_silence_ends_it,
    security_access_is_unlocked,
    fault_memory_is_read_and_cleared,
    refusals_carry_the_right_code,
    dtc_setting_and_communication_are_switched_in_the_extended_session,
    a_reset_is_answered_then_silence_then_service,
]
