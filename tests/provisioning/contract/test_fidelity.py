"""The testbed answers as the real Keystone, Blazar and Glance did when `make fidelity` recorded them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from provisioning.rehearsal import control, environment

FIDELITY = Path(__file__).with_name("fidelity")
_RECORDED = json.loads((FIDELITY / "golden.json").read_text(encoding="utf-8"))
GOLDEN, CLIENTS = _RECORDED["exchanges"], _RECORDED["clients"]


@pytest.fixture(scope="module")
def exchanges() -> ModuleType:
    """The module that the recorder used, loaded by its file: the recorder's Python knows no packages of ours."""
    spec = importlib.util.spec_from_file_location("exchanges", FIDELITY / "exchanges.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["exchanges"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["exchanges"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A testbed of this module's own."""
    started = control.start(tmp_path_factory.mktemp("fidelity"))
    yield started
    control.stop(started)


@pytest.fixture(scope="module")
def answers(exchanges, home):
    """What the testbed answers to the same requests, in the same order."""
    variables = environment.variables(home, "mary")
    root = variables["CHI_RESOURCE_API_URL"]
    urls = {
        "identity": f"{root}/tacc:5000/v3",
        "reservation": f"{root}/tacc/reservation/v1",
        "image": f"{root}/tacc/image",
    }
    password, project = variables["OS_PASSWORD"], variables["OS_PROJECT_NAME"]
    return exchanges.exchange(exchanges.Cloud(urls, "mary", password, project, "chameleon"))


@pytest.fixture(scope="module")
def outcomes(home):
    """What python-chi's own clients make of the testbed's answers."""
    command = [sys.executable, str(FIDELITY / "clients.py")]
    variables = dict(os.environ) | environment.variables(home, "john")
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.rsplit("RESULT ", 1)[1])


@pytest.mark.parametrize("name", GOLDEN)
def test_status_and_form_are_those_of_the_real_service(exchanges, answers, name) -> None:
    ours, real = answers[name], GOLDEN[name]
    assert ours.status == real["status"]
    assert exchanges.missing(real["body"], exchanges.shape(ours.body)) == []


@pytest.mark.parametrize("call", CLIENTS)
def test_clients_return_or_raise_as_with_the_real_service(exchanges, outcomes, call) -> None:
    ours, real = outcomes[call], CLIENTS[call]
    assert (ours.get("raised"), ours.get("code")) == (real.get("raised"), real.get("code"))
    assert exchanges.missing(real.get("returned"), ours.get("returned")) == []


def test_nothing_was_left_unrecorded(answers, outcomes) -> None:
    assert set(answers) == set(GOLDEN)
    assert set(outcomes) == set(CLIENTS)


def test_a_missing_key_and_another_kind_are_found(exchanges) -> None:
    real = exchanges.shape({"a": 1, "b": [{"c": "x"}], "d": None})
    assert exchanges.missing(real, exchanges.shape({"a": "1", "b": [{}], "d": 3})) == [
        ".a is string, not number",
        ".b[0].c is missing",
    ]
