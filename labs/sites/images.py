"""The content of an image, and the sources from which a class downloads the rest.

At the top the standard library alone: a rehearsed machine's apt asks this without any environment.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

#: Variables that installers read themselves, by their mirror in ``mirrors.toml``; node/bin/fetch.sh
#: reads the others.
_READ_BY_INSTALLERS = {
    "packages": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    "python": ("UV_PYTHON_INSTALL_MIRROR",),
    "nvidia_packages": ("NVIDIA_PIP_INDEX_URL",),
}


def expected(image: str) -> dict[str, Any]:
    """Return an image's row of ``images.toml``, with the packages of the image that it extends.

    An image that is not in the table counts as Chameleon's plain one, or as Ubuntu's container.
    """
    name = image.rpartition("/")[2].partition(":")[0]
    images = {entry["name"]: entry for entry in _table("images")["image"]}
    plain = "CC-Ubuntu24.04" if name.startswith("CC-") else "ubuntu"
    entry = images.get(name) or images[plain]
    below = expected(entry["extends"]) if "extends" in entry else {"packages": []}
    return {**below, **entry, "packages": [*below["packages"], *entry["packages"]]}


def known(image: str) -> dict[str, Any]:
    """Return an image's row, with a proof's facts in place of expectations, and its
    ``standing``.
    """
    from labs.sites.proofs import seen, standing

    row = expected(image)
    proof = seen(image=row["name"])
    facts = proof.get("facts", {})
    return {**row, **facts, "lacks": proof.get("lacks", ()), "standing": standing(proof)}


def commands(image: str) -> frozenset[str]:
    """Return an image's commands: those of ``images.toml``, without what a proof has missed."""
    row = known(image)
    return frozenset().union(*map(brought, row["packages"])).difference(row["lacks"])


def names() -> tuple[str, ...]:
    """Return the names of the images that are in ``images.toml``."""
    return tuple(entry["name"] for entry in _table("images")["image"])


def packages() -> dict[str, list[str]]:
    """Return the commands of those Ubuntu packages that are in the table."""
    return _table("images")["commands"]


def brought(package: str) -> tuple[str, ...]:
    """Return an Ubuntu package's commands; a package outside the table has one command with its own
    name.
    """
    return tuple(packages().get(package, [package]))


def mirrored() -> tuple[str, ...]:
    """Return the settings of ``mirrors.toml`` as ``NAME=address``, for the machines' scripts and
    their commands.
    """
    settings: list[str] = []
    for name, address in _table("mirrors").items():
        if address:
            variables = _READ_BY_INSTALLERS.get(name, (f"MIRROR_{name.upper()}",))
            settings += [f"{variable}={address}" for variable in variables]
    return tuple(settings)


@cache
def _table(name: str) -> dict[str, Any]:
    path = resources.files("labs").joinpath("sites", f"{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
