"""The course's lessons and the facts about them, read from the built notebooks: ``lessons()``, ``lesson("compile")``.

A lesson's facts stand once, in the front matter of its source; the builder copies them into the notebook's metadata.
The map, the page of questions, the countdown, the links from one lesson to the next and the tests take them from here.
It imports nothing heavy, so that Chameleon's small Jupyter and a grader can ask too.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.machine.capability import Capability, capabilities
from labs.machine.fingerprint import Fingerprint

#: Where the notebooks are.
NOTEBOOKS_DIR = Path(__file__).resolve().parents[2] / "notebooks"

#: How a lesson's file is named; the number is its place among its neighbours, and nothing else.
LESSON_NAME = re.compile(r"\d{2}_[a-z0-9_]+")

#: ``core`` is the course's path, ``deeper`` is a deep dive beside it, a ``guide`` is for instructors and no lesson.
KINDS = ("core", "deeper", "guide")

#: Folder of a part's deep dives.
DEEPER = "deeper"

#: Your own machine, Chameleon's Jupyter, a leased server, an edge device; each with its words for people. A laptop
#: rehearses all of them. A lesson names the places under whose pins it is run in the tests, and no others.
PLACES = {
    "laptop": "laptop",
    "hub": "Chameleon's Jupyter",
    "node": "server",
    "device": "edge device",
}

#: Parts as people call them.
PART_TITLES = {0: "Start", 1: "Part 1: the model", 2: "Part 2: the edge", 3: "Part 3: the system"}

#: What a notebook's facts may say, with the type of each value; all but the optional ones must be there.
KEYS: dict[str, type] = {
    **dict.fromkeys(("id", "title", "summary", "kind"), str),
    **dict.fromkeys(("part", "minutes", "setup_minutes", "machine_minutes"), int),
    **dict.fromkeys(("where", "needs", "ports", "uses"), list),
    "takes": dict,
}
OPTIONAL = {"setup_minutes", "machine_minutes", "uses", "takes"}
#: What no author states: the builder derives it from the source (``grading.builder.clock``) and writes it beside.
DERIVED = {"minutes", "setup_minutes"}


class LessonError(ValueError):
    """A lesson's source or its front matter has a fault; the message names the lesson."""


@dataclass(frozen=True)
class Lesson:
    """One lesson, as its front matter describes it."""

    notebook: Path
    #: A word for its idea, such as 'compile': its questions begin with it, and other lessons name it.
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
    #: Until its leased machine is ready, beside those minutes: a student does something else meanwhile.
    setup_minutes: int = field(default=0, compare=False)
    #: Minutes of a lease that it takes whoever has rehearsed it; 0 where it needs no leased machine.
    machine_minutes: int = 0
    #: What it asks of the machine, by the names of ``labs.machine.capability``.
    uses: tuple[str, ...] = ()
    #: What it cannot begin without, by the id of the lesson that makes it: files below the workspace, and records
    #: by kind and option, such as 'latency onnx-all'.
    takes: Mapping[str, list[str]] = field(default_factory=dict, hash=False)

    @classmethod
    def from_facts(
        cls, facts: Mapping[str, Any], notebook: Path, *, optional: set[str] = OPTIONAL
    ) -> Lesson:
        """Return the lesson that front matter describes; a source's lacks what is derived, so it may.

        Raises:
            LessonError: A key is missing, unknown or of the wrong type, or a value is none of those that there are.
        """
        unknown, missing = set(facts) - set(KEYS), set(KEYS) - optional - set(facts)
        found = [f"does not know {', '.join(sorted(unknown))}"] if unknown else []
        found += [f"lacks {', '.join(sorted(missing))}"] if missing else []
        found += [
            f"wants {key} as {KEYS[key].__name__}, not {value!r}"
            for key, value in facts.items()
            if key in KEYS
            and (dict if isinstance(value, Mapping) else type(value)) is not KEYS[key]
        ]
        if found:
            raise LessonError(
                f"{notebook.stem}: its front matter {'; '.join(found)}. Known: {', '.join(KEYS)}"
            )
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
        }
        lesson = cls(notebook, **values)
        faults = lesson._faults()
        if faults:
            raise LessonError(f"{lesson.name}: in its front matter, {'; '.join(faults)}")
        return lesson

    def _faults(self) -> list[str]:
        deeper = self.notebook.parent.name == DEEPER
        folder = self.notebook.parents[deeper].name
        return [
            sentence
            for wrong, sentence in (
                (not re.fullmatch("[a-z][a-z0-9_]*", self.id), f"id {self.id!r} is no word"),
                (
                    self.kind != "guide" and not folder.startswith(f"{self.part}_"),
                    f"part {self.part} is not {folder}",
                ),
                (
                    (self.kind == "deeper") != deeper,
                    f"kind is {self.kind!r}, and it lies in {self.notebook.parent.name}/",
                ),
                (self.kind not in KINDS, f"kind is {self.kind!r}; it may be {', '.join(KINDS)}"),
                (
                    not self.where or set(self.where) - set(PLACES),
                    f"where may hold {', '.join(PLACES)}",
                ),
                (
                    min(self.minutes, self.setup_minutes, self.machine_minutes) < 0,
                    "minutes must not be negative",
                ),
                (
                    not all(type(one) is str for one in self.needs),
                    'needs wants texts, such as ["measure"]',
                ),
                (
                    not all(self.takes.values()),
                    'takes wants lists, such as {"compile": ["models/food11.onnx"]}',
                ),
                (not all(type(one) is int for one in self.ports), "ports wants whole numbers"),
            )
            if wrong
        ]

    @property
    def name(self) -> str:
        """File name without its ending, such as '12_compile_the_graph'."""
        return self.notebook.stem

    @property
    def folder(self) -> Path:
        """Folder of its sources, which only authors have: ``lesson.py`` and ``questions.py``."""
        root = self.notebook.parents[2 if self.kind == "deeper" else 1]
        return root / "source" / self.notebook.relative_to(root).with_suffix("")

    @property
    def link(self) -> str:
        """Path of the notebook from ``notebooks/``, with slashes."""
        return self.notebook.relative_to(
            self.notebook.parents[2 if self.kind == "deeper" else 1]
        ).as_posix()


def lessons(part: int | None = None, *, root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the lessons in the order in which they are taken: part by part, the core path before the deep dives.

    Raises:
        LessonError: A notebook's metadata is not what the builder writes.
    """
    paths = [*root.glob("[0-9]_*/*.ipynb"), *root.glob(f"[0-9]_*/{DEEPER}/*.ipynb")]
    found = [
        _read(path, path.stat().st_mtime_ns) for path in paths if LESSON_NAME.fullmatch(path.stem)
    ]
    return [one for one in sorted(found, key=in_order) if part is None or one.part == part]


def in_order(one: Lesson) -> tuple:
    """Return what sorts lessons into the order in which they are taken."""
    return one.part, one.kind == "deeper", one.name


def lesson(id: str, *, root: Path = NOTEBOOKS_DIR) -> Lesson:
    """Return one lesson by its id.

    Raises:
        KeyError: No lesson has it; the message lists those that there are.
    """
    by_id = {one.id: one for one in lessons(root=root)}
    if id not in by_id:
        raise KeyError(f"no lesson {id!r}; there are {', '.join(by_id)}")
    return by_id[id]


def for_lesson(id: str, machine: Fingerprint | None = None) -> tuple[Capability, ...]:
    """Return what one lesson uses by its front matter, as ``capabilities`` finds it.

    Raises:
        KeyError: No lesson has this id, or it uses what is no capability.
    """
    by_name = {one.name: one for one in capabilities(machine)}
    return tuple(by_name[name] for name in lesson(id).uses)


@functools.lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> Lesson:
    """Return a built notebook's lesson; ``changed_ns`` tells an edited file from the one that was read before."""
    facts = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("lesson")
    if not isinstance(facts, dict):
        raise LessonError(
            f"{path.stem}: the notebook holds no front matter: bring the course's own back, or build it"
        )
    return Lesson.from_facts(facts, path)
