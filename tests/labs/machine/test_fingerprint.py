"""The fingerprint of this machine."""

from __future__ import annotations

import json
import subprocess
import sys

from labs.machine import Fingerprint, fingerprint
from labs.machine.fingerprint import usable_cpu_count


def test_fingerprint_survives_json() -> None:
    """This machine's fingerprint is plain JSON and comes back equal."""
    here = fingerprint()
    assert Fingerprint.from_json(json.loads(json.dumps(here.to_json()))) == here
    assert here.memory_bytes > 2**28
    assert here.cpu_model != "unknown"


def test_fingerprint_is_not_personal() -> None:
    """Neither host name nor user name is in it."""
    import getpass
    import platform

    text = json.dumps({k: v for k, v in fingerprint().to_json().items() if k != "system"})
    assert platform.node() not in text
    assert f'"{getpass.getuser()}"' not in text


def test_affinity_is_respected() -> None:
    """A process held to one processor counts one."""
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from labs.machine.fingerprint import usable_cpu_count; print(usable_cpu_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert usable_cpu_count() >= 1
