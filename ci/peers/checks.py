"""Collects checks and says how they went."""

import time
import traceback


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def run(self, subject, functions, *arguments):
        """Runs functions one by one; one that fails does not keep the others from running."""
        for function in functions:
            name = f"{subject}: {function.__name__.replace('_', ' ')}"
            began = time.monotonic()
            try:
                function(*arguments)
            except Exception:
                self.failed += 1
                print(f"FAILED  {name}")
                traceback.print_exc()
            else:
                self.passed += 1
                print(f"ok      {name} ({time.monotonic() - began:.2f} s)", flush=True)

    def skip(self, what, why):
        self.skipped += 1
        print(f"SKIPPED: {what}, because {why}")

    def summary(self):
        return f"peers: {self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def equal(found, expected, what="value"):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"
