"""Files that travel to a device, told apart by their hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from labs.bench.targets import model_file
from labs.records import Measurement


class Arrived(Protocol):
    """What a device says about a file that it has now."""

    #: Its name.
    name: str
    #: sha256 of its bytes, computed over there.
    sha256: str
    #: Its size in bytes.
    size_bytes: int


def fingerprints_of(paths: Iterable[Path]) -> dict[str, dict]:
    """Return hash and size of files, by name, as plain JSON.

    Args:
        paths: Files on this computer.
    """
    files = [model_file(path) for path in paths]
    return {file.name: {"sha256": file.sha256, "size_bytes": file.size_bytes} for file in files}


def comparison_of_hashes(made: Mapping[str, dict], brought: Iterable[Arrived]) -> dict[str, dict]:
    """Return, by file name, both hashes and the size over there, as plain JSON.

    Args:
        made: From ``fingerprints_of``.
        brought: What the device says.
    """
    return {
        one.name: {"here": made[one.name]["sha256"], "there": one.sha256, "size_bytes": one.size_bytes}
        for one in brought
    }


def measured_before(records: Iterable[Measurement], made: Mapping[str, dict]) -> dict[str, list[str]]:
    """Return, by file name, the options under which records from elsewhere have measured these very bytes.

    Args:
        records: A ledger's; what a device has measured is left out.
        made: From ``fingerprints_of``.
    """
    known = [record for record in records if record.model and not record.option.startswith("edge-")]
    return {
        name: sorted({record.option for record in known if record.model.sha256 == file["sha256"]})
        for name, file in made.items()
    }
