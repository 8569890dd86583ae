"""Pins the packages that are put on each machine, with their hashes.

``python -m provisioning.node.lock`` resolves the packages for each machine's platform, which need
not be this one (an arm64 set can be made on a laptop); it needs ``uv`` and a package index.
Versions that still fit stay, so that ``git diff`` shows afterwards which pins no longer did.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from labs.shell import python

NODE_FOLDER = Path(__file__).parent
PROJECT = NODE_FOLDER.parents[1] / "pyproject.toml"


@dataclass(frozen=True)
class LockTarget:
    """One set of pinned packages."""

    #: Folder under ``provisioning/node``.
    machine: str
    #: uv's name of the platform. The glibc number is the oldest that the machine's image has.
    platform: str
    #: Extras of the project that belong to it.
    extras: tuple[str, ...] = ()
    #: Whether the course itself runs there, with what ``pyproject.toml`` asks for.
    course: bool = True
    python: str = "3.11"


TARGETS = (
    # Ubuntu 24.04 has glibc 2.39, and perf-analyzer's wheel needs 2.38.
    LockTarget("a100", "x86_64-manylinux_2_39", ("labs",)),
    LockTarget("p100", "x86_64-manylinux_2_39"),
    # The lessons' own extra as on the A100; overrides.txt takes PyPI's torch out, since torch.txt
    # brings AMD's builds.
    LockTarget("mi100", "x86_64-manylinux_2_39", ("labs",)),
    # Inside NVIDIA's Triton: the older of its Pythons, that of 24.10 on Ubuntu 22.04. The hashes
    # cover the newer one's.
    LockTarget("triton", "x86_64-manylinux_2_35", course=False, python="3.10"),
    # The Jupyter image for the device is built on Ubuntu 22.04.
    LockTarget("edge", "aarch64-manylinux_2_28"),
    # The hashes cover the wheels of every platform.
    LockTarget("uv", "x86_64-manylinux_2_28", course=False),
)


def compile_command(target: LockTarget, output: Path) -> list[str]:
    """Return the command that resolves the target into a file; versions already in that file are
    kept if they fit.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise FileNotFoundError(f"uv is not installed: `{python('pip install uv')}`")
    folder = NODE_FOLDER / target.machine
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command.append("--generate-hashes")
    if target.course:
        command.append(str(PROJECT))
    command.append(str(folder / "requirements.in"))
    for extra in target.extras:
        command += ["--extra", extra]
    # overrides.in is for this command alone; overrides.txt is also for the installer.
    for overrides in sorted(folder.glob("overrides.*")):
        command += ["--overrides", str(overrides)]
    command += ["--python-version", target.python, "--python-platform", target.platform]
    command += ["--output-file", str(output)]
    return command


def pinned_file(target: LockTarget) -> Path:
    """Return where the target's pinned packages are kept."""
    return NODE_FOLDER / target.machine / "requirements.txt"


def pins(text: str) -> dict[str, set[str]]:
    """Return the hashes of each pinned package, by ``name==version`` and its marker if any."""
    hashes_of: dict[str, set[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        if requirement.strip() and not requirement.startswith("#"):
            hashes_of[requirement.strip()] = {each.strip() for each in hashes}
    return hashes_of


def main() -> None:
    """Pin every target."""
    for target in TARGETS:
        pinned = pinned_file(target)
        subprocess.run(compile_command(target, pinned), check=True)
        count = len(pins(pinned.read_text(encoding="utf-8")))
        print(f"{target.machine}: {count} packages")


if __name__ == "__main__":
    main()
