"""Uses that no single process's limit counts: files (also deleted ones), sockets, and the time of
cleaning up.

Each test runs with bubblewrap and without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grading.grade.sandbox import Sandbox, SandboxLimits, abilities, command, usage
from grading.grade.sandbox.abilities import FIRST_USER, privileges
from grading.grade.sandbox.command import remove
from grading.grade.sandbox.usage import SandboxUsage, of_folder
from tests.tools import sandboxed

CAN = abilities()

pytestmark = sandboxed

walls = pytest.mark.parametrize(
    "can",
    [CAN, replace(CAN, bubblewrap=False)] if CAN.own_user else [CAN],
    ids=["all walls", "no namespaces"][: 1 + CAN.own_user],
)

#: A Python that every user reaches.
PYTHON = "/usr/bin/python3"

#: Attacks in the language that every host has within a sandbox's reach. Each would go on for
#: minutes.
ATTACKS = {
    "empty files": ("i=0; while :; do i=$((i+1)); : >f$i; done", {"folder_entries": 300}),
    "empty folders in each other": (
        "while :; do mkdir d && cd d || exit; done",
        {"folder_entries": 300},
    ),
    "a deleted file that is still open": (
        "exec 3>file; rm file; "
        "i=0; while [ $i -lt 200 ]; do i=$((i+1)); head -c 1000000 /dev/zero >&3; done; sleep 300",
        {"folder_bytes": 20 << 20, "file_bytes": 512 << 20},
    ),
    "a file in memory outside its folder": (
        "for place in /dev/shm /tmp /var/tmp .; do for i in 1 2 3 4 5 6 7 8; do head -c 4000000 "
        "/dev/zero >$place/x$i; done; done 2>/dev/null; sleep 300",
        {"folder_bytes": 20 << 20},
    ),
    "many files outside its folder": (
        "i=0; while :; do i=$((i+1)); "
        "for place in /dev/shm /tmp /var/tmp .; do : >$place/m$$-$i; done; done 2>/dev/null",
        {"folder_entries": 300},
    ),
    "open files of many processes": (
        "for i in 1 2 3 4 5 6 7 8 9 10; do (exec 3</dev/null 4<&3 5<&3 6<&3 7<&3 8<&3 9<&3; "
        "sleep 300; :) & done; wait",
        {"together_open_files": 60},
    ),
}


@walls
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_command_that_holds_too_much_is_ended(can, attack):
    """Long before its time is over."""
    script, limits = ATTACKS[attack]
    with Sandbox(can) as sandbox:
        outcome = sandbox.run(["/bin/sh", "-c", script], limits=SandboxLimits(wall_s=240, **limits))
        begin_s = time.monotonic()
    assert outcome.returncode != 0, outcome
    assert outcome.wall_s < 120, outcome
    assert time.monotonic() - begin_s < command.CLEAN_UP_S + 2
    assert not sandbox.temporary.exists()


def test_cleaning_up_takes_no_longer_than_it_may(tmp_path: Path, monkeypatch):
    """The rest is removed in the background, and the grader continues."""
    many = tmp_path / "many"
    for folder in range(20):
        (many / str(folder)).mkdir(parents=True)
        for file in range(200):
            (many / str(folder) / str(file)).touch()
    monkeypatch.setattr(command, "CLEAN_UP_S", 0)
    begin_s = time.monotonic()
    remove(many)
    assert time.monotonic() - begin_s < 1
    end_s = time.monotonic() + 60
    while many.exists() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not many.exists()


def test_an_honest_command_may_make_as_much_as_it_is_allowed():
    """Limits that nothing can stay below would pass every other test."""
    script = (
        "for i in 1 2 3; do mkdir d$i; head -c 1000000 /dev/zero >d$i/file; done; sleep 1; echo end"
    )
    with Sandbox() as sandbox:
        limits = SandboxLimits(
            wall_s=60, folder_entries=10, folder_bytes=4 << 20, together_open_files=40
        )
        outcome = sandbox.run(["/bin/sh", "-c", script], limits=limits)
    assert outcome.output == "end\n", outcome


def test_counting_stops_where_it_has_seen_enough(tmp_path: Path):
    """A link counts as one entry, wherever it leads; a folder so deep that it has no path, as
    infinitely many.
    """
    for number in range(30):
        (tmp_path / str(number)).touch()
    (tmp_path / "link").symlink_to("/")
    assert of_folder(tmp_path, 100).entries == 32
    assert of_folder(tmp_path, 10).entries == 11
    assert of_folder(tmp_path / "none", 10) == SandboxUsage()
    with Sandbox() as sandbox:
        nest = "import os\nfor _ in range(25): os.mkdir('a' * 200); os.chdir('a' * 200)"
        # Not as a command of the sandbox, whose watch ends one that has made such a folder.
        subprocess.run([sys.executable, "-c", nest], cwd=sandbox.folder, check=True)
        assert of_folder(sandbox.folder, 10_000).entries == float("inf")
    assert not sandbox.temporary.exists()


@pytest.mark.skipif(not CAN.own_user, reason="this takes root")
def test_a_folder_that_the_grader_may_not_read_counts_as_full():
    """To an ordinary user's grader, its contents could be anything."""
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
os.mkdir("closed", 0)
from pathlib import Path
from usage import of_folder
print(of_folder(Path("."), 100).entries)
"""
    user = FIRST_USER
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, user, user)
        module = Path(folder) / "modules"
        module.mkdir()
        shutil.copy(usage.__file__, module)
        if not Path(PYTHON).exists():
            pytest.skip("no Python is within reach of every user here")
        words = ["setpriv", *privileges(user), PYTHON, "-B", "-c", code, str(module)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout == "inf\n", done.stderr
