"""A lesson's citations and definitions: reading lists, sources of published figures, terms."""

import json
import re
from urllib.parse import urlsplit

import pytest

from grading.builder.glossary import Term, defined_in, glossary_page, terms
from grading.builder.sources import read_source, sources
from labs.course.lessons import Lesson
from labs.records.reference import REFERENCE_DIR

CORE = [lesson for lesson in sources() if lesson.kind == "core"]
LESSONS = sources()
PUBLISHED = json.loads((REFERENCE_DIR / "published.json").read_text(encoding="utf-8"))["results"]

ENTRY = re.compile(
    r"- \[(?P<title>[^]]+)\]\((?P<link>https://\S+)\) "
    r"\((?P<authors>[^()]+)(?:, (?:[^(),]+ )?(?:19|20)\d\d| documentation|, slides|, software)\): "
    r"(?P<gist>\S.*\.)"
)
QUOTED = re.compile(r"\{\{\s(\w+)\.\w+\s\}\}")
LINK = re.compile(r"\]\(([^)\s]*)\)")


def markdown_of(lesson: Lesson) -> list[str]:
    """Return a lesson's Markdown cells in order."""
    notebook = read_source(lesson.folder / "lesson.py")
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def reading_list(lesson: Lesson) -> list[str]:
    """Return the entries of a lesson's reading list, each as one line."""
    _, heading, works = markdown_of(lesson)[-1].partition("## Read more\n")
    assert heading, "the last Markdown cell contains the heading '## Read more'"
    entries = re.split(r"\n(?=- )", works.strip())
    return [" ".join(entry.split()) for entry in entries]


@pytest.mark.parametrize("lesson", CORE, ids=lambda lesson: lesson.id)
def test_a_core_lesson_ends_with_three_to_six_works(lesson):
    """Each is a link, its authors, its year and half a sentence."""
    entries = reading_list(lesson)
    assert 3 <= len(entries) <= 6
    malformed = [entry for entry in entries if not ENTRY.fullmatch(entry)]
    assert malformed == [], "write - [Title](https://…) (authors, year): half a sentence."
    links = [ENTRY.fullmatch(entry)["link"] for entry in entries]
    assert len({*links}) == len(links), "each work is listed once"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_links_to_other_sites_are_well_formed(lesson):
    for cell in markdown_of(lesson):
        for link in LINK.findall(cell):
            parts = urlsplit(link)
            is_local = not parts.scheme and not parts.netloc
            assert is_local or (parts.scheme == "https" and "." in parts.netloc), link


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_a_published_figure_links_its_source(lesson):
    """In the cell that quotes it, so that a reader can look it up there."""
    for cell in markdown_of(lesson):
        links = set(LINK.findall(cell))
        for name in QUOTED.findall(cell):
            assert PUBLISHED[name]["source"] in links, f"link the source of {name} beside it"


def test_each_term_has_a_definition():
    """It is a sentence that says more than the term, and can be read alone."""
    glossary = terms()
    assert len(glossary) > 50
    names = [term.name.lower() for term in glossary]
    assert len({*names}) == len(names)
    assert [term.name for term in glossary if not is_defined(term)] == [], (
        "write **term** only where a sentence defines it, and stress other words by *italics*"
    )


def is_defined(term: Term) -> bool:
    """Return whether a definition has words beyond its term, and no figure still to be quoted."""
    other_words = term.definition.replace(f"**{term.name}**", "").split()
    return len(other_words) >= 3 and "{{" not in term.definition


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("A **replica** is one process.", [("replica", "A **replica** is one process.")]),
        (
            "Menu has a queue. This is **isolation**: no team waits.",
            [("isolation", "Menu has a queue. This is **isolation**: no team waits.")],
        ),
        ("First.\n\n- A **gauge** rises and falls.", [("gauge", "A **gauge** rises and falls.")]),
        ("**Which replica answers first?** You will see.", []),
        ("**Note.** A laptop is enough. **Runs on:** it.", []),
        ("**Try it yourself**\n\n- Stop a replica.", []),
        ("## A **replica**\n\n| **bold** | cell |", []),
    ],
)
def test_a_term_is_bold_in_the_sentence_that_defines_it(text, terms):
    assert list(defined_in(text)) == terms


def test_the_glossary_links_each_term_to_its_lesson():
    page = glossary_page()
    for term in terms():
        assert f"([{term.lesson.title}]({term.lesson.link}))" in page
