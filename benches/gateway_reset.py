#!/usr/bin/env python3
"""A gateway reset of 6 s during a download through the reference bridge, ICOM and ENET, in real time.

    benches/gateway_reset.py [--seeds N] [--jobs N] [--lateness-limit TIME] [--benchcar FILE]

Runs scenarios/resets and scenarios/live/icom-flash-gateway-reset.yaml with the same seeds in virtual
time and live, the bridge's own programs between tester and car. A pair is alike when verdict, end
states and gateway resets are the same. An order is lost when the endpoints join more than once, or
any program tells that a side was silent, left, was replaced, refused or ended; it is read from the
records. Runs that are void are made again, twice at most. Needs what `benchcar run --live` needs.
Prints the figures; exits with 1 when an order was lost or a pair is not alike, with 3 when a run
showed nothing.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

SCENARIOS = {
    "ENET": "scenarios/resets/enet-flash-gateway-reset.yaml",
    "ICOM": "scenarios/live/icom-flash-gateway-reset.yaml",
}
ENDPOINTS = ("technician", "mechanic")
# What a program of the bridge says when an order is not what it was.
LOST = re.compile(r"again|silent|left|anew|refused|closed|expired|place in the order|wrong")
AGAIN = 2


def runs(options, scenario, seeds, *more):
    """Runs a scenario with seeds that follow each other; returns their summaries by seed."""
    command = [options.benchcar, "run", scenario, "--json", "--seed", str(seeds[0]),
               "--repeat", str(len(seeds)), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1, 3):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    summaries = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {summary["seed"]: summary for summary in summaries}
    if sorted(found) != seeds:
        sys.exit(3)
    return found


def live(options, scenario, seeds, folder):
    more = ["--live", "--bridge", "reference", "--record", str(folder),
            "--lateness-limit", options.lateness_limit]
    found = runs(options, scenario, seeds, *more, "--jobs", str(options.jobs))
    for _ in range(AGAIN):
        for seed in [seed for seed in seeds if found[seed]["verdict"] == "void"]:
            found |= runs(options, scenario, [seed], *more)
    return found


def notes(folder, scenario, seed):
    """What the bridge's programs said in one run once the order stood, as (party, text)."""
    record = folder / f"{pathlib.Path(scenario).stem}-seed{seed}.ndjson"
    with open(record, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines if '"note"' in line]
    parties = (*ENDPOINTS, "relay")
    said = [(event["party"], event["text"]) for event in events if event.get("party") in parties]
    # Before, whoever calls first is turned away, and calls again.
    joined = [place for place, (party, text) in enumerate(said)
              if party in ENDPOINTS and text == "joined"]
    return said[joined[0]:] if joined else said


def lost(said):
    """Why the order of one run was lost; empty when it was not."""
    reasons = [f"{party}: {text}" for party, text in said if LOST.search(text)]
    for endpoint in ENDPOINTS:
        joined = sum(party == endpoint and text == "joined" for party, text in said)
        if joined != 1:
            reasons.append(f"the {endpoint} joined {joined} times")
    return reasons


def compare(options, name, scenario, seeds, folder):
    """Prints one line for a scenario; returns its exit code."""
    simulated = runs(options, scenario, seeds)
    real = live(options, scenario, seeds, folder)
    void = [seed for seed in seeds if real[seed]["verdict"] == "void"]
    judged = [seed for seed in seeds if seed not in void]
    unlike, orders, dropped = [], [], 0
    for seed in judged:
        twin = simulated[seed]
        for key in ("verdict", "ends", "gateway_resets"):
            if twin[key] != real[seed][key]:
                unlike.append(f"seed {seed}: {key} {twin[key]} in virtual time, {real[seed][key]} live")
        said = notes(folder, scenario, seed)
        orders += [f"seed {seed}: {reason}" for reason in lost(said)]
        dropped += ("technician", "the vehicle's link is down") in said
    resets = sum(real[seed]["gateway_resets"] for seed in judged)
    ratio = [real[seed]["completed_s"] / simulated[seed]["completed_s"] for seed in judged
             if real[seed]["completed_s"] and simulated[seed]["completed_s"]]
    print(f"{name}: {len(judged)} of {len(seeds)} runs judged, {resets} gateway resets, link lost at the "
          f"technician in {dropped}; orders lost {len(orders)}, not as the virtual twin {len(unlike)}; "
          f"ends {ends(real, judged)}; completion live / virtual, median "
          f"{statistics.median(ratio) if ratio else float('nan'):.3f}", flush=True)
    for line in orders + unlike:
        print(f"  {line}")
    if orders or unlike:
        return 1
    return 3 if void or resets < len(judged) else 0


def ends(real, judged):
    words = [f"{real[seed]['verdict']}, egs {real[seed]['ends']['egs']}" for seed in judged]
    return ", ".join(f"{words.count(word)} × {word}" for word in sorted(set(words))) or "none"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--lateness-limit", default="10ms")
    parser.add_argument("--benchcar")
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    if not options.benchcar:
        built = subprocess.run([root / "ci/built", "release"], stdout=subprocess.PIPE, text=True)
        if built.returncode:
            return 3
        options.benchcar = built.stdout.strip()
    seeds = list(range(1, options.seeds + 1))
    with tempfile.TemporaryDirectory() as folder:
        codes = [compare(options, name, str(root / scenario), seeds, pathlib.Path(folder))
                 for name, scenario in SCENARIOS.items()]
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
