"""A check-up before the first lease: who am I, is the key there, what will things be called. It changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning import lab
from provisioning.sites.spec import owner_name
from provisioning.testbed import Testbed
from provisioning.testbed.errors import ProvisioningError

_PRIVATE_KEY = "OS_KEYPAIR_PRIVATE_KEY"


@dataclass(frozen=True)
class Finding:
    """One line of the check-up."""

    #: What was looked at.
    name: str
    ok: bool
    #: What was found, and where it is not well, what to do.
    said: str


def checkup(
    site: str = "CHI@TACC",
    open_site: Callable[[str], Testbed] = lab.open_testbed,
    environ: Mapping[str, str] = os.environ,
) -> tuple[Finding, ...]:
    """Return what a student's account, key and name look like from here.

    Args:
        site: where to sign in.
        open_site: opens a site by its name.
        environ: environment of this process.
    """
    where = "the rehearsal on this computer" if lab.rehearsing(environ) else "Chameleon itself"
    missing = "OS_PROJECT_NAME is not set: choose your class's project, `context.use_project('CHI-…')`"
    project = environ.get("OS_PROJECT_NAME", "")
    try:
        leases = open_site(site).leases()
        signed_in = Finding("signed in", True, f"{site} answers, and lists {len(leases)} leases of your project")
    except ProvisioningError as error:
        signed_in = Finding("signed in", False, f"{error.what}. {error.way_out}")
    return (
        Finding("testbed", True, f"python-chi talks to {where}"),
        Finding("project", bool(project), project or missing),
        signed_in,
        _key(environ),
        Finding("your name", True, f"leases and machines will be called serve-…-{owner_name(environ)}"),
    )


def checkup_text(found: tuple[Finding, ...]) -> str:
    """Return one line a finding."""
    return "\n".join(f"{'yes' if one.ok else 'no '}  {one.name}: {one.said}" for one in found)


def _key(environ: Mapping[str, str]) -> Finding:
    name = environ.get(_PRIVATE_KEY, "")
    path = Path(name) if name else Path.home() / ".ssh" / "id_rsa"
    if not path.is_file():
        make = f"make one with `ssh-keygen`, and set {_PRIVATE_KEY} and OS_KEYPAIR_PUBLIC_KEY to its two files"
        return Finding("key pair", False, f"there is no private key at {path}: {make}")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        # OpenSSH refuses such a key, with a page of text in which the reason is easily missed.
        return Finding("key pair", False, f"others can read {path}, so ssh will refuse it: `chmod 600 {path}`")
    return Finding("key pair", True, f"{path.name}, readable by you only")
