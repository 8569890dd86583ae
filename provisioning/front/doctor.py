"""Possible faults of a course on this computer: one sentence per finding, with its fix. It changes
nothing.
"""

import importlib.util
import os
import shutil
import sys
import tomllib
import warnings
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from labs.records import Ledger
from labs.shell import setup
from labs.workspace import PROJECT_DIR, workspace_dir
from provisioning.environment import has_nvidia_gpu, is_cuda
from provisioning.front.lab import existing_part, unwritable

#: Size of the models and results of all lessons, without the environment.
_ROOM_BYTES = 3 * 10**9

#: One module for each extra of pyproject.toml that a student's lessons import.
_MODULES = {
    "torch": "labs",
    "onnxruntime": "labs",
    "jupyterlab": "labs",
    "tritonclient": "serving",
    "chi": "provisioning",
}


@dataclass(frozen=True)
class Finding:
    """One check."""

    name: str
    #: The finding, in one sentence.
    sentence: str
    #: The fix; empty without a fault.
    way_out: str = ""
    harmless: bool = False  #: The course runs all the same.

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return self.harmless or not self.way_out

    def __str__(self) -> str:
        if not self.ok:
            word = "wrong"
        elif self.way_out:
            word = "note "
        else:
            word = "ok   "
        return f"{word} {self.name}: {self.sentence} {self.way_out}".rstrip()


def findings() -> tuple[Finding, ...]:
    """Return the findings, in the order in which a student needs them."""
    folder = workspace_dir()
    return (
        _python(),
        _packages(),
        _cuda(),
        _writable(folder),
        _room(folder),
        _ledger(folder / "ledger.jsonl"),
        _account(),
    )


def _python() -> Finding:
    from packaging.specifiers import SpecifierSet

    pyproject = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = pyproject["project"]["requires-python"]
    version = ".".join(map(str, sys.version_info[:3]))
    if SpecifierSet(wanted).contains(version):
        return Finding("Python", f"{version}, in {sys.prefix}")
    return Finding(
        "Python",
        f"{version} is not {wanted}, which the pinned packages need.",
        f"Run `{setup('clean setup')}`.",
    )


def _packages() -> Finding:
    absent = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if not absent:
        return Finding("packages", "what the lessons import is installed")
    names = ", ".join(absent)
    if "NB_USER" in os.environ:
        # The Hub's small Jupyter drives leases, and has no room for the rest.
        return Finding(
            "packages", f"not here: {names}; their lessons run at home and on the machines"
        )
    extras = ", ".join(dict.fromkeys(_MODULES[name] for name in absent))
    return Finding(
        "packages", f"{names} cannot be imported ({extras}).", f"Run `{setup()}`; it goes on."
    )


def _cuda() -> Finding:
    libraries = {package.name: package for package in distributions() if is_cuda(package.name)}
    if not libraries:
        return Finding("CUDA", "none of its libraries is here")
    if has_nvidia_gpu():
        return Finding("CUDA", f"{len(libraries)} of its libraries are installed")
    size_bytes = 0
    for package in libraries.values():
        size_bytes += sum(file.size or 0 for file in package.files or ())
    size_gb = size_bytes / 1e9
    clean_setup = setup("clean setup")
    return Finding(
        "CUDA",
        f"{len(libraries)} of its libraries take {size_gb:.1f} GB, and there is no NVIDIA GPU "
        "here.",
        f"Lessons run all the same. Where download.pytorch.org answers, `{clean_setup}` brings "
        "the CPU build.",
        harmless=True,
    )


def _writable(folder: Path) -> Finding:
    if why := unwritable(folder):
        return Finding(
            "results",
            f"{folder} cannot be written ({why}).",
            "Copy the course to a folder of your own, or `export SERVING_LABS_WORKSPACE=` a "
            "folder that is.",
        )
    return Finding("results", f"are kept in {folder}")


def _room(folder: Path) -> Finding:
    free_bytes = shutil.disk_usage(existing_part(folder)).free
    free_gb = free_bytes / 1e9
    sentence = f"{free_gb:.1f} GB are free where your results go"
    if free_bytes >= _ROOM_BYTES:
        return Finding("disk", sentence)
    wanted_gb = _ROOM_BYTES / 1e9
    return Finding(
        "disk",
        f"{sentence}, and {wanted_gb:.0f} GB are wanted.",
        "Delete what is not needed there.",
    )


def _ledger(path: Path) -> Finding:
    if not path.exists():
        return Finding("ledger", "nothing is measured or answered yet")
    with warnings.catch_warnings(record=True) as unread:
        warnings.simplefilter("always")
        count = len(Ledger(path).read())
    if not unread:
        return Finding("ledger", f"{count} entries, all readable")
    first = unread[0].message
    return Finding(
        "ledger",
        f"{len(unread)} lines cannot be read, beside {count} that can: {first}.",
        "They are skipped, and nothing else is lost; answer or measure again what they held.",
    )


def _account() -> Finding:
    from labs.sites.spec import resource_name

    if "OS_AUTH_URL" not in os.environ:
        return Finding(
            "Chameleon", "no credentials here; leases are made in Chameleon's Jupyter, or rehearsed"
        )
    if os.environ.get("OS_PROJECT_NAME") or os.environ.get("OS_PROJECT_ID"):
        lease_name = resource_name("model")
        return Finding(
            "Chameleon", f"credentials are set; part 1's lease will be called {lease_name}"
        )
    return Finding(
        "Chameleon", "no project is chosen.", "Choose your class's: `export OS_PROJECT_NAME=CHI-…`."
    )
