"""The environment that turns unmodified python-chi towards the rehearsal, and how a kernel takes it
on.
"""

import getpass
import hashlib
import os
import re
import shlex
import sys
from pathlib import Path

from chameleon_rehearsal import control, place
from chameleon_rehearsal.errors import RehearsalDownError
from chameleon_rehearsal.software import Software
from chameleon_rehearsal.startup import sockets

_STARTUP = Path(__file__).with_name("startup")
#: Variables that Chameleon's own Jupyter sets.
_OF_CHAMELEON = ("OS_ACCESS_TOKEN", "OS_IDENTITY_PROVIDER")


def rehearsing() -> bool:
    """Return whether this process talks to a rehearsal."""
    return "REHEARSAL_PORTS" in os.environ


def on_chameleon() -> bool:
    """Return whether Chameleon's own Jupyter started this process, and it talks to the real one."""
    return _started_by_chameleon() and not rehearsing()


def rehearses_at_chameleon() -> bool:
    """Return whether Chameleon's own Jupyter started this process, and it was turned away from
    the real one.
    """
    return _started_by_chameleon() and rehearsing()


def _started_by_chameleon() -> bool:
    return any(os.environ.get(name) for name in _OF_CHAMELEON)


def variables(home: Path | None = None, user: str | None = None) -> dict[str, str]:
    """Return the variables that unmodified python-chi needs, for one student.

    Args:
        home: The rehearsal's folder; it must have been started once.
        user: The student's name; the name of this computer's user by default.

    Returns:
        Names and values. The key pair they name is made when it is missing.

    Raises:
        RehearsalDownError: The rehearsal was never started.
    """
    home = home or place.folder()
    user = user or os.environ.get("REHEARSAL_USER") or getpass.getuser()
    port = place.port(home)
    if port is None:
        raise RehearsalDownError
    root = f"http://127.0.0.1:{port}"
    private = _key_pair(home, user)
    inherited = [
        p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != str(_STARTUP)
    ]
    openstack = {
        "CHI_RESOURCE_API_URL": root,
        "EDGE_RESOURCE_API_URL": f"{root}/edge-hw-discovery/devices",
        "OS_AUTH_TYPE": "v3password",
        "OS_AUTH_URL": f"{root}/tacc:5000/v3",
        "OS_REGION_NAME": "CHI@TACC",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": user,
        "OS_PASSWORD": place.password(place.secret(home), user),
        "OS_USER_DOMAIN_NAME": "chameleon",
        "OS_PROJECT_DOMAIN_NAME": "chameleon",
        "OS_PROJECT_NAME": f"CHI-rehearsal-{user}",
    }
    key_pair = {
        "OS_KEYPAIR_PRIVATE_KEY": str(private),
        "OS_KEYPAIR_PUBLIC_KEY": f"{private}.pub",
        # python-chi names the key pair after $USER, which some containers do not set. Nova refuses
        # a dot in such a name.
        "USER": re.sub(r"[^-_a-zA-Z0-9]", "-", os.environ.get("USER") or user),
    }
    network = {
        # For the site whose address python-chi has built in, an https one.
        "OS_CAFILE": str(home / place.CERTIFICATE),
        # Both spellings are read, by different libraries.
        "NO_PROXY": _no_proxy(),
        "no_proxy": _no_proxy(),
    }
    rehearsal = {
        "REHEARSAL_HOME": str(home),
        "REHEARSAL_USER": user,
        "REHEARSAL_PORTS": str(home / "ports.json"),
        "PYTHONPATH": os.pathsep.join([str(_STARTUP), *inherited]),
    }
    return openstack | key_pair | network | rehearsal


def export_lines(home: Path | None = None, user: str | None = None) -> str:
    """Return the variables as `export` lines for a POSIX shell."""
    return "\n".join(f"export {k}={shlex.quote(v)}" for k, v in variables(home, user).items())


def activate(home: Path | None = None, user: str | None = None) -> None:
    """Turn this process towards the rehearsal. Call it before `chi` is imported: chi reads its
    addresses then.

    Raises:
        RuntimeError: `chi` was imported already; restart the kernel and call this in its first
            cell.
        RehearsalDownError: The rehearsal was never started.
    """
    wanted = variables(home, user)
    if (
        "chi" in sys.modules
        and os.environ.get("CHI_RESOURCE_API_URL") != wanted["CHI_RESOURCE_API_URL"]
    ):
        raise RuntimeError(
            "chi was imported before the rehearsal: restart the kernel and run this cell first"
        )
    os.environ.update(wanted)
    # This process is past its start-up, so the hook that PYTHONPATH gives to new ones is loaded by
    # hand.
    sockets.install()


def use(
    speed: float = 120.0,
    user: str | None = None,
    *,
    always: bool = False,
    software: Software | None = None,
) -> str:
    """Rehearse, unless this is Chameleon: start the rehearsal if none runs, and use it here.

    Args:
        speed: Factor by which waits are shorter than on Chameleon, if a rehearsal starts now.
        user: The student's name; the name of this computer's user by default.
        always: Rehearse in Chameleon's Jupyter as well; only this process is turned, and nothing
            real is touched.
        software: The software of machines, if a rehearsal starts now.

    Returns:
        One sentence for a notebook that names which of the two it is.
    """
    if on_chameleon() and not always:
        site = os.environ.get("OS_REGION_NAME", "CHI@TACC")
        return f"This is Chameleon ({site}): nothing is rehearsed."
    home = control.start(speed=speed, software=software)
    activate(home, user)
    running_speed = place.ask(home, "GET", "/status")["speed"]
    return (
        f"Rehearsal: python-chi talks to 127.0.0.1:{place.port(home)} as "
        f"{os.environ['OS_USERNAME']}, waits are {running_speed:.0f} times shorter, nothing costs "
        "anything."
    )


def _key_pair(home: Path, user: str) -> Path:
    import asyncssh

    path = home / "keys" / hashlib.sha256(user.encode()).hexdigest()[:16] / "id_ed25519"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = asyncssh.generate_private_key("ssh-ed25519", comment=f"{user}@rehearsal")
        key.write_public_key(f"{path}.pub")
        key.write_private_key(path)
        path.chmod(0o600)
    return path


def _no_proxy() -> str:
    """Return NO_PROXY with this computer's numbers and names, because python-chi's requests must
    not meet a proxy.
    """
    entries = [entry for entry in os.environ.get("NO_PROXY", "").split(",") if entry]
    return ",".join(dict.fromkeys([*entries, "127.0.0.1", "localhost", ".chameleoncloud.org"]))
