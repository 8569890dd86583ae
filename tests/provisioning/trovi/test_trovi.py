"""``trovi.json`` against what Trovi's importer takes, and the commands."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning.trovi import LIMITS, app, crate_problems, problems

ROOT = Path(__file__).parents[3]


def root_of(document: dict) -> dict:
    return next(entity for entity in document["@graph"] if entity["@id"] == "./")


def test_a_whole_crate_has_no_problem(document):
    """With its author, and with texts exactly as long as Trovi takes them."""
    root_of(document).update({key: "x" * limit for key, limit in LIMITS.items()})
    assert crate_problems(document) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", "x" * 141, "name has 141 characters, and Trovi takes 140"),
        ("disambiguatingDescription", "x" * 201, "takes 200"),
        ("description", "x" * 5001, "takes 5000"),
        ("description", "  ", "description is missing"),
        ("keywords", ["education"], "one text with commas"),
        ("keywords", "education,,x", "one text with commas"),
        ("author", {"@id": "#author-1"}, "author must be a list"),
        ("author", [], "at least one person"),
        ("author", [{"name": "Ada", "email": "ada@example.edu", "affiliation": "Uni"}], "is a placeholder"),
        ("author", [{"name": "Ada", "email": "ada@uni.edu"}], "author Ada has no affiliation"),
        ("actionApplication", {"@id": "#chameleon-jupyter"}, "launch button"),
        ("actionApplication", [], "launch button"),
    ],
)
def test_each_problem_is_found(document, key, value, message):
    """Every limit, and the forms that the importer cannot read; one sentence each."""
    root_of(document)[key] = value
    (said,) = crate_problems(document)
    assert message in said


@pytest.mark.parametrize("document_", [{}, {"@graph": {}}, {"@graph": []}, {"@graph": [{"@id": "./"}]}])
def test_no_crate_at_all(document_):
    """Whatever is in the file, the answer is a list of problems."""
    assert crate_problems(document_)


def test_this_repositorys_crate_lacks_its_author_only():
    """The committed description fits every limit; who publishes puts their own name in."""
    assert problems(ROOT) == ["trovi.json: author The course staff is a placeholder: put yourself into trovi.json"]


def test_the_commands_check_and_pack(course, tmp_path):
    """Both work without a network, and say what is wrong."""

    def run(*words: str):
        return CliRunner().invoke(app, [*words, "--root", str(course)])

    assert run("validate").exit_code == 0
    assert run("build", str(tmp_path / "out" / "a.tar.gz")).exit_code == 0
    with tarfile.open(tmp_path / "out" / "a.tar.gz") as packed:
        assert packed.extractfile("README.md").read() == b"For students."
    for damage, said in (('{"@graph": [,]}', "line 1 column"), (None, "is missing at the root")):
        (course / "trovi.json").unlink()
        if damage:
            (course / "trovi.json").write_text(damage)
        failed = run("validate")
        assert failed.exit_code == 1
        assert said in failed.output
