"""The fingerprint of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from labs.machine import Fingerprint, fingerprint
from labs.machine.fingerprint import amd_gpus, usable_cpu_count


def test_fingerprint_survives_json() -> None:
    """This machine's fingerprint is plain JSON and comes back equal."""
    here = fingerprint()
    assert Fingerprint.from_json(json.loads(json.dumps(here.to_json()))) == here
    assert here.memory_bytes > 2**28
    assert here.cpu_model != "unknown"


def test_fingerprint_is_not_personal() -> None:
    """Neither host name nor user name is in it."""
    import getpass
    import platform

    text = json.dumps({k: v for k, v in fingerprint().to_json().items() if k != "system"})
    assert platform.node() not in text
    assert f'"{getpass.getuser()}"' not in text


def test_affinity_is_respected() -> None:
    """A process held to one processor counts one."""
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from labs.machine.fingerprint import usable_cpu_count; print(usable_cpu_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert usable_cpu_count() >= 1


def node(folder: Path, number: int, banks: dict[str, int] | None = None, **properties: int) -> None:
    """Write a node as the kernel's compute driver describes it."""
    place = folder / "nodes" / str(number)
    place.mkdir(parents=True)
    (place / "properties").write_text("".join(f"{name} {value}\n" for name, value in properties.items()))
    for name, size in (banks or {}).items():
        (place / "mem_banks" / name).mkdir(parents=True)
        (place / "mem_banks" / name / "properties").write_text(f"heap_type 1\nsize_in_bytes {size}\n")


def test_amd_cards_are_read_from_the_kernel(tmp_path: Path) -> None:
    """Processors are nodes too and no cards; a card has name, memory and a number of its own, and no CUDA."""
    node(tmp_path, 0, cpu_cores_count=64, vendor_id=0)
    known = {"vendor_id": 0x1002, "device_id": 0x738C, "gfx_target_version": 90008}
    node(tmp_path, 10, {"0": 32 << 30}, unique_id=0xABC, **known)
    node(tmp_path, 2, {"0": 32 << 30}, unique_id=0x123, **known)
    node(tmp_path, 3, {"0": 16 << 30}, vendor_id=0x1002, device_id=1, gfx_target_version=110002, unique_id=5)
    (tmp_path / "version").write_text("6.12.12\n")
    found = amd_gpus(tmp_path / "nodes", tmp_path / "version")
    assert [card.name for card in found] == ["AMD Instinct MI100", "AMD gfx1102", "AMD Instinct MI100"]
    assert found[0].uuid == "GPU-0000000000000123"
    assert found[0].memory_bytes == 32 << 30
    assert {(card.compute_capability, card.driver) for card in found} == {("", "6.12.12")}
    assert replace(fingerprint(), gpus=found).cuda_gpus == ()
    assert amd_gpus(tmp_path / "none", tmp_path / "none") == ()
