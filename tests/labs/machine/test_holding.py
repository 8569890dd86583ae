"""Held to cores of one clock class: what the clock did meanwhile is told, and never made up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labs.machine import holding
from labs.machine.holding import Held, held_to, nearest_class

#: A laptop with four fast cores and four slow ones, in kHz as the kernel writes it.
HYBRID = dict.fromkeys(range(4), 5_000_000) | dict.fromkeys(range(4, 8), 3_800_000)


def laptop(root: Path, made_for_khz: dict[int, int], now_khz: int = 0) -> Path:
    """Write the kernel's files about clocks below a root and return it."""
    for cpu, khz in made_for_khz.items():
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "cpuinfo_max_freq").write_text(f"{khz}\n")
        (folder / "scaling_cur_freq").write_text(f"{now_khz or khz}\n")
    return root


@pytest.mark.parametrize(
    ("cores", "clock_hz", "expected"),
    [
        (1, 2.4e9, (3.8e9, (4,))),
        (2, 4.6e9, (5.0e9, (0, 1))),
        (4, 2.4e9, (3.8e9, (4, 5, 6, 7))),
    ],
)
def test_cores_come_from_the_nearest_class(tmp_path: Path, cores: int, clock_hz: float, expected: tuple) -> None:
    """Slow cores for a Pi's clock, and all of one class: two kinds of core would be two machines."""
    assert nearest_class(set(HYBRID), cores, clock_hz, laptop(tmp_path, HYBRID)) == expected


def test_a_class_with_too_few_cores_is_passed_over(tmp_path: Path) -> None:
    """Two slow cores cannot hold four threads."""
    few = {cpu: khz for cpu, khz in HYBRID.items() if cpu < 6}
    assert nearest_class(set(few), 4, 2.4e9, laptop(tmp_path, few)) == (5.0e9, (0, 1, 2, 3))


def test_a_virtual_machine_tells_no_clock_and_is_held_all_the_same(tmp_path: Path) -> None:
    """None is not 0 Hz, and a clock that nobody has seen did not keep still."""
    assert nearest_class({3, 1}, 1, 2.4e9, tmp_path) == (None, (1,))
    held = Held((1,), None, tmp_path)
    held.look()
    assert held.to_json() == {"cpus": [1], "class_hz": None, "seen_hz": None, "steady": None}


def test_a_clock_that_rises_meanwhile_is_noticed(tmp_path: Path) -> None:
    """One look at each report; the reports go on to whoever waits for them."""
    root, told = laptop(tmp_path, {0: 4_000_000}, now_khz=2_400_000), []
    held = Held((0,), 4e9, root)
    report = held.watching(lambda *said: told.append(said))
    report(0.5, "half")
    assert held.steady
    (root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").write_text("3900000\n")
    report(1.0, "all")
    assert told == [(0.5, "half"), (1.0, "all")]
    assert held.to_json()["seen_hz"] == [2.4e9, 3.9e9]
    assert held.steady is False


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system lets no process choose its cores")
def test_the_process_is_held_and_let_go_even_when_it_fails() -> None:
    """And a test that runs after this one has all its processors."""
    before = os.sched_getaffinity(0)
    with held_to(1, 2.4e9) as held:
        assert os.sched_getaffinity(0) == set(held.cpus)
        assert len(held.cpus) == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ZeroDivisionError), held_to(1, 2.4e9):
        raise ZeroDivisionError
    assert os.sched_getaffinity(0) == before


def test_where_nobody_may_choose_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS: no processor is named, so the record does not say that it was held."""
    monkeypatch.delattr(holding.os, "sched_setaffinity", raising=False)
    with held_to(1, 2.4e9) as held:
        assert held.cpus == ()
