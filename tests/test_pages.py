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

#: All but those that are read elsewhere, at paths of their own: the students', and the site's.
NAMES = subprocess.check_output(["git", "ls-files", "*.md"], cwd=PROJECT_DIR, text=True).splitlines()
PAGES = [name for name in NAMES if not name.startswith(("provisioning/student/", "notebooks/site/", "tests/"))]
COMMANDS = {"msl": app} | {f"python -m {room.__name__}": room.__main__.app for room in (grading, labs, provisioning)}
TARGETS = {*re.findall(r"^([a-z-]+):", (PROJECT_DIR / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)}


def test_every_link_leads_somewhere():
    """To another page of the repository, or to a file of it."""
    found = links(PROJECT_DIR / name for name in PAGES)
    assert [pair for pair in found if not pair[1].exists()] == []
    assert len(found) > 100


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page: str):
    """The changelog also names those that have left, below its newest version's additions."""
    text = (PROJECT_DIR / page).read_text(encoding="utf-8").partition("\n### Removed")[0]
    assert set(re.findall(r"(?:`|^ *)make ([a-z-]+)", text, re.MULTILINE)) <= TARGETS
    for start, room in COMMANDS.items():
        for words in re.findall(rf"(?:[`/]|^ *){start}((?: [a-z][a-z-]*)+)", text, re.MULTILINE):
            command = typer.main.get_command(room)
            for word in words.split():
                if not (commands := getattr(command, "commands", {})):
                    break
                assert word in commands, f"{start}{words}"
                command = commands[word]


def test_the_readme_counts_the_lessons_that_there_are():
    """It fits two screens; its minutes stand on the course's own page, which is made."""
    words = (PROJECT_DIR / "README.md").read_text(encoding="utf-8").split()
    core, deeper = (sum(lesson.kind == kind for lesson in sources()) for kind in ("core", "deeper"))
    for count in (f" {core} Jupyter lessons ", f" {core} core lessons | {deeper} deep dives "):
        assert count in " ".join(words)
    assert len(words) <= 700
