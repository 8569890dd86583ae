"""The version of the code that made a record."""

import functools
import subprocess
from importlib import metadata
from pathlib import Path


@functools.lru_cache(maxsize=1)
def code_version() -> str:
    """Return the package's version with the commit, such as '0.1.0+4f2a9c1' ('-dirty' with local
    changes).
    """
    try:
        version = metadata.version("model-serving-labs")
    except metadata.PackageNotFoundError:
        version = "0"
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return version  # no git, or not a checkout: the version is all there is
    commit = described.stdout.strip()
    return f"{version}+{commit}"


def library_versions(*names: str) -> dict[str, str]:
    """Return the versions of the installed distributions among the given ones."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
