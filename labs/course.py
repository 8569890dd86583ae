"""The course's lessons and the facts about them, read from the built notebooks: ``lessons()`` and ``lesson("11")``.

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

#: Where the notebooks are.
NOTEBOOKS_DIR = Path(__file__).resolve().parents[1] / "notebooks"

#: How a lesson's file is named. A lesson that is too long for one sitting goes on as ``14b_…``, ``14c_…``.
LESSON_NAME = re.compile(r"(\d{2}[a-z]?)_[a-z0-9_]+")

_CHECK = re.compile(r'^\s*check\("([a-z0-9_.]+)"', re.MULTILINE)

#: ``core`` belongs to the course, ``extra`` may be left out, a ``guide`` is for instructors and is no lesson.
KINDS = ("core", "extra", "guide")

#: Your own machine, Chameleon's Jupyter, a leased server, an edge device; each with its words for people. A laptop
#: rehearses all of them. A lesson names the places under whose pins it is run in the tests, and no others.
PLACES = {"laptop": "laptop", "hub": "Chameleon's Jupyter", "node": "server", "device": "edge device"}

#: Parts as people call them.
PART_TITLES = {0: "Start", 1: "Part 1: the model", 2: "Part 2: the edge", 3: "Part 3: the system"}

#: What front matter may say, with the type of each value; all but the last three must be there.
KEYS: dict[str, type] = {
    "title": str,
    "summary": str,
    "part": int,
    "number": str,
    "minutes": int,
    "kind": str,
    "where": list,
    "needs": list,
    "ports": list,
    "machine_minutes": int,
    "uses": list,
    "takes": dict,
}
OPTIONAL = {"machine_minutes", "uses", "takes"}


class LessonError(ValueError):
    """A lesson's source or its front matter has a fault; the message names the lesson."""


@dataclass(frozen=True)
class Lesson:
    """One lesson, as its front matter describes it."""

    #: The notebook that students open.
    notebook: Path
    #: Such as 'Measure the torch model'.
    title: str
    #: What happens in it, in a line.
    summary: str
    #: Part of the course: 0 is the start.
    part: int
    #: As the file's name begins: '11', '14b'.
    number: str
    #: Minutes for a newcomer, reading included.
    minutes: int
    #: One of ``KINDS``.
    kind: str
    #: Some of ``PLACES``.
    where: tuple[str, ...]
    #: Numbers of the lessons whose results it uses.
    needs: tuple[str, ...]
    #: Ports that it opens on the machine.
    ports: tuple[int, ...]
    #: Minutes of a lease that it takes whoever has rehearsed it; 0 where it needs no leased machine.
    machine_minutes: int = 0
    #: What it asks of the machine, by the names of ``labs.machine.capability``.
    uses: tuple[str, ...] = ()
    #: What it cannot begin without, by the number of the lesson that makes it: files below the workspace, and records
    #: by kind and option, such as 'latency onnx-all'.
    takes: Mapping[str, list[str]] = field(default_factory=dict, hash=False)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], notebook: Path) -> Lesson:
        """Return the lesson that front matter describes.

        Args:
            facts: Front matter, by the keys of ``KEYS``.
            notebook: Where the built notebook is, or will be.

        Raises:
            LessonError: A key is missing, unknown or of the wrong type, or a value is none of those that there are.
        """
        unknown, missing = set(facts) - set(KEYS), set(KEYS) - OPTIONAL - set(facts)
        found = [f"does not know {', '.join(sorted(unknown))}"] if unknown else []
        found += [f"lacks {', '.join(sorted(missing))}"] if missing else []
        found += [
            f"wants {key} as {KEYS[key].__name__}, not {value!r}"
            for key, value in facts.items()
            if key in KEYS and (dict if isinstance(value, Mapping) else type(value)) is not KEYS[key]
        ]
        if found:
            raise LessonError(f"{notebook.stem}: its front matter {'; '.join(found)}. Known: {', '.join(KEYS)}")
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
        lesson = cls(notebook, **values)
        faults = lesson._faults()
        if faults:
            raise LessonError(f"{lesson.name}: in its front matter, {'; '.join(faults)}")
        return lesson

    def _faults(self) -> list[str]:
        folder = self.notebook.parent.name
        return [
            sentence
            for wrong, sentence in (
                (self.number != self.name.partition("_")[0], f"number {self.number!r} is not the file name's"),
                (self.kind != "guide" and not folder.startswith(f"{self.part}_"), f"part {self.part} is not {folder}"),
                (self.kind not in KINDS, f"kind is {self.kind!r}; it may be {', '.join(KINDS)}"),
                (not self.where or set(self.where) - set(PLACES), f"where may hold {', '.join(PLACES)}"),
                (self.minutes <= 0 or self.machine_minutes < 0, "minutes must be positive"),
                (not all(type(one) is str for one in self.needs), 'needs wants texts, such as ["10"]'),
                (not all(self.takes.values()), 'takes wants lists, such as {"12": ["models/food11.onnx"]}'),
                (not all(type(one) is int for one in self.ports), "ports wants whole numbers"),
            )
            if wrong
        ]

    @property
    def name(self) -> str:
        """File name without its ending, such as '11_measure_the_torch_model'."""
        return self.notebook.stem

    @property
    def whole_number(self) -> int:
        """The number without its letter: checkpoints and ``--lesson 14`` mean 14, 14b and 14c alike."""
        return int(self.number[:2])

    @property
    def source(self) -> Path:
        """The reviewed py:percent file, which only authors have."""
        return self.notebook.parents[1] / "source" / self.notebook.parent.name / f"{self.name}.py"

    @property
    def link(self) -> str:
        """Path of the notebook from ``notebooks/``, with slashes."""
        return f"{self.notebook.parent.name}/{self.notebook.name}"

    def questions(self) -> list[str]:
        """Return the ids of the questions that its notebook asks, in order.

        A cell to fill in carries its question's id; where measuring is the answer, there is only the check.
        """
        found: dict[str, None] = {}
        for cell in json.loads(self.notebook.read_text(encoding="utf-8"))["cells"]:
            asked = [cell["metadata"]["checkpoint"]] if "checkpoint" in cell["metadata"] else []
            checked = _CHECK.findall("".join(cell["source"])) if cell["cell_type"] == "code" else []
            found |= dict.fromkeys([*asked, *checked])
        return list(found)


def lessons(part: int | None = None, *, root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the lessons in the order in which they are taken.

    Args:
        part: Only this part; all when None.
        root: Folder that holds the parts.

    Raises:
        LessonError: A notebook's metadata is not what the builder writes.
    """
    paths = [path for path in root.glob("[0-9]_*/*.ipynb") if LESSON_NAME.fullmatch(path.stem)]
    found = [_read(path, path.stat().st_mtime_ns) for path in sorted(paths, key=lambda path: path.name)]
    return [one for one in found if part is None or one.part == part]


def lesson(number: str, *, root: Path = NOTEBOOKS_DIR) -> Lesson:
    """Return one lesson by its number.

    Raises:
        KeyError: No lesson has it; the message lists those that there are.
    """
    by_number = {one.number: one for one in lessons(root=root)}
    if number not in by_number:
        raise KeyError(f"no lesson {number!r}; there are {', '.join(by_number)}")
    return by_number[number]


@functools.lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> Lesson:
    """Return a built notebook's lesson; ``changed_ns`` tells an edited file from the one that was read before."""
    facts = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("lesson")
    if not isinstance(facts, dict):
        raise LessonError(f"{path.stem}: the notebook holds no front matter; build it: python -m grading build")
    return Lesson.from_facts(facts, path)
