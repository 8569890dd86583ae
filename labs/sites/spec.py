"""The needs of each part: its block of time, the site options where it can run, and their
software.
"""

import hmac
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Literal, get_args

from labs.course.assignment import assignment_for_leases
from labs.course.lease_record import CLASS_SITE
from labs.course.roster import owner_name
from labs.course.tables import ClassMachines
from labs.sites import proofs

Part = Literal["model", "edge", "system"]
PARTS: tuple[Part, ...] = get_args(Part)
#: Their numbers in the lessons.
NUMBERS: dict[Part, int] = {part: number for number, part in enumerate(PARTS, start=1)}

#: Every resource that the labs make starts with this, so that a sweep can tell the labs' things
#: from others'.
NAME_PREFIX = "serve"


@dataclass(frozen=True)
class SiteOption:
    """One kind of machine on which a part can run."""

    name: str
    #: Site's name, such as ``CHI@TACC``.
    site: str
    #: The reserved resource: a bare-metal node, an edge device, or a virtual machine's flavor; or
    #: ``own`` for a machine that nobody has to reserve.
    resource: Literal["node", "device", "flavor", "own"]
    #: Node type, device machine name or flavor name.
    type: str
    #: Disk image of the server, or image reference of the container.
    image: str
    #: Folder under ``provisioning/node/`` whose scripts and pinned packages fit.
    machine: str
    #: One line about the hardware, for the planner.
    hardware: str
    #: Usual time from request to ACTIVE.
    boot_s: float
    #: When to give up; bare metal has been seen to need half an hour.
    boot_timeout_s: float
    #: Minute of the hour at which a block ends: back-to-back leases race, so the last minutes stay
    #: free.
    end_minute: int
    #: Differences for the lesson from the first option; empty on the first.
    changes: str
    #: Seconds of set-up's steps that a proof has seen; empty before the first.
    seen_s: Mapping[str, float] = field(default_factory=dict, compare=False)
    #: Size of the volume that it boots from, where a flavor's own disk is too small; 0 for the
    #: flavor's or the node's.
    volume_gb: int = 0
    #: Price of an hour as the assignment has it; None if it names none.
    usd_per_hour: float | None = None

    @property
    def public_site(self) -> str:
        """The site, without how SSH reaches a machine of the class."""
        return CLASS_SITE.strip() if self.site.startswith(CLASS_SITE) else self.site

    @property
    def at_site(self) -> str:
        """The site as the end of a sentence; empty for a student's own machine."""
        return "" if self.site == OWN_SITE else f" at {self.site}"

    @property
    def is_edge(self) -> bool:
        """True when the machine is a container on a device, reached without SSH."""
        return self.resource == "device"


#: Name of the place that holds students' own machines.
OWN_SITE = "own machine"


def own_option(machine: str, hardware: str) -> SiteOption:
    """Return the option of a machine that was named, by its folder of packages and its hardware."""
    return SiteOption(
        name="your own machine",
        site=OWN_SITE,
        resource="own",
        type="own",
        image="",
        machine=machine,
        hardware=hardware,
        boot_s=5.0,
        boot_timeout_s=120.0,
        end_minute=0,
        changes="What you measure is true of this machine; the lessons' figures are of others.",
    )


@dataclass(frozen=True)
class PartSpec:
    """One part of the course, as far as machines are concerned."""

    part: Part
    title: str
    #: Length of the block, the minutes after the end minute included: the assignment's, or the
    #: unit's.
    hours: int
    #: Machines in order of preference.
    options: tuple[SiteOption, ...]
    #: Usual seconds of each step on the first option.
    expected_s: Mapping[str, float]
    #: By machine: gigabytes that set-up fetches beside the course's packages, by content.
    fetches_gb: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def option(self, site: str, type_name: str | None = None) -> SiteOption:
        """Return the first option at the site, of ``type_name`` if it is given.

        Raises:
            KeyError: this part cannot run there; the message lists its sites.
        """
        for option in self.options:
            if option.site == site and type_name in (None, option.type):
                return option
        raise KeyError(
            f"{self.title} has no machine {type_name or ''} at {site}; it runs on {self._known()}"
        )

    def only(self, type_name: str) -> "PartSpec":
        """Return the part as if it ran on machines of one type only.

        Raises:
            KeyError: it never runs on that type; the message lists where it does.
        """
        options = tuple(option for option in self.options if option.type == type_name)
        if not options:
            raise KeyError(
                f"{self.title} has no machine of type {type_name}; it runs on {self._known()}"
            )
        return replace(self, options=options)

    def _known(self) -> str:
        return ", ".join(f"{option.type} at {option.site}" for option in self.options)


def load_spec(part: str) -> PartSpec:
    """Return what the part needs, as ``labs/sites/<part>.toml`` and the assignment say.

    Args:
        part: ``"model"``, ``"edge"`` or ``"system"``, or its number in the lessons as text.

    Raises:
        ValueError: no such part, or its file has an unknown or missing field.
    """
    for name, number in NUMBERS.items():
        if part in (name, str(number)):
            break
    else:
        raise ValueError(f"no part {part!r}; the parts are {', '.join(PARTS)}")
    spec = load_file(name)
    asked = assignment_for_leases().parts.get(number)
    if asked and asked.block_h:
        spec = replace(spec, hours=asked.block_h)
    # A rehearsal plays the sites, and must not reach real machines.
    if asked and asked.machines and "REHEARSAL_PORTS" not in os.environ:
        spec = replace(spec, options=_with_class_machines(spec, asked.machines))
    return spec


def _with_class_machines(spec: PartSpec, machines: ClassMachines) -> tuple[SiteOption, ...]:
    """Return a part's options on the machines that its class shares, and the sites' if allowed."""
    shared = replace(
        own_option("", "as it says of itself when your block begins"),
        name="a machine of your class",
        type=f"class-{spec.part}",
        end_minute=spec.options[0].end_minute,
        usd_per_hour=machines.usd_per_hour,
    )
    options = [replace(shared, site=f"{CLASS_SITE}{node}") for node in machines.nodes]
    if machines.beside_sites:
        options += spec.options
    return tuple(options)


@cache
def load_file(part: Part) -> PartSpec:
    """Return what ``labs/sites/<part>.toml`` alone says, which no assignment changes: the builder
    derives set-up from it.
    """
    path = resources.files("labs").joinpath("sites", f"{part}.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    expected_s = {name: float(value) for name, value in table["expected_s"].items()}
    try:
        options = tuple(_option(part, entry, table, expected_s) for entry in table["option"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"sites/{part}.toml: an option has an unknown or missing field: {error}"
        ) from error
    return PartSpec(
        part=part,
        title=table["title"],
        hours=table["hours"],
        options=options,
        expected_s=expected_s,
        fetches_gb=table.get("fetches_gb", {}),
    )


def _option(part: str, entry: dict, table: dict, expected_s: Mapping[str, float]) -> SiteOption:
    boot_s = expected_s.get("container" if entry["resource"] == "device" else "server", 600.0)
    option = SiteOption(**{"boot_s": boot_s, "end_minute": table["end_minute"], **entry})
    proof = proofs.seen(part=part, site=option.site, type=option.type)
    hardware = proofs.hardware(proof) if proof else option.hardware
    hardware = f"{hardware} ({proofs.standing(proof)})"
    steps = proof.get("steps", {})
    seen_s = {name: step["spent_s"] for name, step in steps.items()}
    return replace(option, hardware=hardware, seen_s=seen_s)


def resource_name(part: Part, owner: str | None = None) -> str:
    """Return the one name that lease, server, container and addresses of this student and part
    carry.

    A class shares one project, and duplicate names are allowed there, so the owner is part of the
    name; or, if the assignment has a word for pseudonyms, a pseudonym made with this word.
    """
    owner = owner or owner_name()
    word = assignment_for_leases().course.pseudonyms
    if word:
        digest = hmac.digest(word.encode(), owner.encode(), "sha256")
        owner = digest.hex()[:10]
    return f"{NAME_PREFIX}-{part}-{owner}"
