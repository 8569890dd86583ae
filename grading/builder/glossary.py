"""The glossary: each term of the lessons with the sentence that defines it, in alphabetical order.

A lesson writes a term in bold where it is first used, in the sentence that defines it: "A
**replica** is one process of a deployment." If that sentence points back ("This is **isolation**:
…"), its definition includes the sentence before. Bold text that is a question, a label
("**Note.**", "**Runs on:**") or a long phrase is not a term, and stressed words are in italics.
"""

import re
from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from grading.builder.sources import read_source, sources
from labs.course.lessons import NOTEBOOKS_DIR, Lesson

#: The committed page.
GLOSSARY_PATH = NOTEBOOKS_DIR / "GLOSSARY.md"

_BOLD = re.compile(r"\*\*([^*`]+?)\*\*")
#: A term has at most this many words; longer bold text is a sentence.
_MOST_WORDS = 4
#: A term begins with a letter, contains no punctuation, and ends with a letter or a digit.
_IS_TERM = re.compile(r"[^\W\d](?:[^.:!?;,=+]*[^\W_])?")
_HEADING = re.compile(r"^#+ .*$", re.MULTILINE)
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*] |\d+\. ))")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)[)\"*]*\s+(?=[\"(*]*[A-Z`])")
_LIST_MARK = re.compile(r"^\s*(?:[-*] |\d+\. )")
#: A sentence that begins with one of these cannot be read alone.
_POINTS_BACK = re.compile(
    r"(?:This|That|These|Those|They|It|Such|So|Then|Otherwise|The (?:other|program|first|second))\b"
)
#: The heading of a lesson's exercises.
_EXERCISES = "Try it yourself"


class Term(NamedTuple):
    """A term, its definition as one line of Markdown, and the lesson that defines it."""

    name: str
    definition: str
    lesson: Lesson


def terms() -> list[Term]:
    """Return the terms of all lessons in alphabetical order, each as its first lesson defines it.

    The core lessons come before the deep dives, as students read them.
    """
    first: dict[str, Term] = {}
    for lesson in sorted(sources(), key=lambda each: each.kind != "core"):
        for name, sentence in defined_in(_prose(lesson)):
            key = _key(name)
            if key not in first:
                first[key] = Term(name, sentence, lesson)
    return [first[key] for key in sorted(first)]


def defined_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield each term of a lesson's Markdown with its definition: the sentence that contains it,
    and the one before if that sentence points back.
    """
    previous = ""
    for block in _BLOCK.split(_HEADING.sub("", text)):
        if block.lstrip().startswith(("|", "<", "```", "$$")):
            previous = ""
            continue
        line = " ".join(_LIST_MARK.sub("", block).split())
        for sentence in _SENTENCE_END.split(line):
            definition = sentence
            if previous and _POINTS_BACK.match(sentence):
                definition = f"{previous} {sentence}"
            for match in _BOLD.finditer(sentence):
                if is_term(match[1]):
                    yield match[1], definition
            previous = sentence


def is_term(bold: str) -> bool:
    """Return whether bold text is a term: a few words, without a mark at its end."""
    if bold == _EXERCISES or len(bold.split()) > _MOST_WORDS:
        return False
    return bool(_IS_TERM.fullmatch(bold))


def glossary_page() -> str:
    """Return the page as Markdown: one list item per term, with a link to its lesson."""
    lines = [
        "# Glossary",
        "",
        "Each term as the lesson that introduces it defines it. The builder makes this page from "
        "the lessons.",
        "",
    ]
    for term in terms():
        link = Path(relpath(term.lesson.notebook, NOTEBOOKS_DIR)).as_posix()
        name = term.name[0].upper() + term.name[1:]
        definition = _BOLD.sub(r"*\1*", term.definition)
        lines.append(f"- **{name}**: {definition} ([{term.lesson.title}]({link}))")
    return "\n".join(lines) + "\n"


def _prose(lesson: Lesson) -> str:
    notebook = read_source(lesson.folder / "lesson.py")
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def _key(name: str) -> str:
    """Return a term in lower case and without a plural's s."""
    key = name.lower()
    return key[:-1] if key.endswith("s") and not key.endswith("ss") else key
