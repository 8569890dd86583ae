"""A fault inside a machine stays with it, and a reboot repairs only some faults."""

import subprocess

import pytest

from chameleon_rehearsal.faults import FAULTS
from chameleon_rehearsal.machines import shim
from chameleon_rehearsal.machines.conditions import CONDITIONS, after_reboot, worsen


@pytest.fixture
def commands(tmp_path):
    """A machine's commands; each prints its name."""
    folder = tmp_path / "commands"
    folder.mkdir()
    names = {name for scripts in CONDITIONS.values() for name in scripts}
    for name in names:
        shim.make(folder, name, "/bin/echo", name)
    return folder


def run(commands, *words):
    done = subprocess.run(
        [str(commands / words[0]), *words[1:]], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_every_condition_is_a_fault_that_stays_and_every_such_fault_a_condition():
    """The table of faults says what people see, the scripts make it happen."""
    assert {name for name, fault in FAULTS.items() if fault.stays} == set(CONDITIONS)


def test_a_conditions_commands_answer_otherwise(commands):
    """And a command that no condition names stays what it was."""
    worsen(commands, {"disk-full": None, "other-image": None, "apt-broken": None})
    assert not (commands / "nvidia-smi").exists()
    code, text = run(commands, "tar", "-x")
    assert (code, "No space left on device" in text) == (2, True)
    assert run(commands, "sudo", "apt-get", "update")[0] == 100
    assert run(commands, "sudo", "apt-get", "update") == (0, "sudo apt-get update\n")
    assert run(commands, "sha256sum") == (0, "sha256sum\n")


def test_a_slow_card_does_the_same_later(commands):
    """Whatever else is wrong with the same command: the last condition decides."""
    worsen(commands, {"slow-card": 0.0})
    worsen(commands, {"slow-card": 0.0})
    assert run(commands, "tar", "-x") == (0, "tar -x\n")


@pytest.mark.parametrize("has_driver", [True, False])
def test_a_reboot_loads_the_driver_that_is_installed(commands, has_driver):
    """An image without one has none afterwards either; other conditions stay."""
    if not has_driver:
        (commands / "nvidia-smi").unlink()
    worsen(commands, {"other-driver": None, "disk-full": None})
    assert run(commands, "nvidia-smi")[0] == 18
    left = after_reboot(commands, {"other-driver": None, "disk-full": None})
    assert left == {"disk-full": None}
    assert (commands / "nvidia-smi").exists() == has_driver
    assert run(commands, "tar")[0] == 2
