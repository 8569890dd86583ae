"""What the repository's own pages say of it holds: links, commands and counts."""

import re
import subprocess

import pytest
import typer

import grading.__main__
import labs.__main__
import provisioning.__main__
from grading.builder.sources import sources
from labs.workspace import PROJECT_DIR
from provisioning.front.command import app
from tests.course import links


def text_of(name: str) -> str:
    return (PROJECT_DIR / name).read_text(encoding="utf-8")


def commands_of(command: object) -> dict:
    return {word: commands_of(below) for word, below in getattr(command, "commands", {}).items()}


#: All but those that are read elsewhere, at paths of their own: the students', and the site's.
NAMES = subprocess.check_output(
    ["git", "ls-files", "*.md"], cwd=PROJECT_DIR, text=True
).splitlines()
PAGES = [
    name
    for name in NAMES
    if not name.startswith(("provisioning/student/", "notebooks/site/", "tests/"))
]
APPS = {"msl": app} | {
    f"python -m {room.__name__}": room.__main__.app for room in (grading, labs, provisioning)
}
COMMANDS = {start: commands_of(typer.main.get_command(room)) for start, room in APPS.items()}
COMMANDS["make"] = dict.fromkeys(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


def test_every_link_leads_somewhere():
    """To another page of the repository, or to a file of it."""
    pairs = links(PROJECT_DIR / name for name in PAGES)
    assert len(pairs) > 100
    assert [pair for pair in pairs if not pair[1].exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page: str):
    """The changelog also names those that have left, below its newest version's additions."""
    text = text_of(page).partition("\n### Removed")[0]
    for start, words in re.findall(
        rf"(?:[`/]|^ *)({'|'.join(COMMANDS)})((?: [a-z][a-z-]*)+)", text, re.MULTILINE
    ):
        known = COMMANDS[start]
        for word in words.split():
            assert not known or word in known, start + words
            known = known.get(word) or {}


def test_the_readme_counts_the_lessons_that_there_are():
    """It fits two screens; its minutes stand on the course's own page, which is made."""
    words = text_of("README.md").split()
    core, deeper = (sum(lesson.kind == kind for lesson in sources()) for kind in ("core", "deeper"))
    for count in (f" {core} Jupyter lessons ", f" {core} core lessons | {deeper} deep dives "):
        assert count in " ".join(words)
    assert len(words) <= 700
