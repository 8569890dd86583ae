"""Wrong leases and containers, in a kernel on a rehearsal: for each, the check's own fix leads to
'right'.

Each row is a lesson's own cell with a slip in its solution. Then come the code that the message
names, the cells that it names, and the unchanged solution.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from grading.builder.rehearse import own_testbed
from grading.builder.solve import solve
from grading.builder.sources import sources

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class StudentKernel:
    """A kernel in which a lesson's solved cells run, with changes."""

    def __init__(self, lesson: str, folder: Path) -> None:
        self.lesson = next(source for source in sources() if source.id == lesson)
        self.cells = [cell.source for cell in solve(self.lesson).cells if cell.cell_type == "code"]
        self.manager, self.client = start_new_kernel(
            cwd=str(folder), extra_arguments=["--log-level=ERROR"]
        )

    def run(self, code: str) -> str:
        """Run a cell and return all that it shows, as text."""
        shown: list[str] = []

        def show(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                shown.append(content["data"].get("text/plain", "") + "\n")
            elif message["msg_type"] == "error":
                shown.append(_ANSI.sub("", "\n".join(content["traceback"])) + "\n")

        self.client.execute_interactive(code, output_hook=show, timeout=300)
        return "".join(shown)

    def cell(self, words: str) -> str:
        """Return the one cell that contains some words."""
        (cell,) = (source for source in self.cells if words in source)
        return cell

    def run_until(self, words: str) -> None:
        """Run the lesson's cells up to the one that contains some words, which is left out."""
        for source in self.cells[: self.cells.index(self.cell(words))]:
            self.run(source)

    def tries(self, words: str, old: str, new: str) -> str:
        """Run a cell with a slip in it."""
        source = self.cell(words)
        assert old in source
        return self.run(source.replace(old, new))


@contextlib.contextmanager
def student_of(lesson: str, folder: Path) -> Iterator[StudentKernel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVING_LABS_WORKSPACE", str(folder / "workspace"))
        patch.setenv("LABS_OWNER", "ada")
        (folder / "workspace").mkdir()
        with own_testbed(
            folder / "testbed", [source for source in sources() if source.id == lesson]
        ):
            student = StudentKernel(lesson, folder)
            try:
                yield student
            finally:
                student.client.stop_channels()
                student.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def reserving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudentKernel]:
    with student_of("reserve", tmp_path_factory.mktemp("reserve")) as student:
        student.run_until('check("reserve.recover")')
        yield student


@pytest.fixture(scope="module")
def choosing(reserving: StudentKernel) -> StudentKernel:
    """Return the student of *Reserve a machine*, in front of the cell that reserves a block."""
    for source in reserving.cells[
        reserving.cells.index(reserving.cell('check("reserve.recover")')) :
    ]:
        if 'check("reserve.lease")' in source:
            break
        reserving.run(source)
    # A block of tomorrow: there is room for leases before it, and it does not begin meanwhile.
    reserving.run(
        "starts = [slot.start for slot in plan.chooser.table().free]\n"
        "later = site_clock().now() + timedelta(hours=26)\n"
        "block = plan.choose(start=next(start for start in starts if start > later))"
    )
    return reserving


#: The solution of "reserve.recover", line by line.
DELETE, MAKE, ADD, SUBMIT = FOUR = (
    "practice.delete()",
    'practice = lease.Lease("practice", end_date=end)',
    'practice.add_node_reservation(amount=1, node_type="compute_skylake")',
    "practice.submit()",
)
SOON = "start_date=site_clock().now() + timedelta(minutes=30), end_date=end"

#: Lines that replace the four, and the check's message.
PRACTICE = {
    "the failed lease was not deleted": (
        (MAKE, ADD, SUBMIT),
        "2 leases named `practice`: ERROR and ACTIVE",
    ),
    "no new lease was submitted": ((DELETE, MAKE, ADD), "no lease named `practice`"),
    "it was submitted twice": (
        (*FOUR, MAKE, ADD, SUBMIT),
        "2 leases named `practice`: ACTIVE and ACTIVE",
    ),
    "it has another name": (
        (DELETE, MAKE.replace('"practice"', '"exercise"'), ADD, SUBMIT),
        "no lease named",
    ),
    "another variable holds it": (
        (
            DELETE,
            *(
                line.replace("practice.", "new.").replace("practice =", "new =")
                for line in FOUR[1:]
            ),
        ),
        "",
    ),
    "another variable, and the failed one stays": (
        tuple(
            line.replace("practice.", "new.").replace("practice =", "new =") for line in FOUR[1:]
        ),
        "2 leases named `practice`",
    ),
    "the fault strikes again": (
        (DELETE, MAKE, ADD, 'switchboard.on("lease-error")', SUBMIT),
        "is ERROR and not",
    ),
    "it begins later": (
        (DELETE, MAKE.replace("end_date=end", SOON), ADD, "practice.submit(wait_for_active=False)"),
        "is PENDING and not ACTIVE",
    ),
    "the last one was deleted as well": ((*FOUR, DELETE), "no lease named `practice`"),
}


@pytest.mark.parametrize(("lines", "says"), PRACTICE.values(), ids=PRACTICE)
def test_every_wrong_practice_lease_is_undone_by_the_cell_that_the_message_names(
    reserving: StudentKernel, lines: tuple[str, ...], says: str
) -> None:
    """Students can always run the cell of the failure again; `practice` is then the lease in the
    check's message.
    """
    failure, answer = reserving.cell('switchboard.on("lease-error")'), 'check("reserve.recover")'
    reserving.run(failure)
    output = reserving.tries(answer, "\n".join(FOUR), "\n".join(lines))
    if says:
        assert "not right yet" in output
        assert says in output
        assert "Run the cell below *Cause a failure on purpose* again" in output
        reserving.run(failure)
        output = reserving.run(reserving.cell(answer))
    assert ": right" in output
    assert "practice ACTIVE" in reserving.run("print(practice.name, practice.status)")


#: Slips in the solution of "reserve.lease", and the check's message.
LEASES = {
    "any of a type": (
        "node_name=block.resource",
        "node_type=block.option.type",
        "takes any node of a type",
    ),
    "a node of another type": (
        "node_name=block.resource",
        "node_name=other",
        "which is none of the planner's machines",
    ),
    "it begins at ten past": (
        "start_date=block.start",
        "start_date=block.start + ten",
        "not at a full or half hour",
    ),
    "it ends at a full hour": (
        "end_date=block.end",
        "end_date=block.end + ten",
        "is not ready when the next lease",
    ),
    "it ends by a duration": (
        "end_date=block.end",
        "duration=length",
        "python-chi counts a duration from now",
    ),
    "it is too long": (
        "end_date=block.end",
        "end_date=block.end + 2 * half",
        "minutes, and a block has",
    ),
    "there are two": (
        "mine.submit(idempotent=True, ",
        "first = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)\n"
        "first.add_node_reservation(amount=1, node_name=plan.chooser.slot.free[1])\n"
        "first.submit(wait_for_active=False)\nmine.submit(",
        "2 leases of this name",
    ),
    "it has another name": (
        "lease.Lease(plan.lease_name,",
        'lease.Lease("my-lease",',
        "by its `delete()`",
    ),
}


@pytest.mark.parametrize(("old", "new", "says"), LEASES.values(), ids=LEASES)
def test_every_wrong_lease_is_undone_by_the_call_that_the_message_names(
    choosing: StudentKernel, old: str, new: str, says: str
) -> None:
    """Without that call, the right cell finds the wrong lease, and the check repeats what it
    said.
    """
    choosing.run(
        "delete_all(plan.lease_name)\n"
        "half, ten = timedelta(minutes=30), timedelta(minutes=10)\n"
        "length = block.start - site_clock().now() + timedelta(hours=2, minutes=40)\n"
        'nodes = lab.open_testbed("CHI@TACC").resources("node", "compute_skylake")\n'
        "def is_free(node):\n"
        "    for held in node.bookings:\n"
        "        if held.end > block.start and held.start < block.end:\n"
        "            return False\n"
        "    return True\n"
        "free = [is_free(node) for node in nodes]\n"
        "other = nodes[free.index(True)].name"
    )
    answer = 'check("reserve.lease")'
    output = choosing.tries(answer, old, new)
    assert says in output
    if "LeaseMissingError" in output:
        choosing.run("mine.delete()")
    else:
        assert "not right yet" in output
        (call,) = re.findall(r"`(delete_all\([^`]+\))`", output)
        choosing.run(call)
    assert ": right" in choosing.run(choosing.cell(answer))


def test_a_wait_for_a_lease_that_begins_later_ends_in_seconds_and_says_what_was_forgotten(
    choosing: StudentKernel,
) -> None:
    """python-chi would wait for five minutes, here as on Chameleon; the lease is made, and the
    right cell finds it.
    """
    choosing.run("delete_all(plan.lease_name)")
    answer = 'check("reserve.lease")'
    began_s = time.monotonic()
    output = choosing.tries(answer, ", wait_for_active=False", "")
    assert time.monotonic() - began_s < 60
    assert "`wait_for_active=False` is missing in `submit(...)`" in output.splitlines()[-1]
    assert ": right" in choosing.run(choosing.cell(answer))


def test_a_lease_that_the_site_cannot_fill_is_deleted_and_another_block_is_right(
    choosing: StudentKernel,
) -> None:
    """It fails when its block begins, and the message says that another machine has to be
    chosen.
    """
    answer = 'check("reserve.lease")'
    choosing.run("delete_all(plan.lease_name)")
    choosing.tries(answer, "mine.submit(", 'switchboard.on("lease-error")\nmine.submit(')
    choosing.run("from provisioning.lab import rehearsal\nrehearsal.advance_to(block.start)")
    output = choosing.run(choosing.cell(answer))
    assert "is in ERROR" in output
    assert "Choose another node in the planner" in output
    (call,) = re.findall(r"`(delete_all\([^`]+\))`", output)
    choosing.run(call)
    choosing.run("plan = planner('model')\nblock = plan.chosen")
    assert ": right" in choosing.run(choosing.cell(answer))


#: Later lessons that reserve: the check, and python-chi's call for any machine of a type.
LATER_LEASES = {
    "device": ('check("device.lease")', "add_device_reservation(amount=1, machine_type="),
    "system": ('check("system.lease")', "add_node_reservation(amount=1, node_type="),
}


@pytest.mark.parametrize(("answer", "add"), LATER_LEASES.values(), ids=LATER_LEASES)
def test_a_wrong_lease_of_a_later_part_is_undone_by_the_call_that_the_message_names(
    answer: str, add: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """`submit(idempotent=True)` keeps any lease of its name, and the check repeats its message."""
    with student_of(request.node.callspec.id, tmp_path) as student:
        student.run_until(answer)
        output = student.run(
            "context.use_site(block.option.site)\n"
            "wrong = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)\n"
            f"wrong.{add}block.option.type)\n"
            "wrong.submit(wait_for_active=False)\n"
            "print(wrong.status)"
        )
        assert output.endswith("PENDING\n"), output
        for _ in range(2):
            output = student.run(student.cell(answer))
            assert "not right yet" in output
        assert "of a type" in output
        assert "Then run this cell with the three calls." in output
        (call,) = re.findall(r"`(\[each\.delete\(\)[^`]+\])`", output)
        student.run(call)
        assert ": right" in student.run(student.cell(answer))


#: Slips in the four arguments of a container, and the check's message.
CONTAINERS = {
    "another image": (
        "image_ref=option.image",
        'image_ref="ubuntu:24.04"',
        "but this device needs `option.image`",
    ),
    "no ports": ("exposed_ports=opened", "exposed_ports=[]", "Port 8888 is closed"),
}


def test_every_wrong_container_is_undone_by_the_call_that_the_message_names(tmp_path: Path) -> None:
    """`submit(idempotent=True)` keeps a wrong one as well."""
    answer = 'check("device.container")'
    with student_of("device", tmp_path) as student:
        student.run_until(answer)
        for old, new, says in CONTAINERS.values():
            output = student.tries(answer, old, new)
            assert says in output
            assert says in student.run(student.cell(answer))
            assert "Delete it: `board.delete()`" in output
            student.run("import time\nboard.delete()\ntime.sleep(2)")
            assert ": right" in student.run(student.cell(answer))
            student.run("board.delete()\ntime.sleep(2)")
