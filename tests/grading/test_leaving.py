"""A lesson is one folder: whatever serves it alone carries its name, and it leaves with its folder
and its line.
"""

import ast
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grading.builder.sources import sources
from labs.course.assignment import SHIPPED
from labs.course.question import all_questions
from labs.workspace import PROJECT_DIR

READS = PROJECT_DIR / "labs" / "checkpoints" / "reads"
PACKAGE = "labs.checkpoints.reads"


def readers_of(module: str) -> set[str]:
    """Return the names of the readers' files that a module takes, itself among them."""
    name, _, rest = module.removeprefix(f"{PACKAGE}.").partition(".")
    path = READS / f"{name}.py"
    if not module.startswith(f"{PACKAGE}.") or rest or not path.is_file():
        return set()
    imported = [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    ]
    return {name}.union(*(readers_of(str(node.module)) for node in imported))


def test_a_reader_carries_its_lessons_name_or_serves_several():
    """So that a lesson's reader is found by its name, and leaves with it."""
    lessons = {lesson.id for lesson in sources()}
    served: dict[str, set[str]] = {path.stem: set() for path in READS.glob("[a-z]*.py")}
    for question in all_questions().values():
        for reference in filter(None, (question.reads, question.opened_by)):
            for name in readers_of(reference.partition(":")[0]):
                served[name].add(question.lesson_id)
    wrong = {
        name: by
        for name, by in served.items()
        if (by != {name} if name in lessons else len(by) < 2)
    }
    assert wrong == {}


def leave_in_turn() -> None:
    """Delete each lesson of the checkout in the working folder, build without it, load what is
    left, and restore it. A part's points for a lease go with the lesson that measures on one.

    It runs from its source alone. Each lesson leaves in a separate process, which has all data that
    was read before.
    """
    import os
    import re
    import traceback
    from importlib.util import find_spec
    from pathlib import Path

    import labs
    from grading.builder.cli import build
    from grading.builder.sources import sources
    from grading.grade.hidden import all_hidden
    from labs.checkpoints.begin import absences
    from labs.course.assignment import SHIPPED, assignment
    from labs.course.lessons import lessons
    from labs.course.points import promised_rows
    from labs.course.question import all_questions, public_rows
    from labs.records import Records

    assert Path(labs.__file__).parents[1] == Path.cwd()

    def require_the_rest(course: list) -> None:
        assert [lesson.id for lesson in lessons()] == [lesson.id for lesson in course]
        ids = {lesson.id for lesson in course}
        assert {question.lesson_id for question in all_questions().values()} <= ids
        for question in all_questions().values():
            for function in (question.reads, question.opened_by):
                module = function.partition(":")[0]
                is_there = module in ("", "model") or find_spec(module)
                assert is_there, f"{question.id} is read by {module}"
        for part in assignment().parts.values():
            rows = promised_rows(public_rows(Records(), part.asked()), assignment())
            assert abs(sum(row.possible for row in rows) - part.worth) < 1e-9, part.number
        for lesson in course:
            absences(lesson, Records())
        all_hidden()

    build()
    course = sources()
    texts = {path: path.read_text(encoding="utf-8") for path in SHIPPED}
    for lesson in course:
        # A deep dive's reader is in its folder.
        reader, aside = Path("labs/checkpoints/reads", f"{lesson.id}.py"), Path("kept")
        aside.mkdir()
        lesson.folder.rename(aside / "lesson")
        if reader.is_file():
            reader.rename(aside / "reader")
        for path, text in texts.items():
            if lesson.measures:  # on a lease, as no other lesson of its part does
                leased = re.compile(rf'("{lesson.id}".*?^lease = )\d+', re.DOTALL | re.MULTILINE)
                text = leased.sub(r"\g<1>0", text)
            path.write_text(
                re.sub(rf'"{lesson.id}", |, "{lesson.id}"(?=\])', "", text), encoding="utf-8"
            )
        child = os.fork()
        if not child:
            try:
                build()
                require_the_rest([other for other in course if other != lesson])
            except BaseException:
                print(f"without {lesson.id}: {traceback.format_exc()}", flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(f"{lesson.id}: left" if status == 0 else "", flush=True)
        (aside / "lesson").rename(lesson.folder)
        if (aside / "reader").is_file():
            (aside / "reader").rename(reader)
        aside.rmdir()
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_each_lesson_leaves_with_its_folder_and_its_line(tmp_path: Path):
    """The course is built without it, and the rest loads. Its reader goes too, because no other
    lesson may need it.
    """
    for name in ("labs", "grading", "provisioning", "notebooks"):
        shutil.copytree(
            PROJECT_DIR / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.ipynb_*"),
        )
    for path in SHIPPED:
        shutil.copy(path, tmp_path)
    (tmp_path / "assets").symlink_to(PROJECT_DIR / "assets")
    code = f"{inspect.getsource(leave_in_turn)}\nleave_in_turn()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.count(": left") == len(sources()), done.stdout[-6000:]
