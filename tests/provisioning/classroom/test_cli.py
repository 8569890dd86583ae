"""`python -m provisioning class …` against a real rehearsal: from a roster to leases, and what goes wrong."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from provisioning.__main__ import app
from provisioning.lab import open_testbed
from provisioning.planning.blocks import is_free
from provisioning.rehearsal import drills
from provisioning.sites.spec import load_spec
from provisioning.testbed import LeaseRequest
from provisioning.testbed.surroundings import site_clock
from tests.provisioning.rehearsed import rehearsed, turned_towards

ZONE = "America/Chicago"
# python-chi and its clients warn of their own use of traitlets and more when they are first imported.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def rehearsal(tmp_path, monkeypatch):
    """A rehearsal in which this process is the instructor."""
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    with rehearsed(tmp_path / "rehearsal") as home, turned_towards(home, "instructor"):
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
        path.write_text("email\n" + "".join(f"{name}@uni.edu\n" for name in names))
        return path

    return write


def local(days: float) -> str:
    return f"{site_clock().now().astimezone(ZoneInfo(ZONE)) + timedelta(days=days):%Y-%m-%d}"


def test_a_class_from_roster_to_leases_and_back(run, roster, tmp_path):
    """Plan, reserve, again with a late name on a virtual machine, watch, move, extend, give back who did not come."""
    students, out = [f"s{number}" for number in range(30)], tmp_path / "plan"
    # From tomorrow on: of today's blocks, one may begin before it is reserved, and is refused then.
    days = ("--from", local(1), "--until", local(6), "--hours", "8-22", "--zone", ZONE)
    words = ("plan", "model", roster(students), *days, "--out", out)
    assert "All 30 have a block" in run(*words)
    assert "the deadline, Thu 02 Jan 2020 00:00, is not after" in run(
        *words, "--until", "2020-01-01", code=1
    )
    assert run("reserve", "model", out / "plan.csv").endswith("30 reserved\n")
    path = roster([*students, "late"])
    again = run(*words, "--type", "g1.h100.vgpu.1g.12gb")
    assert "All 31 have a block" in again
    assert "1 on A slice of an H100" in again
    assert again.count("there already") == 30
    assert run("reserve", "model", out / "plan.csv").endswith("1 reserved, 30 there already\n")

    # Whoever planned in a zone moves, reserves and watches in it, on a computer in any other one. Clocks may change.
    assert re.search(r"31 waits; 0 to look at. As of \d\d:\d\d C[DS]T", run("watch", "model", path))
    move = ("move", "model", "s7@uni.edu", "--to")
    assert re.search(
        r"serve-model-s7-uni-edu is on .* 09:00 C[DS]T\.", run(*move, f"{local(7)} 09:00:00")
    )
    assert "blocks begin on the hour" in run(*move, f"{local(7)} 09:30:00", code=1)

    held = next(lease for lease in _leases() if "s7" in lease.name)
    said = run("extend", "model", "s7@uni.edu", "--hours", "0.1", "--zone", "UTC")
    assert said == f"{held.name} ends {held.end + timedelta(hours=0.1):%a %d %b %H:%M} UTC\n"
    # Beyond Chameleon's seven days never.
    assert "extending the lease at CHI@" in run(
        "extend", "model", "s7@uni.edu", "--hours", "400", code=1
    )
    assert "there is no usable lease" in run("extend", "model", "nobody@uni.edu", code=1)

    first = min(_leases(), key=lambda lease: lease.start)
    drills.advance_to(first.start + timedelta(minutes=40))
    assert run("no-shows", "model", path) == "0 of 31 have not come\n"
    # Whoever is not of this roster keeps a lease, whatever became of it.
    others = roster(name for name in [*students, "late"] if f"-{name}-" not in first.name)
    said = run("no-shows", "model", others, "--grace-min", "30", "--release")
    gone = said.count("deleted lease")
    assert gone == len(re.findall(r"^(\S+): serve-model-\1, active for", said, re.MULTILINE)) > 0
    assert said.endswith(f"{gone} of 30 have not come\n")
    assert first.id in {lease.id for lease in _leases()}
    assert len(_leases()) == 31 - gone


def test_a_placeholder_holds_machines_until_the_class_takes_them(run, roster, tmp_path):
    """For others it is a booking; for the class it is time, and only what is in the way of a lease is given back."""
    testbed, out = open_testbed("CHI@TACC"), tmp_path / "plan"
    now = site_clock().now().replace(minute=0, second=0, microsecond=0)
    half, length = timedelta(hours=6), timedelta(hours=12)
    nodes = testbed.resources("node", "compute_liqid")
    begins = [now + timedelta(hours=hour) for hour in range(24, 24 * 12)]
    begin, node = next(
        (at, one.name) for at in begins for one in nodes if is_free(one.bookings, at, at + length)
    )
    for start in (begin, begin + half):
        testbed.reserve(
            LeaseRequest("our-class", "node", "compute_liqid", start, start + half, node)
        )
    hours = ("--from", f"{begin:%Y-%m-%dT%H:%M:%S}", "--until", f"{begin + half:%Y-%m-%dT%H:%M:%S}")
    path = roster(f"p{number}" for number in range(40))
    words = (
        "plan",
        "model",
        path,
        *hours,
        "--type",
        "compute_liqid",
        "--zone",
        "UTC",
        "--out",
        out,
    )
    # A shortfall is an exit code, and says what would help.
    assert re.search(
        r"of 40 blocks are missing before .*Way out: a deadline", run(*words, code=1), re.DOTALL
    )
    assert f",{node}," not in (out / "plan.csv").read_text()
    run(*words, "--placeholder", "our-class", code=1)
    header, *lines = (out / "plan.csv").read_text().splitlines()
    (out / "plan.csv").write_text(
        "\n".join([header, *(line for line in lines if f",{node}," in line)]) + "\n"
    )
    reserve = ("reserve", "model", out / "plan.csv", "--placeholder", "our-class")
    said = run(*reserve)
    assert said.count("given back") == 1
    assert said.endswith("2 reserved\n")
    assert [one.start for one in testbed.leases() if one.name == "our-class"] == [begin + half]
    again = run(*reserve)
    assert "given back" not in again
    assert again.endswith("2 there already\n")


def _leases():
    return [
        lease
        for site in {option.site for option in load_spec("model").options}
        for lease in open_testbed(site).leases()
        if lease.name.startswith("serve-model-")
    ]
