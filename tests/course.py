"""A small course in a folder, in the real one's form: sources beside questions; and where any
course's pages lead.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from grading.builder.notebook import write
from grading.builder.sources import guides, sources
from labs.course.lessons import Lesson

FACTS = {
    "title": "A lesson",
    "summary": "what happens in it",
    "kind": "core",
    "where": ["laptop"],
    "needs": [],
    "ports": [],
}

SOURCE = '''# %% [markdown]
# # A lesson
#
# A story.

# %%
from labs.checkpoints import check, predict, predicted

# %%
predict("{id}.guess", size=..., upsize=...)

# %% question="{id}.double"
def double(number):
    """Return twice the number."""
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION


check("{id}.double", double)

# %%
guesses = predicted("{id}.guess")
'''

QUESTIONS = '''"""The questions of a small lesson."""

from grading.builder.questions import prediction, question

prediction(
    "{id}.guess",
    "How large is it?",
    about={{"kind": "size", "option": "x"}},
    between=(5, 9),
    size="size",
    upsize="size of the other",
)


@question("{id}.double", "Twice a number", points=2, hint="Add it to itself.")
def double(random):
    yield (2,), "Twice 2 is 4."
    yield (random.integers(3, 10_000),), ""
    yield (-random.integers(3, 10_000),), "This one is negative."
'''


def write_lesson(
    course: Path,
    id: str = "toy",
    *,
    name: str = "00_a_lesson",
    folder: str = "0_start",
    source: str = SOURCE,
    questions: str = QUESTIONS,
    **facts: object,
) -> Lesson:
    """Write a lesson's source and questions, and return the lesson; its notebook is not built.

    The id takes the place of ``{id}`` in both. A source that begins with '# ---' has its own front
    matter.
    """
    place = course / "source" / folder / name
    place.mkdir(parents=True, exist_ok=True)
    (course / folder).mkdir(parents=True, exist_ok=True)
    deeper = {"kind": "deeper"} if folder.endswith("deeper") else {}
    part = int(folder[0]) if folder[0].isdigit() else 9
    front_matter = {"id": id, "part": part} | FACTS | deeper | facts
    lines = "".join(f"#     {key}: {json.dumps(value)}\n" for key, value in front_matter.items())
    header = (
        "" if source.startswith("# ---") else f"# ---\n# jupyter:\n#   lesson:\n{lines}# ---\n\n"
    )
    (place / "lesson.py").write_text(
        header + (source.format(id=id) if source is SOURCE else source), encoding="utf-8"
    )
    if questions:
        text = questions.format(id=id) if questions is QUESTIONS else questions
        (place / "questions.py").write_text(text, encoding="utf-8")
    return next(page for page in [*sources(course), *guides(course)] if page.folder == place)


def build_all(course: Path) -> None:
    """Build the notebooks of a small course."""
    for source in sources(course):
        write(source)


def links(pages: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return each link within a folder, of pages and notebooks, as the page and the path it leads
    to.
    """
    linked = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n".join(
                "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
            )
        targets = re.findall(r"\]\((?![a-z]+:|#)([^)\s#]+)", text)
        linked += [(page, (page.parent / target).resolve()) for target in targets]
    return linked
