"""The calendar of a machine that a class shares; this file runs on that machine.

The calendar is one file in the account's home, which all students of the class share, as they share
a project at a testbed: bookings by name, and the names whose folder may be there. Who has no block
now can enter nothing, and whoever enters first deletes what others have left. A keeper, one process
for each folder that is in use, deletes it when its block ends.

It needs Python's standard library alone, of any version since 3.8. ``shared.py`` sends it, with the
scripts that make and delete a folder in the variables ``ENTER`` and ``LEAVE``; times are seconds
since 1970 by the machine's own clock. The calendar's folder goes with its last booking.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

#: Folder of the calendar in the account's home.
FOLDER = ".serving-labs-class"
#: What starts this file there.
START = 'import os; exec(os.environ["BOOKED"])'
#: Variable by which a keeper is known, with the folder that it keeps.
_KEEPS = "LABS_KEEPS"
#: Seconds between two looks of a keeper at the calendar.
_LOOK_S = 3.0
#: How long a block that has ended stays in the calendar.
_KEPT_S = 7 * 24 * 3600


def main(verb: str, *words: str) -> None:
    """Do what a verb says and print the answer in JSON; a keeper prints nothing."""
    if verb == "keep":
        return _keep(*words)
    if verb == "list":
        answer = _listed()
    else:
        with _locked():
            answer = _CHANGES[verb](*words)
    print(json.dumps(answer))
    return None


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    # A lock on the home itself: the calendar's own files come and go.
    home = os.open(str(Path.home()), os.O_RDONLY)
    try:
        fcntl.flock(home, fcntl.LOCK_EX)
        yield
    finally:
        os.close(home)


def _read() -> dict:
    path = Path.home() / FOLDER / "calendar.json"
    with contextlib.suppress(FileNotFoundError):
        return json.loads(path.read_text(encoding="utf-8"))
    return {"leases": [], "entered": []}


def _write(calendar: dict) -> None:
    """Write the calendar; one that holds nothing leaves no file."""
    folder = Path.home() / FOLDER
    oldest = time.time() - _KEPT_S
    kept = [lease for lease in calendar["leases"] if lease["end"] > oldest]
    calendar["leases"] = kept
    if not (kept or calendar["entered"]):
        shutil.rmtree(str(folder), ignore_errors=True)
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    new = folder / "calendar.json.new"
    new.write_text(json.dumps(calendar), encoding="utf-8")
    new.replace(folder / "calendar.json")


def _listed() -> dict:
    """Return the bookings, the names whose folder is there, and the machine's time."""
    calendar = _read()
    there = [name for name in calendar["entered"] if (Path.home() / name).is_dir()]
    return {"now": time.time(), "leases": calendar["leases"], "entered": there}


def _reserve(id: str, name: str, start: str, end: str) -> dict:
    """Book a block, unless another one overlaps it; an empty start is now."""
    calendar = _read()
    now = time.time()
    begins = float(start) if start else now
    lease: dict = {"id": id, "name": name, "start": begins, "end": float(end), "created": now}
    if lease["end"] <= max(now, begins):
        return {"refused": "the block is over"}
    taken = _overlapping(calendar, lease)
    if taken:
        return {"taken": taken}
    calendar["leases"].append(lease)
    _write(calendar)
    return {"lease": lease, "now": now}


def _overlapping(calendar: dict, lease: dict) -> str:
    """Return the name of a booking in a block's way; empty if there is none."""
    for other in calendar["leases"]:
        is_apart = other["end"] <= lease["start"] or lease["end"] <= other["start"]
        if other["id"] != lease["id"] and not is_apart:
            return other["name"]
    return ""


def _extend(id: str, end: str) -> dict:
    """Give a booking another end."""
    calendar = _read()
    for lease in calendar["leases"]:
        if lease["id"] == id:
            lease["end"] = float(end)
            taken = _overlapping(calendar, lease)
            if taken:
                return {"taken": taken}
            _write(calendar)
            return {"lease": lease, "now": time.time()}
    return {"missing": id}


def _delete(id: str) -> dict:
    """End a booking, and first what its holder has there now."""
    calendar = _read()
    for lease in calendar["leases"]:
        if lease["id"] == id:
            if _active_name(calendar) == lease["name"]:
                fault = _left(calendar, lease["name"])
                if fault:
                    return fault
            calendar["leases"].remove(lease)
            _write(calendar)
            break
    return {}


def _active_name(calendar: dict) -> str:
    """Return whose block it is; empty if nobody has one now."""
    now = time.time()
    for lease in calendar["leases"]:
        if lease["start"] <= now < lease["end"]:
            return lease["name"]
    return ""


def _enter(name: str) -> dict:
    """Make the folder of whoever has the block now, and let nothing of the others stay."""
    calendar = _read()
    if _active_name(calendar) != name:
        return {"refused": f"no block of {name} runs now"}
    for other in list(calendar["entered"]):
        if other != name:
            fault = _left(calendar, other)
            if fault:
                return fault
    is_new = name not in calendar["entered"]
    if is_new:
        # Noted first: a folder that nobody knows of would never be deleted.
        calendar["entered"].append(name)
        _write(calendar)
    fault = _run(os.environ["ENTER"], name)
    if fault:
        if is_new:
            calendar["entered"].remove(name)
            _write(calendar)
        return fault
    if not _keepers(name):
        environment = {**os.environ, _KEEPS: name}
        nowhere = subprocess.DEVNULL
        command = [sys.executable, "-c", START, "keep", name]
        subprocess.Popen(
            command,
            env=environment,
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )
    return {}


def _leave(name: str) -> dict:
    """End what runs in a folder, and delete it."""
    return _left(_read(), name)


def _left(calendar: dict, name: str) -> dict:
    """Leave a folder and note it; return the fault, if any."""
    fault = _run(os.environ["LEAVE"], name)
    if fault:
        return fault
    if name in calendar["entered"]:
        calendar["entered"].remove(name)
        _write(calendar)
    for pid in _keepers(name):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    return {}


def _run(text: str, name: str) -> dict:
    """Run one of the scripts for a folder; return the fault, if any."""
    command = ["sh", "-c", f"folder={shlex.quote(name)}\n{text}"]
    pipe = subprocess.PIPE
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return {}
    return {"failed": done.returncode, "output": done.stdout.decode(errors="replace")[-800:]}


def _keepers(name: str) -> list[int]:
    """Return the other processes that keep a folder."""
    mark = f"{_KEEPS}={name}".encode()
    keepers = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        pid = int(path.parent.name)
        with contextlib.suppress(OSError):
            if pid != os.getpid() and mark in path.read_bytes().split(b"\0"):
                keepers.append(pid)
    return keepers


def _keep(name: str) -> None:
    """Wait for the end of a block, and delete its folder then."""
    while True:
        time.sleep(_LOOK_S)
        if _active_name(_read()) == name:
            continue
        with _locked():
            calendar = _read()
            # It may have been made longer, released, or swept by the next student's beginning.
            if _active_name(calendar) == name:
                continue
            if name not in calendar["entered"] or not _left(calendar, name):
                return


_CHANGES: dict = {
    "reserve": _reserve,
    "extend": _extend,
    "delete": _delete,
    "enter": _enter,
    "leave": _leave,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
