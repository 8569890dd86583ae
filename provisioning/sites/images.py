"""What an image brings to a machine, and where a class fetches the rest from.

At the top the standard library alone: a rehearsed machine's apt asks this without any environment.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

#: Variables that installers read themselves, by their mirror in ``mirrors.toml``; node/bin/fetch.sh reads the others.
_READ_BY_INSTALLERS = {
    "packages": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    "python": ("UV_PYTHON_INSTALL_MIRROR",),
    "nvidia_packages": ("NVIDIA_PIP_INDEX_URL",),
}


def expected(image: str) -> dict[str, Any]:
    """Return an image's row of ``images.toml``, with the packages of what it extends.

    One that is not in the table counts as Chameleon's plain one, or as Ubuntu's container.
    """
    name = image.rpartition("/")[2].partition(":")[0]
    images = {entry["name"]: entry for entry in _table("images")["image"]}
    entry = images.get(name) or images["CC-Ubuntu24.04" if name.startswith("CC-") else "ubuntu"]
    below = expected(entry["extends"]) if "extends" in entry else {"packages": []}
    return {**below, **entry, "packages": [*below["packages"], *entry["packages"]]}


def known(image: str) -> dict[str, Any]:
    """Return an image's row, with what a proof has seen in the place of what was expected, and its ``standing``."""
    from provisioning.sites.proofs import seen, standing

    row = expected(image)
    proof = seen(image=row["name"])
    return (
        row
        | proof.get("facts", {})
        | {"lacks": proof.get("lacks", ()), "standing": standing(proof)}
    )


def commands(image: str) -> frozenset[str]:
    """Return the commands that an image brings: those of ``images.toml``, without what a proof has missed."""
    row = known(image)
    return frozenset().union(*map(brought, row["packages"])).difference(row["lacks"])


def brought(package: str) -> tuple[str, ...]:
    """Return the commands that an Ubuntu package brings; one that is not in the table brings one of its own name."""
    return tuple(_table("images")["commands"].get(package, [package]))


def mirrored() -> tuple[str, ...]:
    """Return the settings of ``mirrors.toml`` as ``NAME=address``, for the machines' scripts and what they call."""
    found = []
    for name, address in _table("mirrors").items():
        variables = _READ_BY_INSTALLERS.get(name, (f"MIRROR_{name.upper()}",))
        found += [f"{variable}={address}" for variable in variables if address]
    return tuple(found)


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(
        resources.files("provisioning")
        .joinpath("sites", f"{name}.toml")
        .read_text(encoding="utf-8")
    )
