"""`python -m provisioning class …` against a real rehearsal: from a roster to leases, with
faults.
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from chameleon_rehearsal import advance_to
from chameleon_rehearsal.testing import turned_towards
from labs.sites.spec import load_spec
from provisioning.__main__ import app
from provisioning.lab import open_testbed
from provisioning.planning.blocks import is_free
from provisioning.testbed import LeaseRequest
from provisioning.testbed.surroundings import site_clock
from tests.provisioning.rehearsed import BEGINS, rehearsed

ZONE = "America/Chicago"
pytestmark = [
    # python-chi and its clients warn of their own use of traitlets and more when they are first
    # imported.
    pytest.mark.filterwarnings("ignore"),
    # With all moments, some minutes of waiting for polls.
    pytest.mark.timeout(700),
]


@pytest.fixture(params=BEGINS, ids=str)
def rehearsal(tmp_path, monkeypatch, request):
    """A rehearsal in which this process is the instructor."""
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    with (
        rehearsed(tmp_path / "rehearsal", request.param) as home,
        turned_towards(home, "instructor"),
    ):
        yield home


@pytest.fixture
def run(rehearsal):
    def call(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["class", *map(str, words)])
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.fixture
def roster(tmp_path):
    """Return a function that writes a roster of some students, and returns its path."""

    def write(names) -> object:
        path = tmp_path / "roster.csv"
        lines = ["email", *[f"{name}@uni.edu" for name in names]]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def local(days: float) -> str:
    now = site_clock().now().astimezone(ZoneInfo(ZONE))
    return f"{now + timedelta(days=days):%Y-%m-%d}"


def test_a_class_from_roster_to_leases_and_back(run, roster, tmp_path):
    """Plan, reserve, again with a late name on a virtual machine, watch, move, extend, give back
    who did not come.
    """
    students = [f"s{number}" for number in range(30)]
    out = tmp_path / "plan"
    # From tomorrow on: of today's blocks, one may begin before it is reserved, and is refused then.
    days = ("--from", local(1), "--until", local(6), "--hours", "8-22", "--zone", ZONE)
    words = ("plan", "model", roster(students), *days, "--out", out)
    assert "All 30 have a block" in run(*words)
    assert "the deadline, Thu 02 Jan 2020 00:00, is not after" in run(
        *words, "--until", "2020-01-01", code=1
    )
    assert run("reserve", "model", out / "plan.csv").endswith("30 reserved\n")
    path = roster([*students, "late"])
    second_plan = run(*words, "--type", "g1.h100.vgpu.1g.12gb")
    assert "All 31 have a block" in second_plan
    assert "1 on A slice of an H100" in second_plan
    assert second_plan.count("there already") == 30
    assert run("reserve", "model", out / "plan.csv").endswith("1 reserved, 30 there already\n")

    # Whoever planned in a zone moves, reserves and watches in it, on a computer in any other one.
    # Clocks may change.
    assert re.search(r"31 waits; 0 to look at. As of \d\d:\d\d C[DS]T", run("watch", "model", path))
    move = ("move", "model", "s7@uni.edu", "--to")
    assert re.search(
        r"serve-model-s7-uni-edu is on .* 09:00 C[DS]T\.", run(*move, f"{local(7)} 09:00:00")
    )
    assert "begin at full and half hours" in run(*move, f"{local(7)} 09:20:00", code=1)

    extend = ("extend", "model", "s7@uni.edu", "--zone", "UTC", "--hours")
    too_early = run(*extend, "0.1", code=1)
    assert "only in its last 48 hours" in too_early
    assert "again when at most 48 hours of the lease are left" in too_early
    assert "there is no usable lease" in run("extend", "model", "nobody@uni.edu", code=1)

    first = min(_leases(), key=lambda lease: lease.start)
    advance_to(first.start + timedelta(minutes=40))
    assert run("no-shows", "model", path) == "0 of 31 have not come\n"
    # Whoever is not of this roster keeps a lease, whatever became of it.
    names = [name for name in [*students, "late"] if f"-{name}-" not in first.name]
    others = roster(names)
    report = run("no-shows", "model", others, "--grace-min", "30", "--release")
    gone = report.count("deleted lease")
    absent = re.findall(r"^(\S+): serve-model-\1, active for", report, re.MULTILINE)
    assert gone == len(absent) > 0
    assert report.endswith(f"{gone} of 30 have not come\n")
    assert first.id in {lease.id for lease in _leases()}
    assert len(_leases()) == 31 - gone

    held = next(lease for lease in _leases() if "s7" in lease.name)
    advance_to(held.end - timedelta(hours=48))
    # Beyond Chameleon's seven days never.
    assert "extending the lease at CHI@" in run(*extend, "400", code=1)
    new_end = held.end + timedelta(hours=0.1)
    assert run(*extend, "0.1") == f"{held.name} ends {new_end:%a %d %b %H:%M} UTC\n"


def test_a_placeholder_holds_machines_until_the_class_takes_them(run, roster, tmp_path):
    """For others it is a booking; for the class it is time, and only placeholders in the way of a
    lease are given back.
    """
    testbed = open_testbed("CHI@TACC")
    out = tmp_path / "plan"
    half = timedelta(hours=6)
    begin, node = _free_span(testbed.resources("node", "compute_liqid"), 2 * half)
    middle = begin + half
    for start in (begin, middle):
        end = start + half
        testbed.reserve(LeaseRequest("our-class", "node", "compute_liqid", start, end, node))
    words = ["plan", "model", roster(f"p{number}" for number in range(40))]
    words += ["--from", f"{begin:%Y-%m-%dT%H:%M:%S}", "--until", f"{middle:%Y-%m-%dT%H:%M:%S}"]
    words += ["--type", "compute_liqid", "--zone", "UTC", "--out", out]
    # A shortfall is an exit code, and says what would help.
    shortfall = run(*words, code=1)
    assert re.search("of 40 blocks are missing before .*Fix: a deadline", shortfall, re.DOTALL)
    plan_csv = out / "plan.csv"
    assert f",{node}," not in plan_csv.read_text()
    run(*words, "--placeholder", "our-class", code=1)
    header, *lines = plan_csv.read_text().splitlines()
    on_node = [line for line in lines if f",{node}," in line]
    plan_csv.write_text("\n".join([header, *on_node]) + "\n")
    reserve = ("reserve", "model", plan_csv, "--placeholder", "our-class")
    first_report = run(*reserve)
    assert first_report.count("given back") == 1
    assert first_report.endswith("2 reserved\n")
    placeholders = [lease for lease in testbed.leases() if lease.name == "our-class"]
    assert [lease.start for lease in placeholders] == [middle]
    second_report = run(*reserve)
    assert "given back" not in second_report
    assert second_report.endswith("2 there already\n")


def _free_span(nodes, length: timedelta) -> tuple[datetime, str]:
    """Return the first full hour from tomorrow on at which a node is free for this time, and its
    name.
    """
    now = site_clock().now().replace(minute=0, second=0, microsecond=0)
    for hour in range(24, 24 * 12):
        begin = now + timedelta(hours=hour)
        for node in nodes:
            if is_free(node.bookings, begin, begin + length):
                return begin, node.name
    raise AssertionError("no node is free for so long")


def _leases():
    leases = []
    for site in {option.site for option in load_spec("model").options}:
        leases += open_testbed(site).leases()
    return [lease for lease in leases if lease.name.startswith("serve-model-")]
