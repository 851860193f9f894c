"""What editors make of our files: `benchcar schema` in jsonschema's hands, YAML 1.2 in ruamel's."""

import json
import pathlib
import subprocess

import jsonschema
import ruamel.yaml

ROOT = pathlib.Path(__file__).parents[2]
WRONG = [
    "network: { mechanic: { los: 1% } }",
    "vci: icom",
    "expect: { duration: 5 }",
    "expect: { gateway-resets: -1 }",
]
SCENARIO = "scenario: One\nvehicle: g05\nsteps: [identify]\n"


def takes_every_shipped_scenario(benchcar):
    accepted(validator(benchcar), ROOT / "scenarios/library", at_least=14)


def takes_every_shipped_manifest(benchcar):
    accepted(validator(benchcar, "--bridge"), ROOT / "bridges", at_least=5)


def takes_hex_digits_that_look_like_numbers(benchcar):
    fault = "{ ecu: { name: egs, refuse: { request: 34, nrc: 22 } } }"
    text = SCENARIO + f"faults: [{{ when: {{ step: 1 }}, do: {fault} }}]\n"
    assert not mistakes(validator(benchcar), text)


def refuses_what_the_reader_refuses(benchcar):
    for wrong in WRONG:
        assert mistakes(validator(benchcar), SCENARIO + wrong + "\n"), wrong


CHECKS = [
    takes_every_shipped_scenario,
    takes_every_shipped_manifest,
    takes_hex_digits_that_look_like_numbers,
    refuses_what_the_reader_refuses,
]


def validator(benchcar, *options):
    text = subprocess.run(
        [benchcar, "schema", *options], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    schema = json.loads(text)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def accepted(validator, folder, at_least):
    files = sorted(folder.glob("*.yaml"))
    assert len(files) >= at_least, f"{len(files)} files in {folder}"
    found = {file.name: mistakes(validator, file.read_text()) for file in files}
    wrong = {name: told for name, told in found.items() if told}
    assert not wrong, wrong


def mistakes(validator, text):
    tree = ruamel.yaml.YAML(typ="safe", pure=True).load(text)
    # Keys are text in JSON.
    tree = json.loads(json.dumps(tree))
    return [f"{list(one.absolute_path)}: {one.message[:200]}" for one in validator.iter_errors(tree)]
