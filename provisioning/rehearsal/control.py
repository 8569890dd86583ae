"""Start and stop the rehearsal's process."""

import os
import subprocess
import sys
import time
from pathlib import Path

from provisioning.rehearsal import place
from provisioning.rehearsal.catalogue import catalogue as read
from provisioning.rehearsal.faults import parse_fault

_PATIENCE_S = 60.0
# Processes started by this one, so that `stop` can bury them: an ended child stays a zombie until it is waited for.
_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}


#: Names an own catalogue file for a rehearsal that is started; `rehearsal up --catalogue` does the same.
CATALOGUE_VARIABLE = "SERVING_LABS_CATALOGUE"
#: In place of a file: the shipped catalogue alone, after an own one was used.
SHIPPED = "shipped"


def own_catalogue(home: Path) -> Path:
    """Return where a rehearsal keeps its copy of an own catalogue; there is no such file when it uses none."""
    return home / "catalogue.toml"


def start(
    home: Path | None = None,
    port: int | None = None,
    speed: float = 120.0,
    faults: list[str] | None = None,
    *,
    pinned: bool = False,
    catalogue: str | None = None,
) -> Path:
    """Start the rehearsal unless it runs already, and return its folder once it answers.

    Args:
        home: The rehearsal's folder; `place.folder()` by default.
        port: TCP port; by default the last one used here, else the usual one, else any free one.
        speed: How many times shorter waits are than on Chameleon; ignored by one that runs already.
        faults: Faults to arm, as `parse_fault` spells them; armed in a running rehearsal as well.
        pinned: Make each machine's own environment from its pins, as on a lease (gigabytes the first time), instead of
            letting this one stand in; ignored by one that runs already.
        catalogue: An own catalogue file, or `shipped`; by default what `SERVING_LABS_CATALOGUE` names, else the one
            used here last. A copy of it stays with the rehearsal.

    Returns:
        The rehearsal's folder.

    Raises:
        ValueError: A fault is misspelt, or the catalogue file cannot be used.
        RuntimeError: One runs with another catalogue, or the process ended or did not answer; then the message holds
            the end of its log.
    """
    home = home or place.folder()
    for fault in faults or []:
        parse_fault(fault)
    catalogue = catalogue or os.environ.get(CATALOGUE_VARIABLE)
    wanted = _catalogue_text(catalogue)
    # Two notebooks may start it in the same second: the second one waits, and finds it running.
    with place.turn(home):
        if _answers(home):
            if wanted is not None and wanted != _kept_text(home):
                raise RuntimeError(
                    f"a rehearsal with another catalogue than {catalogue} runs: "
                    "`python -m provisioning rehearsal down` ends it, then start it anew"
                )
            for fault in faults or []:
                place.ask(home, "POST", "/faults", {"fault": fault})
        else:
            _keep(home, wanted)
            _launch(home, [str(port or "any"), str(speed), *(faults or [])], pinned)
    return home


def _catalogue_text(given: str | None) -> str | None:
    """Return the text of an own catalogue once it was found good; empty for the shipped one, None for no wish."""
    if not given or given == SHIPPED:
        return "" if given else None
    path = Path(given).expanduser()
    read(path)
    return path.read_text(encoding="utf-8")


def _kept_text(home: Path) -> str:
    kept = own_catalogue(home)
    return kept.read_text(encoding="utf-8") if kept.exists() else ""


def _keep(home: Path, wanted: str | None) -> None:
    """Put a copy of the own catalogue beside the rehearsal's database, or take the last one away.

    With another catalogue everything is forgotten: leases hold machines by a number that may be another machine's now.
    """
    if wanted is None or wanted == _kept_text(home):
        return
    for database in place.prepare(home).glob("world.sqlite3*"):
        database.unlink()
    if wanted:
        own_catalogue(home).write_text(wanted, encoding="utf-8")
    else:
        own_catalogue(home).unlink()


def _launch(home: Path, words: list[str], pinned: bool) -> None:
    """Start the process and return once it answers."""
    place.secret(home)
    log = home / "rehearsal.log"
    command = [sys.executable, "-m", "provisioning.rehearsal.service", str(home), *words]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # The rehearsal outlives the terminal and the kernel that started it.
            start_new_session=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | ({"REHEARSAL_PINNED": "1"} if pinned else {}),
        )
    _CHILDREN[home] = process
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            process.kill()
            _CHILDREN.pop(home).wait()
            raise RuntimeError(f"the rehearsal did not start:\n{tail}")
        time.sleep(0.1)


def stop(home: Path | None = None) -> bool:
    """Stop the rehearsal and return whether one ran. Its leases and files stay for the next start.

    Raises:
        RuntimeError: One runs and does not answer; the message names its process.
    """
    home = home or place.folder()
    if not _answers(home):
        if place.is_served(home):
            raise RuntimeError(f"the rehearsal does not answer: end its process by hand ({place.process(home)})")
        return False
    place.ask(home, "POST", "/down", {})
    deadline = time.monotonic() + _PATIENCE_S
    while place.is_served(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    child = _CHILDREN.pop(home, None)
    if child is not None:
        child.wait(_PATIENCE_S)
    return True


def _answers(home: Path) -> bool:
    """Return whether a folder's rehearsal answers, after waiting for one that is busy, starting or ending."""
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        if not place.is_served(home) or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
