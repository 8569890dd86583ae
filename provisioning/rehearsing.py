"""Whether this process talks to the rehearsal testbed, and how to look and sign in then."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path


def rehearsing(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process talks to the rehearsal testbed."""
    return "REHEARSAL_PORTS" in environ


def poll_s() -> float:
    """Return the seconds between two looks: rehearsed machines change a hundred times faster."""
    return 0.5 if rehearsing() else 5.0


def ssh_command() -> str:
    """Return how OpenSSH is called: as it is, or with the rehearsal's own configuration and key."""
    if not rehearsing():
        return "ssh"
    config = Path(os.environ["REHEARSAL_PORTS"]).with_name("ssh_config")
    return shlex.join(["ssh", "-F", str(config), "-i", os.environ["OS_KEYPAIR_PRIVATE_KEY"]])
