"""The repository's own pages are right: links, commands and counts."""

import re
import subprocess

import pytest
import typer

import grading.__main__
import labs.__main__
import provisioning.__main__
from grading.builder.sources import sources
from labs.course.assignment import SHIPPED
from labs.course.lessons import MINUTES_NOTE
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
ASSIGNMENTS = [path.relative_to(PROJECT_DIR) for path in SHIPPED]
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
    """The changelog also names removed ones, below its newest version's additions."""
    text = text_of(page).partition("\n### Removed")[0]
    for start, words in re.findall(
        rf"(?:[`/]|^ *)({'|'.join(COMMANDS)})((?: [a-z][a-z-]*)+)", text, re.MULTILINE
    ):
        known = COMMANDS[start]
        for word in words.split():
            assert not known or word in known, start + words
            known = known.get(word) or {}


@pytest.mark.parametrize("page", [*PAGES, "notebooks/site/adopters.md", *map(str, ASSIGNMENTS)])
def test_a_page_that_quotes_the_courses_minutes_says_that_they_are_estimated(page: str):
    """And that no class has been timed; the changelog tells what was once so."""
    text = " ".join(text_of(page).replace("# ", "").split())
    quotes = re.search(r"\b(ten|five)[ -]hours?\b|hours, with|minutes \(estimated\)", text)
    if quotes and page != "CHANGELOG.md":
        assert MINUTES_NOTE in text


def test_the_readme_counts_the_lessons_that_there_are():
    """It fits one screen; minutes are on the course's own page, which is made."""
    words = text_of("README.md").split()
    core = sum(lesson.kind == "core" for lesson in sources())
    assert f"Its {core} core lessons take" in " ".join(words)
    assert len(words) <= 450


@pytest.mark.parametrize(("page", "least"), [("README.md", 30), ("own-machines.md", 20)])
def test_a_paragraph_of_the_instructors_guide_has_at_most_90_words(page, least):
    """An instructor looks something up in it, in mid-term; an item of a list is a paragraph."""
    blocks = re.split(r"\n\s*\n|\n(?=\d\. |- )", text_of(f"notebooks/instructor/{page}"))
    paragraphs = [block for block in blocks if not block.startswith(("|", "#", "```"))]
    assert len(paragraphs) > least
    assert [block[:60] for block in paragraphs if len(block.split()) > 90] == []
