"""A class of 200 against its bars: plan, leases at a rehearsal, the table that follows it, and the front page."""

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

from labs.workspace import PROJECT_DIR
from provisioning import lab
from provisioning.classroom.leases import leases_at, reserve_all, watch, watch_table
from provisioning.classroom.plan import Wish, make_plan
from provisioning.classroom.roster import Student, read_times
from provisioning.planning.blocks import calendars_of
from provisioning.rehearsal import control, environment
from provisioning.rehearsal.drills import site_clock
from provisioning.sites.spec import load_spec
from tests.browser.jupyterlab import Course
from tests.grading.classroom.members import entries
from tests.grading.recorded import written

STUDENTS = 200
#: Seconds that each step may take.
BARS_S = {"plan": 5.0, "reserve": 30.0, "watch": 2.0, "front page": 2.0}
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
            prefers=read_times(draw.choice(_PREFERS)),
            cannot=read_times(draw.choice(_CANNOT)),
        )
        for number in range(STUDENTS)
    ]
    spec, clock, zone = load_spec("model"), site_clock(), ZoneInfo("America/Chicago")
    wish = Wish(clock.now() + timedelta(hours=1), clock.now() + timedelta(days=10), zone)
    calendars, _ = calendars_of(spec, lab.open_testbed)
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

    there = leases_at(lab.open_testbed, calendars, spec.part)
    plan = step("plan", lambda: make_plan(students, spec, calendars, there, wish), lambda plan: plan.sentence())
    step(
        "reserve",
        lambda: reserve_all(lab.open_testbed, spec.part, plan.seats, clock.now()),
        lambda made: f"{sum(what == 'reserved' for _, what in made)} of {len(made)} leases",
    )
    testbeds = [lab.open_testbed(site) for site in lab.sites_of(spec.part)]
    step(
        "watch",
        lambda: watch_table(watch(testbeds, spec.part, students, clock.now()), clock.now(), zone),
        lambda text: text.splitlines()[-1],
    )
    # JupyterLab answers already when ``with`` is through.
    with Course(PROJECT_DIR, workspace=_workspace(folder)) as course:
        address = f"http://127.0.0.1:{course.port}/msl/course?token={course.token}"
        step(
            "front page",
            lambda: json.load(urllib.request.urlopen(address)),
            lambda page: f"{len(page['html']) / 1e3:.0f} kB, after JupyterLab answers",
        )
    return rows


def _workspace(folder: Path) -> Path:
    """Return a workspace with records of part 1 and answers, which the front page judges."""
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "ledger.jsonl").write_text(written(entries()), encoding="utf-8")
    return workspace
