"""The sandbox: a command in it ends, leaves nothing, reaches nothing, and cannot regain privileges.

Each test runs with all walls that this host allows, and once more as on a host without namespaces,
where it is root.
"""

import os
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from grading.grade.sandbox import Abilities, Outcome, Sandbox, SandboxLimits, abilities
from grading.grade.sandbox.abilities import FIRST_USER, privileges
from labs.workspace import PROJECT_DIR, deeper_packages
from tests.tools import sandboxed

CAN = abilities()

pytestmark = sandboxed

#: Without namespaces, Python itself may lie in a folder that only root can pass; /bin/sh never
#: does.
BARE = replace(CAN, bubblewrap=False)

walls = pytest.mark.parametrize(
    "can",
    [CAN, BARE] if CAN.own_user else [CAN],
    ids=["all walls", "no namespaces"][: 1 + CAN.own_user],
)


def shell(script: str, can=CAN, **limits: float) -> Outcome:
    with Sandbox(can=can) as sandbox:
        return sandbox.run(
            ["/bin/sh", "-c", script], limits=SandboxLimits(**{"wall_s": 10, **limits})
        )


def python(code: str, **limits: float) -> Outcome:
    with Sandbox() as sandbox:
        return sandbox.run(
            [sys.executable, "-c", code], limits=SandboxLimits(**{"wall_s": 20, **limits})
        )


@walls
def test_a_command_runs_in_its_folder_and_its_words_come_back(can):
    """Walls that let nothing through would pass every other test."""
    done = shell("pwd; echo trouble >&2; echo kept > file; cat file; exit 3", can)
    assert (done.returncode, done.timed_out, done.errors.strip()) == (3, False, "trouble")
    assert done.output.splitlines()[-1] == "kept"


@walls
@pytest.mark.parametrize(
    ("script", "ends"),
    [
        (
            "trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; sleep {marker}' &) ; while :; "
            "do :; done",
            False,
        ),
        ("(setsid sleep {marker} >/dev/null 2>&1 &); exit 0", True),
        ("exec setsid sleep {marker}", False),
    ],
    ids=[
        "an endless loop with a daemon that refuses to end",
        "a daemon alone",
        "a command that leaves its group",
    ],
)
def test_nothing_outlives_its_command_or_its_time(can, script, ends):
    """It would wait for the next student's files."""
    marker = f"8{os.getpid()}{time.monotonic_ns() % 1000}"
    done = shell(script.format(marker=marker), can, wall_s=10 if ends else 1)
    assert done.timed_out != ends
    assert not [
        process
        for process in psutil.process_iter(["cmdline"])
        if marker in " ".join(process.info["cmdline"] or ())
    ]


@walls
def test_killing_everybody_kills_nobody_else(can):
    """`kill -9 -1`, its parent, and process 1."""
    done = shell(
        "kill -9 $PPID 2>/dev/null; kill -9 1 2>/dev/null; kill -9 -1; echo alive", can, wall_s=300
    )
    assert not done.timed_out
    assert shell("echo still here", can).output == "still here\n"


@walls
def test_the_environment_is_empty_and_privileges_are_gone(can, monkeypatch):
    """A sandboxed command cannot read a token in the grader's environment."""
    monkeypatch.setenv("TOKEN", "secret")
    done = shell("env; cat /proc/self/status", can)
    assert "secret" not in done.output
    assert "NoNewPrivs:\t1" in done.output
    assert "CapEff:\t0000000000000000" in done.output
    assert "CapBnd:\t0000000000000000" in done.output


@walls
def test_files_of_others_cannot_be_written_nor_private_ones_read(can, tmp_path: Path):
    """Not the results, which only their owner may see."""
    results = tmp_path / "results"
    results.mkdir(mode=0o700)
    (results / "results.json").write_text("{}")
    done = shell(
        f"cat {results}/results.json; echo 100 > {results}/results.json; echo x > {results}/new; "
        "id -u",
        can,
    )
    assert (results / "results.json").read_text() == "{}"
    assert [path.name for path in results.iterdir()] == ["results.json"]
    assert "{}" not in done.output


@walls
def test_nothing_is_left_where_everybody_may_write(can):
    """One student's file must not wait for the next one's run."""
    name = f"left-{os.getpid()}-{time.monotonic_ns()}"
    places = [folder for folder in ("/tmp", "/var/tmp", "/dev/shm") if Path(folder).is_dir()]
    shell(
        "; ".join(
            f"mkdir {place}/{name}; echo x > {place}/{name}/x; echo x > {place}/{name}.txt"
            for place in places
        ),
        can,
    )
    assert [path for place in places for path in Path(place).glob(f"{name}*")] == []


@pytest.mark.skipif(
    not (CAN.own_user and CAN.bubblewrap), reason="an ordinary user cannot be tried here"
)
def test_an_ordinary_user_is_kept_apart_by_bubblewrap_or_runs_nothing():
    """The same walls, built by a user without privileges: nothing of that user's can be read or
    written.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        os.chown(home, FIRST_USER - 1, FIRST_USER - 1)
        own = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "PYTHONPATH": str(PROJECT_DIR),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [
            *_in_reach(),
            "setpriv",
            *privileges(FIRST_USER - 1),
            sys.executable,
            "-c",
            AS_ORDINARY_USER,
        ]
        done = subprocess.run(
            command, cwd=home, env=own, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in ("kept apart", "nothing is run"), done


def _in_reach() -> list[str]:
    """Return bubblewrap's arguments for this machine as it is, but with Python where every user can
    reach it.
    """
    needed = sorted({Path(path).resolve() for path in (sys.base_prefix, sys.prefix, PROJECT_DIR)})
    closed = {
        folder: path
        for path in needed
        for folder in path.parents
        if not folder.stat().st_mode & stat.S_IXOTH
    }
    words = ["bwrap", "--dev-bind", "/", "/"]
    for folder, path in closed.items():
        between = [
            parent
            for parent in reversed(path.parents)
            if parent.is_relative_to(folder) and parent != folder
        ]
        words += ["--perms", "0755", "--tmpfs", str(folder)]
        words += [word for folder in between for word in ("--perms", "0755", "--dir", str(folder))]
        words += ["--ro-bind", str(path), str(path)]
    return words


AS_ORDINARY_USER = """
import os, sys
from pathlib import Path
from grading.grade.intake import Intake
from grading.grade.sandbox import Sandbox, SandboxLimits, abilities
assert os.getuid() != 0 and not abilities().own_user
if not abilities().apart:
    print("nothing is run")
    sys.exit()
secret, mine = Path("secret"), Path("mine")
secret.mkdir(mode=0o700)
(secret / "file").write_text("42")
mine.write_text("mine")
with Sandbox() as sandbox:
    secret = secret.resolve()
    script = f"cat {secret}/file; echo x > {secret}/new; echo x > {mine.resolve()}; echo end"
    outcome = sandbox.run(["/bin/sh", "-c", script], limits=SandboxLimits(wall_s=10))
assert outcome.output == "end\\n", outcome
assert [path.name for path in secret.iterdir()] == ["file"]
assert mine.read_text() == "mine"
print("kept apart")
"""


@pytest.mark.skipif(not CAN.bubblewrap, reason="no bubblewrap here")
def test_only_what_is_named_is_there():
    """No history, no test, no source, no secret case, no home, no other submission, whatever its
    mode.
    """
    secret = Path("/var/tmp") / f"secret-{os.getpid()}"
    secret.mkdir(mode=0o777)
    try:
        (secret / "answer").write_text("42")
        rooms = [
            PROJECT_DIR / name
            for name in (".git", "tests", "notebooks", "assets", "provisioning", "workspace")
        ]
        rooms += [
            PROJECT_DIR / "grading" / name
            for name in ("builder", "grade/hidden.py", "grade/intake")
        ]
        places = " ".join(
            str(path) for path in [secret, *rooms, "/root", "/home", "/work", "/etc/passwd", "/var"]
        )
        done = shell(
            f"for place in {places}; do ls -A $place; done; ls {PROJECT_DIR}; ls "
            f"{PROJECT_DIR}/grading; ls /"
        )
    finally:
        (secret / "answer").unlink()
        secret.rmdir()
    seen = set(done.output.split())
    system = {"bin", "sbin", "lib", "lib64", "usr", "etc", "proc", "dev", "tmp"}
    course = {"labs", "grading", "__init__.py", "grade"}
    ways = {
        part
        for path in (PROJECT_DIR, Path(sys.prefix), Path(sys.base_prefix))
        for part in path.resolve().parts
    }
    # Folders above the packages of deep dives, which are there by name.
    above = {"notebooks", "source"} if deeper_packages() else set()
    named = system | course | ways | above | {Path(sys.prefix).name}
    assert seen <= named, seen - named


@pytest.mark.skipif(not CAN.network, reason="the network cannot be taken away here")
def test_there_is_no_network():
    """Even this machine's own services are out of reach."""
    done = python(
        "import socket\nfor address in (('1.1.1.1', 53), ('127.0.0.1', 22)):\n"
        "    try: socket.create_connection(address, 2); print('reached')\n    except OSError: "
        "print('none')"
    )
    assert done.output.split() == ["none", "none"], done.errors


def test_memory_files_and_processes_have_ends():
    """A 9 GB allocation, a large file, a fork storm: each fails inside, and nothing happens
    outside.
    """
    done = python(GREEDY, file_bytes=4 << 20, processes=40)
    assert done.output.splitlines()[:2] == ["memory ends", "files end"], done
    if CAN.own_user:
        assert done.output.splitlines()[2] == "processes end"


GREEDY = """
import os, signal
try:
    bytearray(9 << 30)
except MemoryError:
    print("memory ends", flush=True)
try:
    with open("large", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
except OSError:
    print("files end", flush=True)
try:
    for _ in range(500):
        if not os.fork():
            signal.pause()
except OSError:
    print("processes end", flush=True)
"""


@walls
def test_what_a_command_prints_is_for_nobody_else(can):
    """Read by the grader while it is there: its modes, whatever umask the grader has."""
    umask = os.umask(0)
    try:
        with Sandbox(can) as sandbox:
            sandbox.run([sys.executable, "-c", "print(1)"])
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode) for path in sandbox.temporary.iterdir()
            }
    finally:
        os.umask(umask)
    assert (modes["output"], modes["errors"]) == (0o600, 0o600)


@walls
def test_a_flood_of_words_is_cut(can):
    """Otherwise 200 MB of output would fill the grader's memory."""
    done = shell("yes | head -c 50000000; echo end >&2", can, output_bytes=1000)
    assert (len(done.output), done.errors.splitlines()[-1]) == (1000, "end")


@pytest.mark.parametrize(
    ("walls_built", "apart"),
    [
        ({"bubblewrap": True}, True),
        ({"own_user": True}, False),
        ({"alone": True}, False),
        ({"alone": True, "own_user": True}, True),
        ({"alone": True, "own_user": True, "in_reach": False}, False),
    ],
)
def test_without_bubblewrap_code_runs_only_where_one_hand_in_is_alone(walls_built, apart):
    """As in Gradescope's container; the refusal names ways that work, and the abilities that the
    host lacks.
    """
    can = Abilities(**{"bubblewrap": False, "own_user": False} | walls_built)
    assert can.apart is apart
    # This host has no filter and no control group; two lines say so.
    assert len(can.missing()) == (not apart) + 2 * (not can.bubblewrap) + (not can.own_user) + 2
    assert apart or can.refusal == can.missing()[0]
    assert any("can reach the network" in line for line in can.missing()) is not can.bubblewrap
    assert bool(can.refusal) is not apart
    assert apart or all(place in can.refusal for place in ("virtual machine", "Gradescope"))


@walls
def test_memory_of_all_processes_and_a_whole_folder_have_ends_too(can):
    """Each of them stays below its own limit, and together they would fill the machine."""
    # The colon keeps the shell and what it holds: a last command would take the shell's place.
    hold = "x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 600; :"
    done = shell(
        f"for i in 1 2 3 4; do ({hold}) & done; wait; echo end",
        can,
        wall_s=300,
        together_bytes=100 << 20,
    )
    assert (done.output, done.timed_out) == ("", False), done
    fill = (
        "for i in 1 2 3 4 5 6 7 8; do head -c 4000000 /dev/zero > file$i; done; sleep 600; echo end"
    )
    done = shell(fill, can, wall_s=300, folder_bytes=8 << 20)
    assert (done.output, done.timed_out) == ("", False), done


@pytest.mark.skipif(not CAN.bubblewrap, reason="no bubblewrap here")
@pytest.mark.parametrize(
    "own_user", [CAN.own_user, False], ids=["as here", "a grader that is not root"]
)
def test_nothing_is_written_where_it_would_fill_memory_unseen(own_user):
    """Bubblewrap's own folders are in memory, where no limit counts files; devices still work."""
    script = (
        "for place in /tmp /dev /dev/shm / /etc /var/tmp; do (echo x > $place/x) 2>/dev/null && "
        "echo $place; done"
    )
    done = shell(
        f"{script}; echo x > /dev/null && echo x > here && echo written",
        replace(CAN, own_user=own_user),
    )
    assert done.output == "written\n", done


def test_a_grader_who_keeps_new_files_to_itself_can_still_show_python():
    """Root's umask is 077 on many a machine."""
    umask = os.umask(0o77)
    try:
        assert python("print('there')").output == "there\n"
    finally:
        os.umask(umask)
