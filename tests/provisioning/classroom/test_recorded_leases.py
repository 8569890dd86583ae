"""A class of twenty in a rehearsal: the sites' records of its leases, and the points for them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chameleon_rehearsal import advance_to
from chameleon_rehearsal.testing import turned_towards
from grading.classroom.leases import lease_points
from labs.course.assignment import assignment
from labs.course.lease_record import held_leases, read_looks
from labs.course.roster import Student, short_name
from labs.sites.spec import load_spec, resource_name
from provisioning import testbed as sites
from provisioning.__main__ import app
from provisioning.lab import open_testbed
from provisioning.testbed.surroundings import site_clock
from tests.provisioning.rehearsed import BEGIN, rehearsed

# python-chi and its clients warn of their own use of traitlets and more when they are first
# imported.
pytestmark = pytest.mark.filterwarnings("ignore")

MODEL = load_spec("model")
NAMES = [f"s{number}@uni.edu" for number in range(20)]
#: The end of the last ones; the others hold their leases to the end.
NO_LEASE, NOBODY_CAME, OF_ANOTHER, ENDED_EARLY, DROPPED = NAMES[15:]


@dataclass
class Block:
    """One student's lease, where it is, and the testbed of its site."""

    student: str
    lease: sites.Lease
    testbed: sites.Testbed

    @property
    def option(self):
        return next(option for option in MODEL.options if option.site == self.testbed.site)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    with (
        rehearsed(tmp_path / "rehearsal", BEGIN) as home,
        turned_towards(home, "instructor"),
    ):
        yield home


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["class", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def write_roster(path: Path, left: str = "") -> Path:
    lines = [f"{name},{'yes' if name == left else ''}" for name in NAMES]
    path.write_text("\n".join(["email,left", *lines]) + "\n")
    return path


def blocks_of_class() -> list[Block]:
    """Return the class's leases, the earliest first."""
    blocks = []
    for site in dict.fromkeys(option.site for option in MODEL.options):
        testbed = open_testbed(site)
        leases = {lease.name: lease for lease in testbed.leases()}
        for name in NAMES:
            lease = leases.get(resource_name("model", short_name(name)))
            if lease is not None:
                blocks.append(Block(name, lease, testbed))
    return sorted(blocks, key=lambda block: block.lease.start)


def boot(block: Block) -> None:
    """Start a machine on a lease, as set-up does."""
    lease = next(each for each in block.testbed.leases() if each.id == block.lease.id)
    (reservation, *_) = lease.reservations
    image = block.option.image
    block.testbed.boot(lease.name, reservation.id, image, "baremetal")


def result_at(block: Block, begun: datetime, kind: str) -> dict[str, str]:
    """Return a result as the grader finds it in a ledger."""
    about = {"kind": kind, "site": block.testbed.site, "node": block.lease.node}
    return about | {"started_at": begun.isoformat()}


def results_of(block: Block, minutes: float) -> list[dict[str, str]]:
    begun = block.lease.start + timedelta(minutes=minutes)
    return [result_at(block, begun, kind) for kind in ("latency", "throughput")]


def test_a_class_of_twenty_has_the_points_that_its_leases_prove(home, tmp_path: Path):
    """Held, never held, student absent, another's, ended early, dropped."""
    roster = write_roster(tmp_path / "roster.csv")
    record = tmp_path / "leases.jsonl"
    tomorrow = site_clock().now() + timedelta(days=1)
    days = ["--from", f"{tomorrow:%Y-%m-%d}", "--until", f"{tomorrow + timedelta(days=9):%Y-%m-%d}"]
    out = tmp_path / "plan"
    bare = [option.type for option in MODEL.options if option.resource == "node"]
    types = [word for kind in bare for word in ("--type", kind)]
    run("plan", "model", roster, *days, "--hours", "8-22", "--zone", "UTC", *types, "--out", out)
    run("reserve", "model", out / "plan.csv")
    blocks = blocks_of_class()
    assert [block.student for block in sorted(blocks, key=lambda each: NAMES.index(each.student))]
    assert len(blocks) == len(NAMES)
    by_student = {block.student: block for block in blocks}
    absent = by_student[NO_LEASE]
    absent.testbed.delete_lease(absent.lease.id)
    for start in dict.fromkeys(block.lease.start for block in blocks):
        advance_to(start + timedelta(minutes=10))
        now = [block for block in blocks if block.lease.start == start]
        for block in now:
            if block.student not in (NO_LEASE, NOBODY_CAME, OF_ANOTHER):
                boot(block)
        advance_to(start + timedelta(minutes=40))
        run("watch", "model", roster, "--record", record)
        for block in now:
            if block.student == ENDED_EARLY:
                for machine in block.testbed.machines():
                    if machine.name == block.lease.name:
                        block.testbed.delete_machine(machine)
                block.testbed.delete_lease(block.lease.id)
            if block.student == DROPPED:
                left = write_roster(tmp_path / "left.csv", left=DROPPED)
                run("drop", "model", left, "--release")
        advance_to(start + timedelta(minutes=50))
        run("watch", "model", roster, "--record", record)
    looks = read_looks(record)
    part = assignment().part(1)

    def points(student: str, results: list[dict[str, str]]) -> float:
        return lease_points(part, Student(short_name(student), student), results, looks).points

    for name in NAMES[:15]:
        assert points(name, results_of(by_student[name], 120)) == part.lease, name
    first = by_student[NAMES[0]]
    # One kind of two, and times outside the lease.
    assert points(first.student, results_of(first, 120)[:1]) == part.lease / 2
    assert points(first.student, results_of(first, -20)) == 0
    assert points(first.student, results_of(first, 60 * 24)) == 0
    other_node = [result | {"node": "another"} for result in results_of(first, 120)]
    assert points(first.student, other_node) == 0
    for name in (NO_LEASE, NOBODY_CAME):
        assert points(name, results_of(by_student[name], 30)) == 0, name
    assert points(OF_ANOTHER, results_of(first, 120)) == 0
    for name in (ENDED_EARLY, DROPPED):
        assert points(name, results_of(by_student[name], 35)) == part.lease, name
        assert points(name, results_of(by_student[name], 120)) == 0, name
    assert record.stat().st_mode & 0o077 == 0
    # A machine of the instructor's counts if the assignment says so.
    own = [replace(look, site="own") for look in looks]
    shared = [replace(look, site="class machine labs@box") for look in looks]
    person = Student(short_name(first.student), first.student)
    elsewhere = [result | {"site": "", "node": ""} for result in results_of(first, 120)]
    counts = replace(part, own_machine=True)
    assert lease_points(part, person, elsewhere, own).points == 0
    assert lease_points(counts, person, elsewhere, own).points == part.lease
    on_shared = [result | {"site": "own"} for result in elsewhere]
    assert lease_points(part, person, on_shared, shared).points == 0
    assert lease_points(counts, person, on_shared, shared).points == part.lease
    at_a_site = [result | {"site": first.testbed.site} for result in elsewhere]
    assert lease_points(counts, person, at_a_site, shared).points == 0
    assert held_leases(looks, resource_name("model", "nobody")) == []
