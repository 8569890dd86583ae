"""A proof of a set-up that failed: each step and each job of the machine, without names of
people.
"""

import functools
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.sites.proofs import read
from provisioning import lab
from provisioning.lab.proof import harmless, prove
from provisioning.setup import jobs
from provisioning.testbed import Reservation
from provisioning.testbed.errors import CommandFailedError, LeaseMissingError, NotReachableError

STEPS = ("lease", "server", "address", "ssh", "materials", "updates", "drivers")
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"


@pytest.fixture
def failed(memory, make_run, monkeypatch, tmp_path, course):
    """A set-up of part 3 whose driver sees no GPU, with a job in the background; return its run."""
    on_node = Reservation("reservation-1", "physical:host", '["==", "$node_name", "P3-GPU-02"]')
    memory.give_lease("serve-system-ada", reservations=(on_node,))
    tool = memory.folder_shell.home / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho '{MISMATCH}'\nexit 18\n")
    tool.chmod(0o755)
    run = make_run("system", only=STEPS)
    list(run.events())
    assert list(run.failures) == ["drivers"]
    monkeypatch.setenv("SERVING_LABS_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(lab, "ROOT", course)
    monkeypatch.setattr(lab, "prepare", lambda _part, _option: run)
    monkeypatch.setattr(lab, "find_option", lambda *_arguments: run.settings.option)
    monkeypatch.setattr(lab, "push", lambda *_arguments, **_options: None)
    return run


def test_a_set_up_that_failed_leaves_each_steps_error_and_each_jobs_last_lines(failed, memory):
    """Those in the background too, with their exit codes and their own reports."""
    home = memory.folder_shell.home
    log = (
        f"pulling for ada at {socket.gethostname()} from 129.114.1.20\nno space on serve-system-ada"
    )
    follow = functools.partial(
        jobs.follow, title="", say=print, until=lambda look, _title: _wait(look)
    )
    command = f"echo 'report pulled_s=311'; printf '%s\\n' '{log}'; exit 28"
    with pytest.raises(CommandFailedError):
        follow(memory.folder_shell, "containers", command)
    jobs.start(memory.folder_shell, "providers", "echo begun; sleep 600")
    path, proof = prove("system")
    assert path.name == f"system-{failed.settings.option.type}-2026-03-02-failed.json"
    assert (proof["state"], proof["silent"]) == ("failed", "")
    assert {name: step["state"] for name, step in proof["steps"].items()} == {
        **dict.fromkeys(STEPS, "done"),
        "drivers": "failed",
    }
    assert "sudo reboot" in proof["steps"]["drivers"]["error"]
    drivers, containers = proof["jobs"]["drivers"], proof["jobs"]["containers"]
    assert drivers["exit_code"] == 69
    assert any(MISMATCH in line for line in drivers["tail"])
    assert (containers["exit_code"], containers["reports"]) == (28, {"pulled_s": "311"})
    assert containers["tail"][-2:] == [
        "pulling for (user) at (host) from (left out)",
        "no space on (name)",
    ]
    assert proof["jobs"]["providers"]["state"] == "running"
    assert proof["jobs"]["materials" if "materials" in proof["jobs"] else "updates"]["tail"] == []
    text = path.read_text()
    assert read(text) == proof
    for name in ("ada", socket.gethostname(), "P3-GPU-02", str(home)):
        assert name not in text
    memory.folder_shell.run("kill -- -$(cat .serving-labs/jobs/providers/pid)")


def _wait(look):
    while (seen := look()) is None:
        pass
    return seen


def test_a_machine_that_is_gone_or_does_not_answer_still_has_its_steps(failed, memory, monkeypatch):
    """The record alone is worth sending; without one there is nothing to write."""

    def refuse(_machine):
        raise NotReachableError("no SSH connection to 192.0.2.7: timed out")

    monkeypatch.setattr(memory, "shell", refuse)
    _, proof = prove("system")
    assert proof["silent"] == "no SSH connection to (left out): timed out"
    assert (proof["facts"], proof["jobs"], proof["deviations"]) == ({}, {}, [])

    def missing(*_arguments):
        raise LeaseMissingError("there is no usable lease")

    monkeypatch.setattr(lab, "find_option", missing)
    memory.machine_list.clear()
    assert prove("system")[1]["silent"] == "there is no machine"
    monkeypatch.setenv("LABS_OWNER", "bob")
    with pytest.raises(LeaseMissingError):
        prove("system")


def test_only_known_keys_of_known_lines_become_facts(failed, memory):
    """A line that a shell or a driver prints in between is none."""
    script = lab.ROOT / "provisioning/node/bin/proof.sh"
    script.write_text(
        "echo 'ada was here'; echo 'proof owner ada'; echo 'proof system Ubuntu 24.04'"
    )
    _, proof = prove("system")
    assert proof["facts"] == {"system": "Ubuntu 24.04"}


WORDS = st.text("defghij", min_size=2, max_size=8)


@given(st.lists(WORDS, min_size=1, unique=True), st.lists(WORDS), st.sampled_from(" -/@:.,=\"'"))
def test_a_known_name_is_gone_wherever_it_is_a_word(known, words, between):
    """Whatever stands around it, and a name that contains another one first."""
    names = dict.fromkeys(known, "(user)") | {f"serve-{known[0]}": "(name)"}
    text = between.join([*words, *names, *words])
    left = harmless(text, names).replace("(user)", " ").replace("(name)", " ")
    assert not set(known).intersection(
        left.replace("(left out)", " ").replace(between, " ").split()
    )


def test_a_proof_is_valid_json_of_known_fields(failed):
    """Every receiver can read the file again."""
    path, proof = prove("system")
    assert json.loads(path.read_text()) == proof
