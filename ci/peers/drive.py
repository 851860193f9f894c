"""Drives a simulated vehicle with other people's clients, and holds what we ship against our own
schemas with other people's readers: `drive.py BENCHCAR`."""

import logging
import sys

import doip
import hsfz
import life
import schema
import uds
from checks import Checks
from vehicle import Vehicle

ONLY_WHERE_LOOPBACK_BROADCASTS = {
    hsfz.identification_by_broadcast,
    doip.identification_by_broadcast,
    life.announces_itself_three_times_in_both_protocols,
}


def main():
    # Their warnings are about what we provoke.
    logging.disable(logging.ERROR)
    benchcar = sys.argv[1]
    checks = Checks()
    broadcasts = sys.platform == "linux"
    if not broadcasts:
        checks.skip("broadcasts", f"loopback does not broadcast on {sys.platform}")

    def possible(functions):
        return [one for one in functions if broadcasts or one not in ONLY_WHERE_LOOPBACK_BROADCASTS]

    with Vehicle(benchcar) as vehicle:
        checks.run("scapy, HSFZ", possible(hsfz.CHECKS), vehicle)
        checks.run("scapy and doipclient, DoIP", possible(doip.CHECKS), vehicle)
        checks.run("udsoncan over doipclient", uds.CHECKS, vehicle)
    checks.run("benchcar vehicle", possible(life.CHECKS), benchcar)
    checks.run("jsonschema, benchcar schema", schema.CHECKS, benchcar)
    print(checks.summary())
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
