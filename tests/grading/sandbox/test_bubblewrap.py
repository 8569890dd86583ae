"""If bubblewrap is missing or forbidden, an instructor gets a message with bubblewrap's own
words.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from grading.grade.sandbox import abilities, system_calls
from grading.grade.sandbox.bubblewrap import why_not
from labs.workspace import PROJECT_DIR
from tests.tools import SANDBOX_VARIABLE, tool

MISSING = "apt install bubblewrap"
APPARMOR = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
CONTAINER = "grade outside the container"

#: What bubblewrap prints, where, and what must be said. The first four are what users of these
#: systems report.
WORDS = {
    "Ubuntu 24.04": (
        "bwrap: setting up uid map: Permission denied",
        [APPARMOR, "grading/README.md"],
    ),
    "Ubuntu 24.04, with a profile that keeps capabilities back": (
        "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
        [APPARMOR, "grading/README.md"],
    ),
    "Docker, whose filter refuses user namespaces": (
        "bwrap: No permissions to create a new namespace, likely because the kernel does not "
        "allow non-privileged user namespaces. See <https://deb.li/bubblewrap> or "
        "<file:///usr/share/doc/bubblewrap/README.Debian.gz>.",
        [CONTAINER],
    ),
    "a container that masks /proc": (
        "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
        [CONTAINER],
    ),
    "no user namespace is left": (
        "bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces "
        "exceeded (ENOSPC)",
        ["sudo sysctl -w user.max_user_namespaces=", CONTAINER],
    ),
    "words that nobody knows": ("bwrap: the moon is full", ["does not work here"]),
}


@pytest.mark.parametrize("place", WORDS)
def test_forbidden_is_told_from_missing(place):
    """Each in one line with bubblewrap's own words; the message never asks to install it again."""
    complaint, expected = WORDS[place]
    reason = why_not(complaint)
    assert "\n" not in reason
    assert all(words in reason for words in ["bubblewrap is installed", complaint[:150], *expected])
    assert MISSING not in reason
    assert MISSING in why_not("")


@pytest.mark.parametrize(
    "place", ["Ubuntu 24.04", "Docker, whose filter refuses user namespaces", None]
)
def test_a_grader_says_which_of_them_it_is(place, tmp_path: Path):
    """A program of bubblewrap's name that fails as it does there; None: nothing of this name is on
    PATH.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("timeout", "prlimit", "setpriv", "env", "true", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    expected = [MISSING]
    if place:
        complaint, expected = WORDS[place]
        (programs / "bwrap").write_text(
            f"#!/bin/sh\ncat >&2 <<'END'\n{complaint}\nEND\nexit 1\n".replace("cat", _CAT)
        )
        (programs / "bwrap").chmod(0o755)
    refusal = _refusal({**os.environ, "PATH": str(programs)}, [sys.executable])
    assert all(words in refusal for words in [*expected, "virtual machine", "Gradescope"])
    assert (MISSING in refusal) is not bool(place)


_CAT = str(shutil.which("cat"))


def test_an_ordinary_user_without_user_namespaces_is_told_so():
    """The real bubblewrap, behind the course's own filter, which forbids user namespaces as
    Docker's does.
    """
    if not (abilities().bubblewrap and abilities().own_user and abilities().filters):
        pytest.skip("this takes root and a bubblewrap that works")
    forbidden = [sys.executable, "-I", "-S", str(system_calls.__file__)]
    ordinary = [
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--securebits=+noroot,+noroot_locked",
    ]
    refusal = _refusal(dict(os.environ), [*forbidden, *ordinary, sys.executable])
    assert "No permissions to creat" in refusal
    assert CONTAINER in refusal
    assert MISSING not in refusal


@pytest.mark.skipif(not abilities().own_user, reason="this takes root")
def test_an_ordinary_user_with_no_namespace_left_is_told_so():
    """The real bubblewrap in a user namespace in which no further one may be made."""
    bwrap, unshare = tool("bwrap"), tool("unshare")
    script = (
        "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all "
        f"--inh-caps=-all --securebits=+noroot,+noroot_locked {bwrap} --unshare-user --ro-bind / "
        "/ true"
    )
    done = subprocess.run(
        [unshare, "--user", "--map-root-user", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if "ENOSPC" not in done.stderr:
        pytest.skip(f"no user namespace can be made here: {done.stderr}")
    assert "sudo sysctl -w user.max_user_namespaces=" in why_not(done.stderr.strip())


def test_the_sandbox_is_there_where_it_is_required():
    """The public gate sets it: otherwise, tests of a forbidden sandbox would be skipped
    unnoticed.
    """
    if os.environ.get(SANDBOX_VARIABLE) != "required":
        pytest.skip(f"{SANDBOX_VARIABLE}=required is not set")
    tool("bwrap")  # hidden in the gate's first round, which may have make and Python alone
    assert abilities().bubblewrap, abilities().refusal


@pytest.mark.slow
def test_the_gate_fails_where_the_sandbox_is_forbidden(tmp_path: Path):
    """With a bubblewrap that fails as on Ubuntu 24.04: the test above is red, and says what allows
    it.
    """
    complaint, expected = WORDS["Ubuntu 24.04"]
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    variables = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        SANDBOX_VARIABLE: "required",
    }
    test = f"{Path(__file__)}::{test_the_sandbox_is_there_where_it_is_required.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        command, cwd=PROJECT_DIR, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert all(words in done.stdout for words in expected)


def test_every_workflow_that_installs_bubblewrap_allows_it_before_it_is_used():
    """On the machines of the public gate AppArmor forbids it."""
    jobs = [
        job["steps"]
        for path in sorted((PROJECT_DIR / ".github" / "workflows").glob("*.yml"))
        for job in yaml.safe_load(path.read_text())["jobs"].values()
        if "bubblewrap" in str(job["steps"])
    ]
    assert jobs
    for steps in jobs:
        commands = [step.get("run", "") for step in steps]
        allowed = next(place for place, command in enumerate(commands) if APPARMOR in command)
        used = min(
            place for place, command in enumerate(commands) if command in (".ci/run", "make site")
        )
        assert allowed < used
        assert commands[used] != ".ci/run" or steps[used]["env"] == {SANDBOX_VARIABLE: "required"}


def _refusal(variables: dict[str, str], python: list[str]) -> str:
    code = "from grading.grade.sandbox import abilities; print(abilities().refusal)"
    done = subprocess.run(
        [*python, "-c", code],
        cwd=PROJECT_DIR,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
