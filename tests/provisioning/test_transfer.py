"""A machine's results are copied to this computer, this computer's files to the machine, and a
machine with results is not deleted.
"""

import contextlib
import json
import os
import re
from pathlib import Path

import pytest

from labs.records.ledger import Ledger
from labs.records.record import Answer, Prediction
from provisioning import lab
from provisioning.lab.device import open_node
from provisioning.setup.record import Record
from provisioning.setup.transfer import (
    FETCH_BYTES,
    REMOTE_ROOT,
    BrokeOffError,
    Home,
    only_there,
    pull,
    push,
)
from provisioning.testbed import Machine, errors
from tests.provisioning.conftest import FolderShell

WHEN = "2026-11-26T00:00:00+00:00"
NAME = "serve-model-ada"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for deleted resources at once."""
    monkeypatch.setattr(lab, "poll_s", lambda: 0.01)


def quiet(_line: str) -> None:
    """Say nothing."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The side that outlives the machine."""
    (tmp_path / "course" / "notebooks" / "1_model").mkdir(parents=True)
    return Home(tmp_path / "course", tmp_path / "mine")


@pytest.fixture
def shell(tmp_path: Path) -> FolderShell:
    (tmp_path / "machine" / REMOTE_ROOT).mkdir(parents=True)
    return FolderShell(tmp_path / "machine")


@pytest.fixture
def there(shell: FolderShell) -> Home:
    """The same work as the machine sees it."""
    return Home(shell.home / REMOTE_ROOT, shell.home / REMOTE_ROOT / "workspace")


def write(side: Home, name: str, content: bytes) -> Path:
    path = side.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def ids(side: Home) -> list[str]:
    return [entry.record_id for entry in side.ledger]


def test_what_was_made_at_home_is_there_and_what_was_measured_there_comes_home(home, there, shell):
    """Once each way; then nothing is left to move, in either direction."""
    guess = home.ledger.append(Prediction("m.a.guess", 2.0, WHEN))
    write(home, "workspace/models/food11.onnx", b"onnx" * 1000)
    write(home, "notebooks/1_model/10.ipynb", b"{}")
    write(home, "workspace/programs/repository/food/config.pbtxt", b"max_batch_size: 8")
    write(home, "workspace/programs/serving/app.py", b"app = None")
    write(home, "workspace/programs/serving/__pycache__/app.pyc", b"compiled")
    write(home, "notebooks/1_model/helper.py", b"a file of somebody's own")
    moved, same = push(shell, home, {}, quiet)
    programs = [
        "workspace/programs/repository/food/config.pbtxt",
        "workspace/programs/serving/app.py",
    ]
    expected = ["notebooks/1_model/10.ipynb", "workspace/models/food11.onnx", *programs]
    assert (moved.entries, sorted(moved.files)) == (1, expected)
    assert ids(there) == [guess.record_id]

    answer = there.ledger.append(Answer("m.a.found", 3, WHEN))
    write(there, "workspace/models/int8.onnx", os.urandom(FETCH_BYTES * 2 + 5))
    write(there, "notebooks/1_model/10.ipynb", b'{"run": 1}')
    left = only_there(shell, home, same)
    assert (left.entries, sorted(left.files)) == (
        1,
        ["notebooks/1_model/10.ipynb", "workspace/models/int8.onnx"],
    )
    moved, same = pull(shell, home, same, quiet)
    assert moved.entries == 1
    assert ids(home) == [guess.record_id, answer.record_id]
    assert (
        home.path("workspace/models/int8.onnx").read_bytes()
        == there.path("workspace/models/int8.onnx").read_bytes()
    )
    # Unchanged here since it was sent, so the one that was worked on takes its place.
    assert home.path("notebooks/1_model/10.ipynb").read_bytes() == b'{"run": 1}'

    assert not only_there(shell, home, same).anything
    for transfer in (pull, push):
        moved, same = transfer(shell, home, same, quiet)
        assert not moved.anything
        assert moved.conflicts == []
    assert len(ids(home)) == len(ids(there)) == 2


def test_what_both_sides_changed_is_kept_on_both(home, there, shell):
    """Nothing is replaced: the machine's file arrives beside the one here, once; an entry of the
    same id stays.
    """
    write(home, "notebooks/1_model/10.ipynb", b"sent")
    entry = home.ledger.append(Answer("m.a.found", 3, WHEN))
    _, same = push(shell, home, {}, quiet)
    write(home, "notebooks/1_model/10.ipynb", b"mine")
    write(there, "notebooks/1_model/10.ipynb", b"theirs")
    other = json.loads(there.ledger.path.read_text()) | {"value": 4}
    there.ledger.path.write_text(json.dumps(other) + "\n")
    moved, same = push(shell, home, same, quiet)
    assert moved.files == {}
    assert "changed over there" in moved.conflicts[0]
    for _ in range(2):
        moved, same = pull(shell, home, same, quiet)
    assert home.path("notebooks/1_model/10.ipynb").read_bytes() == b"mine"
    (beside,) = home.path("notebooks/1_model").glob("10.from-machine-*.ipynb")
    assert beside.read_bytes() == b"theirs"
    assert home.ledger.answer("m.a.found") == 3
    assert ids(home) == [entry.record_id]
    assert not only_there(shell, home, same).files


@pytest.mark.parametrize("between", [(), (pull,), (pull, pull)])
def test_what_is_saved_at_home_after_it_was_sent_is_no_news_of_the_machine(
    home, there, shell, between
):
    """JupyterLab saves an open notebook every two minutes; the machine's older one holds nothing
    that is only there.
    """
    write(home, "notebooks/1_model/15.ipynb", b"sent")
    _, same = push(shell, home, {}, quiet)
    write(home, "notebooks/1_model/15.ipynb", b"saved again")
    for transfer in between:
        moved, same = transfer(shell, home, same, quiet)
        assert not moved.files
    assert not only_there(shell, home, same).anything
    moved, _ = push(shell, home, same, quiet)
    assert (moved.conflicts, there.path("notebooks/1_model/15.ipynb").read_bytes()) == (
        [],
        b"saved again",
    )


def test_a_machine_names_no_place_outside_its_folders(home, shell):
    """It may be another's by now, so its list is not trusted."""

    class Lies(FolderShell):
        def run(self, command, **how):
            done = super().run(command, **how)
            if "find $folders" not in command:
                return done
            names = (
                "../../.bashrc",
                "workspace/models/../../../x.onnx",
                "notebooks/.git/x.ipynb",
                "/etc/x.onnx",
            )
            names += ("notebooks/README.md", "notebooks-mine/x.ipynb")
            lines = [f"{'0' * 64} 3 {name}" for name in names]
            lines += [
                "../../../ 3 notebooks/x.ipynb",
                f"{'0' * 64} many notebooks/x.ipynb",
                "words",
            ]
            return type(done)(0, "\n".join(lines))

    readme = write(home, "notebooks/README.md", b"mine")
    moved, _ = pull(Lies(shell.home), home, {}, quiet)
    assert not moved.anything
    assert readme.read_bytes() == b"mine"


def test_release_refuses_while_something_is_only_there(memory, workspace):
    """The machine is still there afterwards; pulled or given up by name, it goes."""
    memory.give_lease(NAME)
    memory.machine_list.append(Machine("m-1", NAME, "server", "ACTIVE"))
    remote = Ledger(memory.folder_shell.home / REMOTE_ROOT / "workspace" / "ledger.jsonl")
    remote.append(Answer("m.a.found", 3, WHEN))
    with pytest.raises(errors.NotHomeError, match="1 ledger entry"):
        lab.give_back("model", memory)
    assert len(memory.machine_list) == 1
    assert lab.pull("model", memory, say=quiet).entries == 1
    list(lab.give_back("model", memory))
    assert memory.machine_list == []
    assert Ledger(workspace / "ledger.jsonl").answer("m.a.found") == 3


def test_release_asks_first_where_nothing_was_measured(memory, workspace):
    """Running all cells never ends a lease without results; a student who is sure must say so."""
    memory.give_lease(NAME)
    with pytest.raises(errors.NotMeasuredError, match=r"so the lease is kept(.|\n)*`sure=True`"):
        lab.give_back("model", memory, measured=False)
    assert len(memory.lease_list) == 1
    list(lab.give_back("model", memory, measured=False, sure=True))
    assert memory.lease_list == []


#: A machine's fate, the error of a lesson that continues there, and a pull's message.
LOSSES = {
    "its lease ends": (
        {"machine_list": []},
        errors.LeaseEndedError,
        "no running machine .*: last brought home .* but for {}",
    ),
    "it dies": ({"deaf_looks": 10**6}, errors.NotReachableError, None),
    "its address changes": (
        {"machine_list": [Machine("m-1", NAME, "server", "ACTIVE", ("b",))]},
        None,
        "fetching {}",
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_was_measured_is_at_home_and_pull_says_what_is_missing(
    memory, workspace, monkeypatch, loss
):
    """The line is cut in a model's second part: no file has its name yet; then the machine
    disappears, or is reached again.
    """
    changes, lesson_error, pull_report = LOSSES[loss]
    path = "workspace/models/int8.onnx"
    shell = memory.folder_shell
    content = os.urandom(FETCH_BYTES * 2 + 5)
    memory.machine_list.append(Machine("m-1", NAME, "server", "ACTIVE", ("a",)))
    there = Home(shell.home / REMOTE_ROOT, shell.home / REMOTE_ROOT / "workspace")
    there.ledger.append(Answer("m.a.found", 3, WHEN))
    write(there, path, content)
    Record.for_name(NAME).describe(part="model", site=memory.site, type="compute_liqid")
    device = open_node("model", memory)
    run = shell.run

    def cut(command, **how):
        if f"tail -c +{FETCH_BYTES + 1} " in command:
            raise errors.CommandFailedError("the line is down")
        return run(command, **how)

    shell.run = cut
    with pytest.raises(BrokeOffError, match=f"the line is down; not at home yet: {path}"):
        lab.pull("model", memory, say=quiet)
    assert list((workspace / "models").glob("*")) == []
    assert Ledger(workspace / "ledger.jsonl").answer("m.a.found") == 3

    shell.run = run
    open_shell = memory.shell
    for name, value in changes.items():
        setattr(memory, name, value)

    def at_its_address(machine):
        if machine not in memory.machine_list:
            raise errors.NotReachableError(f"no SSH connection to {machine.addresses}")
        return open_shell(machine)

    memory.shell = at_its_address
    with contextlib.nullcontext() if lesson_error is None else pytest.raises(lesson_error):
        assert device.fetch(path) == content
    lines: list[str] = []
    if pull_report is None:
        with pytest.raises(errors.NotReachableError):
            lab.pull("model", memory, say=lines.append)
    else:
        lab.pull("model", memory, say=lines.append)
        assert re.search(pull_report.format(path), "\n".join(lines))
    models = [model.read_bytes() for model in (workspace / "models").glob("*")]
    assert models == ([content] if loss == "its address changes" else [])


def test_nothing_is_pushed_to_a_machine_that_is_not_there(memory):
    """Pulling from a machine that never existed is allowed, since no result can be lost; pushing is
    an error.
    """
    lines: list[str] = []
    assert not lab.pull("model", memory, say=lines.append).anything
    assert "nothing to bring home" in lines[0]
    with pytest.raises(errors.LeaseMissingError):
        lab.push("model", memory, say=quiet)


@pytest.mark.parametrize("reached", [True, False], ids=["reached before", "never reached"])
def test_release_refuses_a_machine_that_does_not_answer(memory, reached):
    """Nobody knows what is on it, unless the student gives it up, or set-up has never reached
    it.
    """
    memory.machine_list.append(Machine("m-1", NAME, "server", "ACTIVE"))
    memory.locked_looks = 1
    record = Record.for_name(NAME)
    record.describe(part="model", site=memory.site, type="compute_liqid")
    if reached:
        record.update("work", state="done")
        with pytest.raises(errors.NotHomeError, match="does not answer"):
            lab.give_back("model", memory)
    list(lab.give_back("model", memory, discard=reached))
    assert memory.machine_list == []
