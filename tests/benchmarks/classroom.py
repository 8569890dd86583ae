"""A class of 200 against its bars: plan, leases at a rehearsal, the page that follows it, and the front page."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from grading.front.watching import Ledgers, class_page
from labs.workspace import PROJECT_DIR
from provisioning import lab
from provisioning.classroom.leases import leases_at, reserve_all, watch
from provisioning.classroom.plan import make_plan
from provisioning.classroom.roster import Student, read_times
from provisioning.planning.blocks import Wish, calendars_of
from provisioning.rehearsal import control, environment
from provisioning.rehearsal.drills import site_clock
from provisioning.sites.spec import load_spec
from tests.browser.jupyterlab import Course
from tests.grading.recorded import recorded

STUDENTS = 200
#: Seconds that each step may take.
BARS_S = {"plan": 5.0, "reserve": 30.0, "watch refresh": 2.0, "front page": 2.0}
#: Students who have written something between two looks of the watch page.
_WRITING = 20
_PREFERS = ("", "Tue 9-21; Wed", "Mon 12-21", "Thu; Fri 9-15")
_CANNOT = ("", "", "Mon", "Wed 9-13", "Fri 12-24")


def table() -> pd.DataFrame:
    """Return one row for each step: seconds, bar, and what came out."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        home = Path(folder) / "home"
        control.start(home)
        try:
            for name, value in environment.variables(home, "instructor").items():
                patch.setenv(name, value)
            return pd.DataFrame(_rows(Path(folder)))
        finally:
            control.stop(home)


def _rows(folder: Path) -> list[dict[str, str]]:
    draw = random.Random(200)
    students = [
        Student(
            f"s{number}",
            blocks=2 if number % 20 == 0 else 1,
            prefers=read_times(draw.choice(_PREFERS)),
            cannot=read_times(draw.choice(_CANNOT)),
        )
        for number in range(STUDENTS)
    ]
    spec, clock, zone = load_spec("model"), site_clock(), ZoneInfo("America/Chicago")
    wish = Wish(clock.now() + timedelta(hours=1), clock.now() + timedelta(days=10), zone)
    calendars, unread = calendars_of(spec, lab.open_testbed)
    rows = []

    def step(name: str, work: Callable, said: Callable):
        begin_s = time.monotonic()
        found = work()
        took_s = time.monotonic() - begin_s
        bar_s = BARS_S[name]
        within = "yes" if took_s <= bar_s else "no"
        rows.append(
            {"step": name, "took": f"{took_s:.1f} s", "bar": f"{bar_s:.0f} s", "within": within, "what": said(found)}
        )
        return found

    there = leases_at(lab.open_testbed, list(calendars), spec.part)
    plan = step(
        "plan", lambda: make_plan(students, spec, calendars, there, wish, unread=unread), lambda plan: plan.sentence()
    )
    step(
        "reserve",
        lambda: reserve_all(lab.open_testbed, spec.part, plan.seats, clock.now()),
        lambda made: f"{sum(what == 'reserved' for _, what in made)} of {len(made)} leases",
    )
    testbeds = [lab.open_testbed(site) for site in lab.sites_of(spec.part)]
    names = [student.name for student in students]
    known = _ledgers(folder, names)
    # As the page does: what a look has no time for is in the next one.
    step(
        "watch refresh",
        lambda: class_page(
            watch(testbeds, spec.part, names), known.look(), clock.now(), zone, title="Part 1: 200 students"
        ),
        lambda page: f"{page.text.splitlines()[0]}; {_WRITING} ledgers have changed",
    )
    # JupyterLab answers already when ``with`` is through.
    with Course(PROJECT_DIR, workspace=folder / "homes" / names[-1]) as course:
        address = f"http://127.0.0.1:{course.port}/msl/course?token={course.token}"
        step(
            "front page",
            lambda: json.load(urllib.request.urlopen(address)),
            lambda page: f"{len(page['html']) / 1e3:.0f} kB, after JupyterLab answers",
        )
    return rows


def _ledgers(folder: Path, names: list[str]) -> Ledgers:
    """Return the class's ledgers, each looked at once, of which some have changed since."""
    lines = [json.dumps(entry) + "\n" for entry in recorded(1)]
    places = [folder / "homes" / name / "ledger.jsonl" for name in names]
    for number, place in enumerate(places, start=1):
        place.parent.mkdir(parents=True)
        place.write_text("".join(lines[: len(lines) * number // len(places)]), encoding="utf-8")
    known = Ledgers(f"{folder}/homes/*/ledger.jsonl", names, part=1)
    known.look(float("inf"))
    for place in places[-_WRITING:]:
        place.write_text("".join(lines), encoding="utf-8")
        place.touch()
    return known
