"""An imitated processor is noticed, and what it timed is kept out of the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from labs.machine import Fingerprint, fingerprint
from labs.machine.fingerprint import emulator
from labs.records import Ledger
from labs.records.ledger import LedgerError


def task(folder: Path, program: str) -> Path:
    """Return a folder like the kernel's, in which one thread runs a program."""
    (folder / "17").mkdir()
    (folder / "17" / "exe").symlink_to(program)
    return folder


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("/usr/bin/qemu-aarch64-static", "qemu-aarch64"),
        ("/usr/bin/qemu-aarch64 (deleted)", "qemu-aarch64"),
        ("/run/rosetta/rosetta", "rosetta"),
        ("/usr/bin/python3.11", ""),
        ("/home/qemu-user/python3", ""),
    ],
)
def test_the_program_that_really_runs_tells(tmp_path: Path, program: str, name: str) -> None:
    """Docker on a laptop runs ARM images through QEMU or Rosetta; a folder of that name is nothing."""
    tasks = task(tmp_path, program)
    assert emulator(tasks) == name
    # A thread that ends while the folder is read hides nothing.
    (tasks / "0").mkdir()
    assert emulator(tasks) == name


def test_this_machine_is_real() -> None:
    """Or no test of the ledger would mean anything; and without /proc nothing is claimed."""
    assert fingerprint().emulator == ""
    assert emulator(Path("/nowhere")) == ""


def test_an_emulated_record_is_refused_with_the_reason(make_measurement, tmp_path: Path) -> None:
    """It fits the schema in every field, and is not kept all the same."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    real = make_measurement()
    with pytest.raises(LedgerError, match=r"onnx-all.*qemu-aarch64.*its times mean nothing"):
        ledger.append(replace(real, machine=replace(real.machine, emulator="qemu-aarch64")))
    assert not ledger.path.exists()
    ledger.append(real)
    assert len(ledger.measurements()) == 1


def test_a_line_pasted_in_by_hand_is_skipped(make_measurement, tmp_path: Path) -> None:
    """Reading refuses what writing refuses."""
    real = make_measurement()
    forged = replace(real, machine=replace(real.machine, emulator="qemu-aarch64"))
    path = tmp_path / "ledger.jsonl"
    path.write_text("".join(json.dumps(one.to_json()) + "\n" for one in (forged, real)))
    with pytest.warns(UserWarning, match="line 1 is skipped"):
        assert Ledger(path).measurements() == [real]


def test_emulation_makes_another_machine_and_shows_it() -> None:
    """Its label says so, it is never taken for the real one, and real machines keep their identity."""
    real = fingerprint()
    imitated = replace(real, emulator="qemu-aarch64")
    assert imitated.machine_id != real.machine_id
    assert imitated.label.endswith("(emulated by qemu-aarch64)")
    assert Fingerprint.from_json(imitated.to_json()) == imitated


def test_a_rehearsed_machine_is_not_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rehearsal measures belongs to the rehearsal."""
    fingerprint.cache_clear()
    monkeypatch.setenv("REHEARSAL_MACHINE", "serve-edge-ada")
    played = fingerprint()
    fingerprint.cache_clear()
    monkeypatch.delenv("REHEARSAL_MACHINE")
    assert played.testbed == {"site": "rehearsal", "node": "rehearsed machine"}
    assert played.label.endswith("(rehearsed machine)")
    assert played.machine_id != fingerprint().machine_id
