"""A run under load as a picture and a table, and one frontier for each machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.machine import Fingerprint
from labs.records import ModelFile
from labs.widgets.endurance import endurance
from labs.widgets.measure import Records
from labs.widgets.places import frontiers

PI = Fingerprint("Cortex-A76", "aarch64", ("asimd", "asimddp"), 4, 8 * 2**30, "Linux 6", "3.11.0")


def window(t_s: float, p50_s: float, **told: float) -> dict:
    """Return one look at a device."""
    silent = {"temperature_c": None, "frequency_hz": None, "throttle_bits": None, "power_w": None}
    return {"t_s": t_s, "p50_s": p50_s, "calls": 100, **silent, **told}


@pytest.fixture
def busy(make_measurement):
    """A Pi that grows hot and is held back."""
    windows = [window(5, 0.008, temperature_c=61.0, frequency_hz=2.4e9, throttle_bits=0, power_w=6.0)]
    windows += [window(10, 0.012, temperature_c=86.0, frequency_hz=1.5e9, throttle_bits=0xE0008, power_w=5.0)]
    details = {"windows": windows, "idle": {**windows[0], "temperature_c": 45.0}, "calls": 200}
    details |= {"energy_covers": "the board", "unreadable": []}
    return make_measurement(option="edge-busy", machine=PI, details=details)


def test_a_busy_device_is_told_in_words(busy) -> None:
    """The slow-down, the flags and the joules stand in the text as well as in the picture."""
    shown = endurance(busy)
    assert "1.50 ×" in shown.text
    assert "soft temperature limit" in shown.text
    assert "Held back from 10 s on." in shown.text
    assert "0.275 J (the board)" in shown.text
    assert "86 °C" in shown.text
    assert shown.html.count("<path") == 4


def test_what_is_not_told_is_not_drawn(make_measurement) -> None:
    """A rehearsal without a thermometer has one strip, and says what is missing."""
    windows = [window(1, 0.003), window(2, 0.003)]
    details = {"windows": windows, "idle": windows[0], "calls": 200, "energy_covers": ""}
    shown = endurance(make_measurement(details={**details, "unreadable": ["temperature", "throttle flags"]}))
    assert shown.html.count("<path") == 1
    assert "not told" in shown.text
    assert "eld back" not in shown.text
    assert "does not tell: temperature; throttle flags" in shown.text


def test_a_record_of_another_kind_is_refused(make_measurement) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match="no windows"):
        endurance(make_measurement())


def whole(make_measurement, option: str, machine: Fingerprint, p50_s: float) -> list:
    """Return an option with all four measures."""
    model = ModelFile("m.onnx", "a" * 64, 2_400_000)
    common = {"option": option, "machine": machine, "model": model}
    return [
        make_measurement(kind="size", samples=(2_400_000.0,), **common),
        make_measurement(kind="accuracy", samples=(1.0, 1.0, 0.0), batch_size=32, **common),
        make_measurement(kind="latency", samples=(p50_s,) * 5, **common),
        make_measurement(kind="throughput", samples=(p50_s,) * 5, batch_size=8, **common),
    ]


def test_each_machine_has_its_own_frontier(make_measurement) -> None:
    """The slower device is not beaten by the server: nobody can put the server into the till."""
    server = replace(PI, cpu_model="A server", architecture="x86_64")
    records = whole(make_measurement, "onnx-all", server, 0.003) + whole(make_measurement, "edge-fp32", PI, 0.012)
    records += [make_measurement(kind="size", option="half-measured", machine=server)]
    shown = frontiers(records)
    assert shown.text.count("On the frontier:") == 2
    assert "beaten by" not in shown.text
    assert "half-measured" not in shown.text
    assert repr(shown) == "2 frontiers"
    with pytest.raises(ValueError, match="on any machine"):
        frontiers(records[-1:])


def test_records_of_several_options_are_told_apart(make_measurement) -> None:
    """Each under its option's name; a single option needs no heading."""
    one, two = (make_measurement(option=name) for name in ("edge-fp32", "edge-int8"))
    assert "[edge-int8]" in Records([one, two]).text
    assert "[edge-fp32]" not in Records([one]).text
