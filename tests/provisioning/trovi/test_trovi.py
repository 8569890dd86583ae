"""``trovi.json`` against what Trovi's importer takes, and the archive for it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning.trovi import app

ROOT = Path(__file__).parents[3]
ENTITIES = {entity["@id"]: entity for entity in json.loads((ROOT / "trovi.json").read_text("utf-8"))["@graph"]}


@pytest.mark.parametrize(("key", "limit"), [("name", 140), ("disambiguatingDescription", 200), ("description", 5000)])
def test_each_text_is_there_and_no_longer_than_trovi_takes_it(key, limit):
    """Trovi answers a longer one with status 200 and an error in the body."""
    assert 0 < len(ENTITIES["./"][key].strip()) <= limit


def test_tags_authors_and_the_launch_button_have_the_form_that_the_importer_reads():
    """One text with commas, a list of people who can be written to, and an application with a type of Trovi's."""
    root = ENTITIES["./"]
    assert ENTITIES["trovi.json"]["about"] == {"@id": "./"}
    assert all(word.strip() for word in root["keywords"].split(","))
    people = [ENTITIES[each["@id"]] for each in root["author"]]
    assert people
    assert all(person.get(key) for person in people for key in ("name", "email", "affiliation"))
    applications = [ENTITIES[each["@id"]] for each in root["actionApplication"]]
    assert any(each["@type"] == "SoftwareApplication" and each.get("trovi_type") for each in applications)


def test_the_command_packs(course, tmp_path):
    """Without a network; the students' own texts stand in place of ours."""
    packed = tmp_path / "out" / "a.tar.gz"
    assert CliRunner().invoke(app, ["build", str(packed), "--root", str(course)]).exit_code == 0
    with tarfile.open(packed) as archive:
        assert archive.extractfile("README.md").read() == b"For students."
