"""Proofs of leases: they name nobody, and take the place of a guess; a rehearsal's counts for nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from labs.workspace import PROJECT_DIR
from provisioning.setup.record import Record
from provisioning.setup.steps import steps_for
from provisioning.sites import images, proofs, spec

OPTION = spec.load_spec("system").options[0]
#: As `msl lease proof` writes it.
DOCUMENT = {
    "rehearsed": False,
    "date": "2026-12-03",
    "part": "system",
    "site": OPTION.site,
    "type": OPTION.type,
    "image": OPTION.image,
    "facts": {"system": "Ubuntu 24.04, glibc 2.39, Python 3.12.3", "driver": "NVIDIA 570.86.15", "processor": "Xeon"},
    "gpus": ["Tesla P100-PCIE-16GB, compute capability 6.0, 16384 MiB"] * 2,
    "versions": {"git": "1:2.43.0-1ubuntu7.3", "torch": "2.9.1+cu126"},
    "lacks": ["jq"],
    "steps": {"server": {"attempts": 1, "spent_s": 1234.5, "usual_s": 600.0}},
    "refused": ["P3-GPU-02, told on 2026-12-02"],
    "deviations": ["driver: NVIDIA 570.86.15; expected: nvidia-driver-560"],
}


@pytest.fixture
def sent_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Return a function that puts proofs into the folder, in place of those that are there."""
    read = (proofs._proofs, spec.load_file)

    def put(*documents: dict) -> None:
        for number, document in enumerate(documents):
            (tmp_path / f"{number}.json").write_text(json.dumps(document))
        for each in read:
            each.cache_clear()

    monkeypatch.setattr(proofs, "FOLDER", tmp_path)
    yield put
    for each in read:
        each.cache_clear()


def test_what_a_lease_has_shown_takes_the_place_of_what_was_guessed(sent_in):
    """For its own machine and its own image; the newest proof's facts, and nothing of a rehearsal's."""
    before = images.commands(OPTION.image)
    sent_in(DOCUMENT | {"rehearsed": True})
    assert spec.load_spec("system").options[0].hardware == OPTION.hardware
    assert OPTION.hardware.endswith("(not run yet)")
    sent_in(DOCUMENT, DOCUMENT | {"date": "2026-11-30", "gpus": []})
    option, other = spec.load_spec("system").options[:2]
    assert option.hardware == f"2 x {DOCUMENT['gpus'][0]}, Xeon (seen on 2026-12-03)"
    assert other.hardware.endswith("(not run yet)")
    server = next(step for step in steps_for(spec.load_spec("system"), option) if step.name == "server")
    assert (server.expected_s, server.timeout_s) == (1234.5, option.boot_timeout_s)
    assert before - images.commands(OPTION.image) == {"jq"}
    assert images.known(OPTION.image)["driver"] == "NVIDIA 570.86.15"
    assert images.known("CC-Ubuntu24.04-ROCm")["standing"] == "not run yet"


@pytest.mark.parametrize(
    "secret",
    [
        *("129.114.1.20", "fe80::1", "fa:16:3e:01:02:03", "ada@uni.edu", "/home/ada/x", "https://hub/user"),
        *("ssh-rsa AAA", "GPU-8c3f01ab-77d2-4f6e", "5f4dcc3b5aa765d61d83", "gAAAAABk3x_9QmZ1Yw8rT0pL5sVn2HbX7c"),
    ],
)
def test_no_text_of_a_proof_may_name_anybody_or_open_anything(secret: str):
    """Neither a key nor a value, however deep."""
    whole = json.dumps(DOCUMENT)
    proofs.Proof.model_validate_json(whole)
    places = [found.end() for found in re.finditer(r'(: |\[|\{|, )"', whole)]
    for place in places:
        with pytest.raises(ValidationError, match=r"looks like an address|Extra inputs|valid date"):
            proofs.Proof.model_validate_json(f"{whole[:place]}{secret} {whole[place:]}")


def test_a_steps_seconds_add_up_on_one_lease_and_begin_anew_on_another(tmp_path: Path):
    """A second run only looks, and so its last attempt is short; another lease's machine boots anew."""
    record = Record(tmp_path / "record.json")
    for lease, *booted_s in (("first", 600.0, 0.2), ("second", 5.0)):
        for seconds in booted_s:
            record.update("lease", state="running")
            record.update("lease", elapsed_s=1.0, remember={"lease_id": lease})
            record.update("server", elapsed_s=seconds)
        assert record.step("server").spent_s == sum(booted_s)


def test_the_form_asks_for_what_the_command_writes_and_every_proof_that_came_can_be_read():
    """Command, folder and the word for those that do not count are the same in form, page and code."""
    form = (PROJECT_DIR / ".github/ISSUE_TEMPLATE/first-lease.yml").read_text()
    assert yaml.safe_load(form)["body"][1]["validations"]["required"]
    for words in ("msl lease proof PART", "workspace/proofs/", "`rehearsed-`"):
        assert words in form
    texts = [path.read_text() for path in Path(str(proofs.FOLDER)).glob("*.json")]
    assert [text for text in texts if proofs.Proof.model_validate_json(text).rehearsed] == []
