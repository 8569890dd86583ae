"""The testbed answers as the real Keystone, Blazar and Glance did when `make fidelity` recorded them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from provisioning.rehearsal import control, environment

FIDELITY = Path(__file__).with_name("fidelity")
GOLDEN = json.loads((FIDELITY / "golden.json").read_text(encoding="utf-8"))["exchanges"]


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
def answers(exchanges, tmp_path_factory):
    """What the testbed answers to the same requests, in the same order."""
    home = control.start(tmp_path_factory.mktemp("fidelity"))
    try:
        variables = environment.variables(home, "mary")
        root = variables["CHI_RESOURCE_API_URL"]
        urls = {
            "identity": f"{root}/tacc:5000/v3",
            "reservation": f"{root}/tacc/reservation/v1",
            "image": f"{root}/tacc/image",
        }
        password, project = variables["OS_PASSWORD"], variables["OS_PROJECT_NAME"]
        yield exchanges.exchange(exchanges.Cloud(urls, "mary", password, project, "chameleon"))
    finally:
        control.stop(home)


@pytest.mark.parametrize("name", GOLDEN)
def test_status_and_form_are_those_of_the_real_service(exchanges, answers, name) -> None:
    ours, real = answers[name], GOLDEN[name]
    assert ours.status == real["status"]
    assert exchanges.missing(real["body"], exchanges.shape(ours.body)) == []


def test_nothing_was_left_unrecorded(answers) -> None:
    assert set(answers) == set(GOLDEN)


def test_a_missing_key_and_another_kind_are_found(exchanges) -> None:
    real = exchanges.shape({"a": 1, "b": [{"c": "x"}], "d": None})
    assert exchanges.missing(real, exchanges.shape({"a": "1", "b": [{}], "d": 3})) == [
        ".a is string, not number",
        ".b[0].c is missing",
    ]
