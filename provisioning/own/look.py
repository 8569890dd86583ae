"""The look at a machine of one's own before anything is made on it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from labs.shell import msl
from labs.sites.spec import Part, resource_name
from provisioning.chameleon.shells import SshShell
from provisioning.own.place import MARK, OwnMachine, keep, named_machine, way_to
from provisioning.setup.jobs import script
from provisioning.testbed import errors

#: Commands that set-up calls on every machine, by the Debian package that brings them.
_PACKAGES = {
    "awk": "mawk",
    "bash": "bash",
    "flock": "util-linux",
    "gzip": "gzip",
    "ps": "procps",
    "python3": "python3",
    "setsid": "util-linux",
    "sha256sum": "coreutils",
    "tar": "tar",
}
#: Jupyter's start asks it whether it answers.
_FOR_JUPYTER = {"curl": "curl"}
#: Folder of ``provisioning/node`` by part, for each maker of GPUs.
_WITH_NVIDIA = {"model": "a100", "system": "p100"}
_WITH_AMD = {"model": "mi100"}
#: Gigabytes that the packages of each take (``environment.sh`` asks for them, too).
_NEEDED_GB = {"a100": 18, "mi100": 30, "p100": 16, "edge": 3}
_SEEN = re.compile(r"saw (?P<key>\w+) (?P<value>.+)")


@dataclass(frozen=True)
class Inspection:
    """What a machine said about itself, and what follows for a part."""

    part: Part
    node: str
    seen: Mapping[str, Sequence[str]]

    def _first(self, key: str, otherwise: str = "") -> str:
        return next(iter(self.seen.get(key, ())), otherwise)

    @property
    def machine(self) -> str:
        """The folder of ``provisioning/node`` whose packages fit; empty if none does."""
        if self.part == "edge":
            return "edge"
        if self.seen.get("gpu"):
            return _WITH_NVIDIA[self.part]
        return _WITH_AMD.get(self.part, "") if self.seen.get("amd") else ""

    @property
    def hardware(self) -> str:
        """Its GPUs and processor, in its own words."""
        gpus = [*self.seen.get("gpu", ()), *self.seen.get("amd", ())]
        processor = self._first("processor", "a processor without a name")
        threads = self._first("threads", "?")
        return ", ".join([*gpus, f"{processor} ({threads} threads)"])

    def lacking(self) -> list[str]:
        """Return what the part cannot do without, each with how the machine gets it."""
        lacking = []
        packages = _PACKAGES | _FOR_JUPYTER
        missing = {packages[name] for name in self.seen.get("lacks", ())}
        if not (self.seen.get("uv") or self.seen.get("venv")):
            missing.add("python3-venv")
        if missing:
            names = " ".join(sorted(missing))
            lacking.append(f"packages: sudo apt-get install {names}")
        if not self.machine:
            lacking.append(
                "a GPU with its driver: `nvidia-smi` shows none. This part measures on one; "
                "without it, do its lessons on your computer"
            )
        free_gb = int(self._first("free_gb", "0"))
        needed_gb = _NEEDED_GB.get(self.machine, 0)
        is_there = self._first("folder") == "ours"
        if free_gb < needed_gb and not is_there:
            home = self._first("home")
            lacking.append(f"room: {free_gb} GB are free under {home}, and {needed_gb} are needed")
        if self._first("folder") == "not ours":
            lacking.append(f"a free name: ~/{resource_name(self.part)} is there already")
        return lacking

    def left_out(self) -> list[str]:
        """Return what set-up leaves out on this machine, each with the reason."""
        left_out = ["automatic updates and the driver are left as they are"]
        if self.part == "system" and not self.seen.get("docker"):
            left_out.append(
                "Triton's container: this account cannot use Docker (a user of the group docker "
                "or of sudo can)"
            )
        if self.machine == "mi100":
            left_out.append("MIGraphX, unless ROCm 7 is installed")
        if self.part == "edge":
            left_out.append("a Jupyter on the device: the lessons run on your computer")
        return left_out

    def text(self) -> str:
        """Return what it is, what will be made where, and what is missing."""
        sudo = "without a password" if self.seen.get("sudo") else "none, and none is needed"
        folder = resource_name(self.part)
        system = self._first("system", "an unknown system")
        lines = [f"{self.node}: {system}, {self._first('kernel')}", f"  {self.hardware}"]
        memory_gb = self._first("memory_gb", "?")
        free_gb = self._first("free_gb", "?")
        lines.append(f"  {memory_gb} GB of memory, {free_gb} GB free under {self._first('home')}")
        lines.append(f"  sudo: {sudo}")
        if self.machine:
            packages = f"Python packages ({_NEEDED_GB[self.machine]} GB at most)"
            lines.append(
                f"Everything goes into ~/{folder}: the course, {packages}, data, your work. "
                "Nothing else changes, and the release deletes it."
            )
            lines += [f"left out: {each}" for each in self.left_out()]
        lines += [f"missing: {each}" for each in self.lacking()]
        return "\n".join(lines)


def inspect(part: Part, node: str, key: str = "") -> Inspection:
    """Return what a machine says about itself; nothing is made on it.

    Raises:
        HostKeyError: this computer does not know the machine's host key, or knows another one.
        NoKeyError: it does not accept the key.
        NotReachableError: it does not answer.
    """
    commands = dict(_PACKAGES)
    if part != "edge":
        commands |= _FOR_JUPYTER
    command = script("inspect", folder=resource_name(part), mark=MARK, commands=" ".join(commands))
    done = SshShell(way_to(node, key)).run(command, timeout_s=120)
    seen: dict[str, list[str]] = {}
    for line in done.output.splitlines():
        match = _SEEN.fullmatch(line.strip())
        if match:
            seen.setdefault(match["key"], []).append(match["value"][:200])
    if not seen.get("kernel"):
        raise errors.CommandFailedError(
            f"{node} gave no clear answer: {done.output.strip()[:300]}",
            likely="It is no Linux machine, or its account starts something other than a shell.",
        )
    return Inspection(part, node, seen)


def name_machine(inspection: Inspection, key: str) -> None:
    """Take a machine for a part, after a look at it; one that was taken already stays as it is.

    Raises:
        ConflictError: the part has another one.
    """
    part = inspection.part
    name = resource_name(part)
    way = way_to(inspection.node, key)
    there = (way.user, way.host, way.port)
    before = named_machine(name)
    if before is not None and (before.user, before.host, before.port) != there:
        release = msl(f"lease release {part}")
        raise errors.ConflictError(
            f"{name} is on {before.user}@{before.host} already",
            likely="An earlier set-up was never released.",
            way_out=f"Release that one first: `{release}`.",
        )
    machine = OwnMachine(
        name,
        *there,
        key=key,
        machine=inspection.machine,
        hardware=inspection.hardware,
        since=before.since if before else datetime.now(UTC).isoformat(),
        entered=before is not None and before.entered,
    )
    keep(machine)
