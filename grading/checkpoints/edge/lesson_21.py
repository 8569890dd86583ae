"""Provision a device: a container, a script in it, which object knows it, and one of everything after two runs."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from grading.checkpoints import (
    Verdict,
    artefact_question,
    checkpoint,
    failed_as,
    missing,
    passed,
    prediction,
)
from grading.checkpoints.leases import judge_once
from labs.records import Records

#: Ports of Jupyter, and of the service of lesson 26.
_PORTS = {8888, 8000}


@prediction(
    "e.provision.id_guess",
    about={"subject": "edge.objects"},
    title="Predict which of two container objects knows its id",
    choices=("both", "the first", "the second"),
)
def knows(records: Records) -> str | None:
    """Return which of the two submitted objects had an id."""
    seen = records.seen("edge.objects")
    if seen is None:
        return None
    known = [name for name in ("first", "second") if seen[name]]
    return "both" if len(known) == 2 else f"the {known[0]}" if known else "neither"


@checkpoint(
    "e.provision.container",
    points=2,
    evidence_only=True,
    title="Start a container for ARM on the reserved device, with both ports open",
    hints=(
        "Four arguments, and three of them stand in the cell above.",
        "`container.Container(name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation)`.",
    ),
    mistakes={
        "not_running": "The site has it, and it does not run: is the reservation yours and active, the image for ARM?",
        "image": "This image is not the one that was chosen for the device.",
        "ports": "A port is missing, and none can be added to a container that runs: delete it and make another one.",
    },
)
def started(records: Records) -> Verdict:
    """Judge the container as the site has it."""
    seen = records.seen("edge.container")
    if seen is None:
        return missing("No container of yours was seen yet: run the cells above.")
    if seen["status"] != "Running":
        return failed_as("not_running", yours=seen["status"])
    if "aarch64" not in seen["image"]:
        return failed_as("image", yours=seen["image"])
    if not set(seen["ports"]) >= _PORTS:
        return failed_as("ports", yours=", ".join(map(str, seen["ports"])) or "none")
    return passed("It runs, and it can be reached.", yours=seen["image"])


def inspect_about(path) -> dict:
    """Return what the script has written, and whether it ran on this very machine."""
    about = json.loads(Path(path).read_text(encoding="utf-8"))
    # A device's user may have the same home as that of the container in which the course runs.
    this = (str(Path.home()), platform.machine(), os.cpu_count())
    here = (about["home"], about["architecture"], about["cores"]) == this
    return {"architecture": about["architecture"], "cores": about["cores"], "here": here}


_ABOUT = {"architecture": "aarch64", "cores": 4, "here": False}


@artefact_question(
    "e.provision.round_trip",
    points=2,
    title="Run a script on the device, and bring home what it wrote",
    hints=(
        "The second argument of `upload` is a folder over there, that of `download` one on this side, as texts.",
        '`board.upload(str(folder / "about.py"), "/tmp")`, `board.execute("python3 /tmp/about.py")`, and back.',
    ),
    inspect=inspect_about,
    mistakes={"here": "This was written on this side: let `board.execute` run the script."},
    examples={"good": _ABOUT, "here": {**_ABOUT, "here": True}},
)
def round_trip(facts: dict, records: Records) -> Verdict:
    """Judge that the file came from the container."""
    if facts["here"]:
        return failed_as("here")
    return passed("Three calls, and a measurement can be made anywhere.", yours=f"{facts['cores']} cores")


@checkpoint(
    "e.provision.once",
    points=2,
    title="Run the steps twice, and count what the site holds under your name",
    hint="`seen['held']` is what the site says after the second run.",
)
def once(records: Records) -> Verdict:
    """Judge that two runs left one of everything."""
    return judge_once(records, "edge", "e.provision.once")
