"""trovi.json against what Trovi's importer takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioning.trovi import crate

ROOT = Path(__file__).parents[3]


def root_of(document: dict) -> dict:
    return next(entity for entity in document["@graph"] if entity["@id"] == "./")


def test_a_whole_crate_has_no_problem(document):
    """With its author it is accepted, also with Trovi's tags in other capitals."""
    assert crate.problems(document) == []
    assert crate.problems(document, ("Education", "MACHINE LEARNING", "x")) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", "x" * 141, "name has 141 characters, and Trovi takes 140"),
        ("disambiguatingDescription", "x" * 201, "takes 200"),
        ("description", "x" * 5001, "takes 5000"),
        ("description", "  ", "description is missing"),
        ("keywords", ["education"], "one text with commas"),
        ("keywords", "education,,x", "empty entry"),
        ("author", {"@id": "#author-1"}, "author must be a list"),
        ("author", [], "at least one person"),
        ("actionApplication", {"@id": "#chameleon-jupyter"}, "must be a list"),
        ("actionApplication", [], "launch button"),
    ],
)
def test_each_problem_is_found(document, key, value, message):
    """Every limit, and the forms that the importer cannot read."""
    root_of(document)[key] = value
    assert any(message in line for line in crate.problems(document)), crate.problems(document)


@pytest.mark.parametrize("length", [(140, 200, 5000)])
def test_the_limits_themselves_are_fine(document, length):
    """Exactly as long as allowed."""
    for key, size in zip(("name", "disambiguatingDescription", "description"), length, strict=True):
        root_of(document)[key] = "x" * size
    assert crate.problems(document) == []


def test_unknown_tags_name_the_known_ones(document):
    """Trovi refuses tags that it does not have."""
    (line,) = crate.problems(document, ("education", "systems"))
    assert "knows no tag machine learning; it has education, systems" in line


@pytest.mark.parametrize(("field", "value"), [("email", "nobody"), ("email", "a@example.edu"), ("affiliation", "")])
def test_authors_are_complete_and_real(document, field, value):
    """Name, address and affiliation are needed, and the placeholder must be replaced."""
    person = next(entity for entity in document["@graph"] if entity["@type"] == "Person")
    person[field] = value
    assert len(crate.problems(document)) == 1


@pytest.mark.parametrize("document_", [{}, {"@graph": {}}, {"@graph": []}, {"@graph": [{"@id": "./"}]}])
def test_no_crate_at_all(document_):
    """Whatever is in the file, the answer is a list of problems."""
    assert crate.problems(document_)


def test_a_broken_file(tmp_path):
    """A comma too many is said with its place."""
    (tmp_path / "trovi.json").write_text('{"@graph": [,]}')
    with pytest.raises(ValueError, match="line 1 column"):
        crate.read(tmp_path / "trovi.json")


def test_this_repositorys_crate_lacks_its_author_only():
    """The committed description fits every limit; who publishes puts their own name in."""
    found = crate.problems(crate.read(ROOT / "trovi.json"))
    assert found == ["author The course staff is a placeholder: put yourself into trovi.json"]


def test_a_reader_of_ro_crates_finds_the_root(document):
    """The metadata entity points at './', as the specification wants, and all references resolve."""
    text = json.dumps(document)
    entities = {entity["@id"]: entity for entity in json.loads(text)["@graph"]}
    assert entities["trovi.json"]["about"] == {"@id": "./"}
    for key in ("author", "actionApplication"):
        assert all(reference["@id"] in entities for reference in entities["./"][key])
