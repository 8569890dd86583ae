"""The fingerprint of this machine, and of one that is imitated or rehearsed."""

import getpass
import json
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from labs.machine import Fingerprint, fingerprint
from labs.machine.fingerprint import amd_gpus, emulator, usable_cpu_count
from labs.machine.sensors import Heat, read_heat
from labs.records import Ledger
from labs.records.ledger import LedgerError


def test_fingerprint_survives_json_and_is_not_personal() -> None:
    """It is plain JSON and comes back equal; it leaves out host name and user name."""
    here = fingerprint()
    assert Fingerprint.from_json(json.loads(json.dumps(here.to_json()))) == here
    assert here.memory_bytes > 2**28
    assert here.cpu_model != "unknown"
    assert here.emulator == "", "or no test of the ledger would mean anything"
    text = json.dumps({k: v for k, v in here.to_json().items() if k != "system"})
    assert platform.node() not in text
    assert f'"{getpass.getuser()}"' not in text


def test_affinity_is_respected() -> None:
    """A process held to one processor counts one."""
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from labs.machine.fingerprint import usable_cpu_count; print(usable_cpu_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert usable_cpu_count() >= 1


def node(folder: Path, number: int, bank: int = 0, **properties: int) -> None:
    """Write a node as the kernel's compute driver describes it."""
    place = folder / "nodes" / str(number)
    (place / "mem_banks" / "0").mkdir(parents=True)
    (place / "properties").write_text(
        "".join(f"{name} {value}\n" for name, value in properties.items())
    )
    (place / "mem_banks" / "0" / "properties").write_text(f"heap_type 1\nsize_in_bytes {bank}\n")


def test_amd_cards_are_read_from_the_kernel(tmp_path: Path) -> None:
    """Processors are nodes too, but not cards; a card has a name, memory and its own number, but no
    CUDA.
    """
    node(tmp_path, 0, cpu_cores_count=64, vendor_id=0)
    node(tmp_path, 10, 32 << 30, unique_id=0xABC, vendor_id=0x1002, device_id=0x738C)
    node(tmp_path, 2, 16 << 30, unique_id=5, vendor_id=0x1002, device_id=1)
    cards = amd_gpus(tmp_path / "nodes")
    assert [card.name for card in cards] == ["AMD card 0x0001", "AMD Instinct MI100"]
    assert cards[1].uuid == "GPU-0000000000000abc"
    assert cards[1].memory_bytes == 32 << 30
    assert replace(fingerprint(), gpus=cards).cuda_gpus == ()
    assert amd_gpus(tmp_path / "none") == ()


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
    """Docker on a laptop runs ARM images through QEMU or Rosetta; without /proc nothing is
    claimed.
    """
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "exe").symlink_to(program)
    (tmp_path / "0").mkdir()  # a thread that ends while the folder is read hides nothing
    assert emulator(tmp_path) == name
    assert emulator(tmp_path / "nowhere") == ""


def test_an_emulated_record_is_neither_kept_nor_read(make_measurement, tmp_path: Path) -> None:
    """It fits the schema in every field, and is refused with the reason; a line pasted in by hand
    is skipped.
    """
    ledger = Ledger(tmp_path / "ledger.jsonl")
    real = make_measurement()
    forged = replace(real, machine=replace(real.machine, emulator="qemu-aarch64"))
    with pytest.raises(LedgerError, match=r"onnx-all.*qemu-aarch64.*its times mean nothing"):
        ledger.append(forged)
    assert not ledger.path.exists()
    lines = [json.dumps(record.to_json()) + "\n" for record in (forged, real)]
    ledger.path.write_text("".join(lines))
    with pytest.warns(UserWarning, match="line 1 is skipped"):
        assert ledger.measurements() == [real]


def test_what_is_played_is_another_machine_and_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an imitated processor nor a rehearsed node is taken for this computer."""
    real = fingerprint()
    imitated = replace(real, emulator="qemu-aarch64")
    assert imitated.label.endswith("(emulated by qemu-aarch64)")
    fingerprint.cache_clear()
    monkeypatch.setenv("REHEARSAL_MACHINE", "serve-edge-ada")
    played = fingerprint()
    fingerprint.cache_clear()
    assert played.testbed == {"site": "rehearsal", "node": "rehearsed machine"}
    assert played.label.endswith("(rehearsed machine)")
    assert len({machine.machine_id for machine in (real, imitated, played)}) == 3


#: A Raspberry Pi 5, and the same without what only a Pi has.
PI = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "81250",
    "sys/class/thermal/thermal_zone1/type": "rp1_adc",
    "sys/class/thermal/thermal_zone1/temp": "90000",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000",
    "sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq": "1800000",
}
TOLD = {"measure_temp": "temp=48.3'C\n", "get_throttled": "throttled=0x50000\n"}
ODD = {"sys/class/thermal/thermal_zone0/temp": "n/a", "sys/class/thermal/thermal_zone0/type": "cpu"}


@pytest.mark.parametrize(
    ("files", "replies", "expected"),
    [
        (
            PI | {"sys/devices/platform/soc/soc:firmware/get_throttled": "e0008"},
            {},
            Heat(81.25, 1.8e9, 0xE0008),
        ),
        (
            PI
            | {
                "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "e0008"
            },
            {},
            Heat(81.25, 1.8e9, 0xE0008),
        ),
        ({}, TOLD, Heat(48.3, None, 0x50000)),
        (
            {"proc/cpuinfo": "cpu MHz\t\t: 2596.118"},
            {},
            Heat(None, pytest.approx(2596.118e6), None),
        ),
        (ODD, dict.fromkeys(TOLD, "VCHI initialization failed"), Heat()),
    ],
    ids=["Pi 4", "Pi 5", "vcgencmd alone", "virtual machine", "garbage"],
)
def test_a_machine_is_read(
    files: dict[str, str], replies: dict[str, str], expected: Heat, tmp_path: Path
) -> None:
    """It reads its own zone, not the hottest one; kHz become Hz; an unreadable value is None, never
    a guess.
    """
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    heat = read_heat(tmp_path, lambda words: replies.get(words[1], ""))
    assert heat == expected
    assert read_heat(tmp_path / "nothing") == Heat(), "a command that is not there is silence"
    names = ("temperature", "frequency", "throttle flags")
    values = (heat.temperature_c, heat.frequency_hz, heat.throttle_bits)
    assert heat.unreadable == tuple(
        name for name, value in zip(names, values, strict=True) if value is None
    )
