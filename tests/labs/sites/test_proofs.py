"""Proofs of leases are anonymous, and replace guesses; a rehearsal's proof is ignored."""

import json
import re
from pathlib import Path

import pytest

from labs.sites import images, proofs, spec
from labs.workspace import PROJECT_DIR
from provisioning.setup.record import Record
from provisioning.setup.steps import steps_for

SPEC = spec.load_spec("system")
OPTION = SPEC.options[0]
GPU = "Tesla P100-PCIE-16GB, compute capability 6.0, 16384 MiB"
#: As `msl lease proof` writes it.
DOCUMENT = {
    "rehearsed": False,
    "date": "2026-12-03",
    "part": "system",
    "site": OPTION.site,
    "type": OPTION.type,
    "image": OPTION.image,
    "state": "done",
    "facts": {
        "system": "Ubuntu 24.04, glibc 2.39, Python 3.12.3",
        "driver": "NVIDIA 570.86.15",
        "processor": "Xeon",
    },
    "gpus": [GPU] * 2,
    "versions": {"torch": "2.9.1+cu126"},
    "lacks": ["jq"],
    "steps": {"server": {"attempts": 1, "spent_s": 1234.5, "usual_s": 600.0}},
    "jobs": {"docker": {"state": "ended", "exit_code": 0, "seconds": 240}},
    "silent": "",
    "refused": ["P3-GPU-02, reported on 2026-12-02"],
    "deviations": ["driver: NVIDIA 570.86.15; expected: nvidia-driver-560"],
}


def test_what_a_lease_has_shown_takes_the_place_of_what_was_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """For its own machine and its own image; the newest proof's facts, and nothing of a
    rehearsal's or of a set-up that failed.
    """
    monkeypatch.setattr(proofs, "FOLDER", tmp_path)
    monkeypatch.setattr(proofs, "_proofs", proofs._proofs.__wrapped__)  # read anew each time
    before = images.commands(OPTION.image)
    (tmp_path / "rehearsed.json").write_text(
        json.dumps(DOCUMENT | {"rehearsed": True, "date": "2027-01-01"})
    )
    (tmp_path / "failed.json").write_text(
        json.dumps(DOCUMENT | {"state": "failed", "date": "2027-01-02", "gpus": []})
    )
    assert spec.load_file.__wrapped__("system") == spec.load_file("system")
    assert OPTION.hardware.endswith("(not run yet)")
    for name, changes in (("new", {}), ("old", {"date": "2026-11-30", "gpus": []})):
        (tmp_path / f"{name}.json").write_text(json.dumps(DOCUMENT | changes))
    option, other = spec.load_file.__wrapped__("system").options[:2]
    assert option.hardware == f"2 x {GPU}, Xeon (seen on 2026-12-03)"
    assert other.hardware.endswith("(not run yet)")
    server = next(step for step in steps_for(SPEC, option) if step.name == "server")
    assert (server.expected_s, server.timeout_s) == (1234.5, option.boot_timeout_s)
    assert before - images.commands(OPTION.image) == {"jq"}
    assert images.known(OPTION.image)["driver"] == "NVIDIA 570.86.15"
    assert images.known("CC-Ubuntu24.04-ROCm")["standing"] == "not run yet"


@pytest.mark.parametrize(
    "secret",
    [
        "129.114.1.20",
        "fe80::1",
        "fa:16:3e:01:02:03",
        "ada@uni.edu",
        "/home/ada/x",
        "https://hub/user",
        "ssh-rsa AAA",
        "GPU-8c3f01ab-77d2-4f6e",
        "5f4dcc3b5aa765d61d83",
        "gAAAAABk3x_9QmZ1Yw8rT0pL5sVn2HbX7c",
    ],
)
def test_no_text_of_a_proof_may_name_anybody_or_open_anything(secret: str):
    """Neither a key nor a value, however deep."""
    whole = json.dumps(DOCUMENT)
    assert proofs.read(whole) == DOCUMENT
    for text_begins in re.finditer(r'(: |\[|\{|, )"', whole):
        place = text_begins.end()
        with pytest.raises(ValueError, match="looks like an address"):
            proofs.read(f"{whole[:place]}{secret} {whole[place:]}")
    with pytest.raises(ValueError, match="has the fields"):
        proofs.read(json.dumps(DOCUMENT | {"name": "ada"}))


def test_a_steps_seconds_add_up_on_one_lease_and_begin_anew_on_another(tmp_path: Path):
    """A second run only looks, so its last attempt is short; another lease's machine boots
    again.
    """
    record = Record(tmp_path / "record.json")
    for lease, *booted_s in (("first", 600.0, 0.2), ("second", 5.0)):
        for seconds in booted_s:
            record.update("lease", elapsed_s=1.0, remember={"lease_id": lease})
            record.update("server", elapsed_s=seconds)
        assert record.step("server").spent_s == sum(booted_s)


def test_the_form_asks_for_what_the_command_writes_and_every_proof_that_came_can_be_read():
    """Command and folder are the same in form and code; none that came is a rehearsal's."""
    form = (PROJECT_DIR / ".github/ISSUE_TEMPLATE/first-lease.yml").read_text()
    assert all(
        words in form
        for words in (
            "msl lease proof PART",
            "msl lease up PART --record",
            "workspace/proofs/",
            "-answers.json",
            "`rehearsed-`",
        )
    )
    assert [proof for proof in proofs._proofs() if proof["rehearsed"]] == []
