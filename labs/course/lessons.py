"""The course's lessons and the facts about them, read from the built notebooks: ``lessons()``,
``lesson("compile")``.

A lesson's facts stand once, in the front matter of its source; the builder copies them into the
notebook's metadata. The map, the page of questions, the countdown, the links from one lesson to the
next and the tests take them from here. It imports nothing heavy, so that Chameleon's small Jupyter
and a grader can ask too.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.machine.capability import Capability, capabilities
from labs.machine.fingerprint import Fingerprint

#: The sentence of each page that quotes minutes or hours of lessons.
MINUTES_NOTE = "Minutes are estimated: no class has been timed yet."

#: Where the notebooks are.
NOTEBOOKS_DIR = Path(__file__).resolve().parents[2] / "notebooks"

#: How a lesson's file is named; the number is its place among its neighbours, and nothing else.
LESSON_NAME = re.compile(r"\d{2}_[a-z0-9_]+")

#: ``core`` is the course's path, ``deeper`` is a deep dive beside it, a ``guide`` is for
#: instructors and no lesson.
KINDS = ("core", "deeper", "guide")

#: Folder of a part's deep dives.
DEEPER = "deeper"

#: Your own machine, Chameleon's Jupyter, a leased server, an edge device; each with its words for
#: people. A laptop rehearses all of them. A lesson names the places under whose pins it is run in
#: the tests, and no others.
PLACES = {
    "laptop": "laptop",
    "hub": "Chameleon's Jupyter",
    "node": "server",
    "device": "edge device",
}

#: Parts as people call them.
PART_TITLES = {0: "Start", 1: "Part 1: the model", 2: "Part 2: the edge", 3: "Part 3: the system"}

#: Allowed keys of a notebook's facts, with the type of each value; only the optional ones may be
#: missing.
KEYS: dict[str, type] = {
    "id": str,
    "title": str,
    "summary": str,
    "kind": str,
    "part": int,
    "minutes": int,
    "setup_minutes": int,
    "machine_minutes": int,
    "measures": list,
    "where": list,
    "needs": list,
    "ports": list,
    "uses": list,
    "takes": dict,
}
OPTIONAL = {"setup_minutes", "machine_minutes", "measures", "uses", "takes"}
#: Keys that the builder derives from the source (``grading.builder.clock``) and adds; authors do
#: not state them.
DERIVED = {"minutes", "setup_minutes"}


class LessonError(ValueError):
    """A lesson's source or its front matter has a fault; the message names the lesson."""


@dataclass(frozen=True)
class Lesson:
    """One lesson, as its front matter describes it."""

    notebook: Path
    #: A word for its idea, such as 'compile': its questions begin with it, and other lessons name
    #: it.
    id: str
    title: str
    summary: str
    part: int
    kind: str
    where: tuple[str, ...]
    #: Ids of the lessons whose results it uses.
    needs: tuple[str, ...]
    ports: tuple[int, ...]
    #: Estimated for a newcomer: attention and lease. Known of a built notebook, and 0 of a source.
    minutes: int = field(default=0, compare=False)
    #: Until its leased machine is ready, beside those minutes: a student does something else
    #: meanwhile.
    setup_minutes: int = field(default=0, compare=False)
    #: Minutes of a lease for a student who has rehearsed it; 0 if it needs no leased machine.
    machine_minutes: int = 0
    #: Kinds of records that it makes on the lease: an assignment's ``lease`` gives points for them.
    measures: tuple[str, ...] = ()
    #: Required abilities of the machine, by the names of ``labs.machine.capability``.
    uses: tuple[str, ...] = ()
    #: Its required inputs, by the id of the lesson that makes them: files below the workspace, and
    #: records by kind and option, such as 'latency onnx-all'.
    takes: Mapping[str, list[str]] = field(default_factory=dict, hash=False)

    @classmethod
    def from_facts(
        cls, facts: Mapping[str, Any], notebook: Path, *, optional: set[str] = OPTIONAL
    ) -> Lesson:
        """Return the lesson that front matter describes; a source may lack the derived fields.

        Raises:
            LessonError: A key is missing, unknown or of the wrong type, or a value is not in its
                list.
        """
        if faults := "; ".join(_faults_of_form(facts, optional)):
            known = ", ".join(KEYS)
            raise LessonError(f"{notebook.stem}: its front matter {faults}. Known: {known}")
        values: dict[str, Any] = {}
        for key, value in facts.items():
            values[key] = tuple(value) if isinstance(value, list) else value
        lesson = cls(notebook, **values)
        if faults := "; ".join(lesson._faults()):
            raise LessonError(f"{lesson.name}: in its front matter, {faults}")
        return lesson

    def _faults(self) -> Iterator[str]:
        lies_in = self.notebook.parent.name
        lies_deeper = lies_in == DEEPER
        part_folder = self.notebook.parents[lies_deeper].name
        unknown_places = set(self.where) - set(PLACES)
        fewest_minutes = min(self.minutes, self.setup_minutes, self.machine_minutes)
        if not re.fullmatch("[a-z][a-z0-9_]*", self.id):
            yield f"id {self.id!r} is no word"
        if self.kind != "guide" and not part_folder.startswith(f"{self.part}_"):
            yield f"part {self.part} is not {part_folder}"
        if (self.kind == "deeper") != lies_deeper:
            yield f"kind is {self.kind!r}, and it lies in {lies_in}/"
        if self.kind not in KINDS:
            yield f"kind is {self.kind!r}; it may be {', '.join(KINDS)}"
        if not self.where or unknown_places:
            yield f"where may hold {', '.join(PLACES)}"
        if fewest_minutes < 0:
            yield "minutes must not be negative"
        if not all(type(id) is str for id in self.needs):
            yield 'needs wants texts, such as ["measure"]'
        if not all(self.takes.values()):
            yield 'takes wants lists, such as {"compile": ["models/food11.onnx"]}'
        if not all(type(port) is int for port in self.ports):
            yield "ports wants whole numbers"

    @property
    def name(self) -> str:
        """File name without its ending, such as '12_compile_the_graph'."""
        return self.notebook.stem

    @property
    def folder(self) -> Path:
        """Folder of its sources, which only authors have: ``lesson.py`` and ``questions.py``."""
        built = self.notebook.relative_to(self._root)
        return self._root / "source" / built.with_suffix("")

    @property
    def link(self) -> str:
        """Path of the notebook from ``notebooks/``, with slashes."""
        return self.notebook.relative_to(self._root).as_posix()

    @property
    def _root(self) -> Path:
        levels_up = 2 if self.kind == "deeper" else 1
        return self.notebook.parents[levels_up]


def _faults_of_form(facts: Mapping[str, Any], optional: set[str]) -> Iterator[str]:
    unknown = set(facts) - set(KEYS)
    missing = set(KEYS) - optional - set(facts)
    if unknown:
        yield f"does not know {', '.join(sorted(unknown))}"
    if missing:
        yield f"lacks {', '.join(sorted(missing))}"
    for key, value in facts.items():
        given = dict if isinstance(value, Mapping) else type(value)
        if key in KEYS and given is not KEYS[key]:
            yield f"wants {key} as {KEYS[key].__name__}, not {value!r}"


def lessons(part: int | None = None, *, root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the lessons in their order: part by part, the core path before the deep dives.

    Raises:
        LessonError: A notebook's metadata differs from the builder's.
    """
    core_paths = root.glob("[0-9]_*/*.ipynb")
    deeper_paths = root.glob(f"[0-9]_*/{DEEPER}/*.ipynb")
    paths = [path for path in (*core_paths, *deeper_paths) if LESSON_NAME.fullmatch(path.stem)]
    unsorted = [_read(path, path.stat().st_mtime_ns) for path in paths]
    taken = sorted(unsorted, key=in_order)
    if part is None:
        return taken
    return [lesson for lesson in taken if lesson.part == part]


def in_order(lesson: Lesson) -> tuple:
    """Return what sorts lessons into the order in which they are taken."""
    return lesson.part, lesson.kind == "deeper", lesson.name


def lesson(id: str, *, root: Path = NOTEBOOKS_DIR) -> Lesson:
    """Return one lesson by its id.

    Raises:
        KeyError: No lesson has this id; the message lists the existing ids.
    """
    by_id = {lesson.id: lesson for lesson in lessons(root=root)}
    if id not in by_id:
        raise KeyError(f"no lesson {id!r}; there are {', '.join(by_id)}")
    return by_id[id]


def for_lesson(id: str, machine: Fingerprint | None = None) -> tuple[Capability, ...]:
    """Return what one lesson uses by its front matter, as ``capabilities`` finds it.

    Raises:
        KeyError: No lesson has this id, or it uses what is no capability.
    """
    by_name = {capability.name: capability for capability in capabilities(machine)}
    return tuple(by_name[name] for name in lesson(id).uses)


@functools.lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> Lesson:
    """Return a built notebook's lesson; ``changed_ns`` tells an edited file from an older one."""
    facts = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("lesson")
    if not isinstance(facts, dict):
        raise LessonError(
            f"{path.stem}: the notebook holds no front matter: bring the course's own back, or "
            "build it"
        )
    return Lesson.from_facts(facts, path)
