"""Pins the packages of each machine for that machine's platform: ``python -m provisioning.node.lock [--check]``.

Needs ``uv`` and a package index; resolves for a platform that is not this one, so an arm64 set can be made on a laptop.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

NODE_FOLDER = Path(__file__).parent
PROJECT = NODE_FOLDER.parents[1] / "pyproject.toml"
PYTHON_VERSION = "3.11"


@dataclass(frozen=True)
class Target:
    """One set of pinned packages."""

    #: Folder under ``provisioning/node``.
    machine: str
    #: uv's name of the platform. The glibc number is the oldest that the machine's image has.
    platform: str
    #: Extras of the project that belong to it.
    extras: tuple[str, ...]


TARGETS = (
    # Ubuntu 24.04 has glibc 2.39, and perf-analyzer's wheel needs 2.38.
    Target("a100", "x86_64-manylinux_2_39", ("labs",)),
    Target("p100", "x86_64-manylinux_2_39", ()),
    # The Jupyter image for the device is built on Ubuntu 22.04.
    Target("edge", "aarch64-manylinux_2_28", ()),
)


def compile_command(target: Target, output: Path) -> list[str]:
    """Return the command that resolves the target into a file; versions already in that file are kept if they fit."""
    extras = [word for extra in target.extras for word in ("--extra", extra)]
    inputs = [str(PROJECT), str(NODE_FOLDER / target.machine / "requirements.in")]
    uv = shutil.which("uv")
    if uv is None:
        raise FileNotFoundError("uv is not installed: `pip install uv`")
    return [
        *(uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", *inputs, *extras),
        *("--python-version", PYTHON_VERSION, "--python-platform", target.platform, "--output-file", str(output)),
    ]


def pinned_file(target: Target) -> Path:
    """Return where the target's pinned packages are kept."""
    return NODE_FOLDER / target.machine / "requirements.txt"


def stale(target: Target) -> str:
    """Return an empty text when the pinned packages still fit what the project asks for, else what differs."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "requirements.txt"
        current = pinned_file(target)
        if current.exists():
            shutil.copy(current, fresh)
        done = subprocess.run(compile_command(target, fresh), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr.strip()
        before = set(current.read_text(encoding="utf-8").split()) if current.exists() else set()
        after = set(fresh.read_text(encoding="utf-8").split())
    return "" if before == after else f"- {sorted(before - after)} + {sorted(after - before)}"


def main() -> int:
    """Pin every target, or with ``--check`` say which pins no longer fit; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a pin no longer fits")
    arguments = parser.parse_args()
    failed = False
    for target in TARGETS:
        if arguments.check:
            difference = stale(target)
            failed |= bool(difference)
            print(f"{target.machine}: {difference or 'fits'}")
        else:
            subprocess.run(compile_command(target, pinned_file(target)), check=True)
            print(f"{target.machine}: {len(pinned_file(target).read_text(encoding='utf-8').splitlines())} packages")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
