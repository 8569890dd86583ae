"""Pins the packages that are put on each machine, with their hashes.

``python -m provisioning.node.lock`` resolves the packages for each machine's platform, which need not be this one (an
arm64 set can be made on a laptop); it needs ``uv`` and a package index. Versions that still fit stay, so that
``git diff`` shows afterwards which pins no longer did.
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
class Target:
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
    Target("a100", "x86_64-manylinux_2_39", ("labs",)),
    Target("p100", "x86_64-manylinux_2_39"),
    # The lessons' own extra as on the A100; overrides.txt takes PyPI's torch out, since torch.txt brings AMD's builds.
    Target("mi100", "x86_64-manylinux_2_39", ("labs",)),
    # Inside NVIDIA's Triton: the older of its Pythons, that of 24.10 on Ubuntu 22.04. The hashes cover the newer one's.
    Target("triton", "x86_64-manylinux_2_35", course=False, python="3.10"),
    # The Jupyter image for the device is built on Ubuntu 22.04.
    Target("edge", "aarch64-manylinux_2_28"),
    # The hashes cover the wheels of every platform.
    Target("uv", "x86_64-manylinux_2_28", course=False),
)


def compile_command(target: Target, output: Path) -> list[str]:
    """Return the command that resolves the target into a file; versions already in that file are kept if they fit."""
    extras = [word for extra in target.extras for word in ("--extra", extra)]
    inputs = [str(PROJECT)] if target.course else []
    inputs.append(str(NODE_FOLDER / target.machine / "requirements.in"))
    # What stands in overrides.in is for this alone; overrides.txt is also given to the installer.
    for overrides in sorted((NODE_FOLDER / target.machine).glob("overrides.*")):
        extras += ["--overrides", str(overrides)]
    uv = shutil.which("uv")
    if uv is None:
        raise FileNotFoundError(f"uv is not installed: `{python('pip install uv')}`")
    return [
        *(
            uv,
            "pip",
            "compile",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--generate-hashes",
            *inputs,
            *extras,
        ),
        *(
            "--python-version",
            target.python,
            "--python-platform",
            target.platform,
            "--output-file",
            str(output),
        ),
    ]


def pinned_file(target: Target) -> Path:
    """Return where the target's pinned packages are kept."""
    return NODE_FOLDER / target.machine / "requirements.txt"


def pins(text: str) -> dict[str, set[str]]:
    """Return the hashes of each pinned package (``name==version``, with a marker where it has one)."""
    found: dict[str, set[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        if requirement.strip() and not requirement.startswith("#"):
            found[requirement.strip()] = {each.strip() for each in hashes}
    return found


def main() -> None:
    """Pin every target."""
    for target in TARGETS:
        subprocess.run(compile_command(target, pinned_file(target)), check=True)
        print(
            f"{target.machine}: {len(pins(pinned_file(target).read_text(encoding='utf-8')))} packages"
        )


if __name__ == "__main__":
    main()
