"""``run_autograder`` as the contract lays it out: honest, hostile, empty, killed."""

import contextlib
import json
import os
import shutil
import signal
import time

import psutil
import pytest

from grading.grade.hidden import all_hidden
from labs.course.assignment import assignment
from labs.course.question import all_questions, of_lesson
from tests.grading.exported import exported
from tests.grading.gradescope.tree import Tree, by_id
from tests.grading.recorded import MODEL, written
from tests.grading.whole import whole
from tests.honest import honest
from tests.tools import sandboxed

pytestmark = [pytest.mark.xdist_group("gradescope"), pytest.mark.timeout(400)]

#: Gradescope's fields; it would ignore any other name without a message.
TEST_FIELDS = {
    "score",
    "max_score",
    "status",
    "name",
    "number",
    "output",
    "output_format",
    "tags",
    "visibility",
    "extra_data",
}
TOP_FIELDS = {
    "score",
    "output",
    "output_format",
    "visibility",
    "stdout_visibility",
    "tests",
    "execution_time",
    "extra_data",
}

#: Two functions of part 1's: the first one's cell is spoiled.
FUNCTIONS = [
    question
    for lesson in assignment().lessons(1)
    for question in of_lesson(lesson.id)
    if question.kind == "function"
]
SPOILED, HONEST = FUNCTIONS[0], FUNCTIONS[-1]


@sandboxed
@pytest.mark.parametrize("tree", assignment().parts, indirect=True)
def test_honest_work_earns_its_points(tree: Tree):
    """Functions, on secret cases too, and files, in Gradescope's form, in each part's own package,
    without torch.
    """
    part = tree.part
    for model in (MODEL, exported()):
        shutil.copy(model, tree.submission)
    (tree.submission / "ledger.jsonl").write_text(honest(part).text)
    assert tree.run() == "result: whole\n"
    results, fallback = tree.results, tree.fallback
    assert [path.name for path in (tree.root / "results").iterdir()] == ["results.json"]
    assert set(results) <= TOP_FIELDS
    assert all(set(test) <= TEST_FIELDS for test in results["tests"])
    assert results["extra_data"]["fault"] == ""
    assert results["stdout_visibility"] == "hidden"
    assert results["score"] == pytest.approx(
        sum(test["score"] for test in results["tests"]), abs=0.1
    )
    worth = sum(test["max_score"] for test in results["tests"])
    assert worth == pytest.approx(fallback["tests"][0]["max_score"], abs=0.1)
    rows = by_id(results["tests"], part)
    hidden = {id for id, test in rows.items() if test["visibility"] == "after_published"}
    ids = {lesson.id for lesson in assignment().lessons(part)}
    assert hidden == {question.id for question in all_hidden() if question.lesson in ids}
    # The rows shown at once contain no results of hidden checks.
    assert not any(rows[id]["name"] in results["output"] for id in hidden)
    asked = {
        id
        for id in rows
        if id in all_questions() and all_questions()[id].kind in ("function", "file")
    }
    lost = {id: test["output"] for id, test in rows.items() if test["score"] < test["max_score"]}
    assert {id: why for id, why in lost.items() if id.removesuffix(".computed") in asked} == {}


CELL = """
import os, subprocess
seen = []
for path in (
    "source/secret/cases.json",
    "source/grading/grade/hidden.py",
    "submission_metadata.json",
    "results/results.json",
):
    try:
        seen.append(open("{root}/" + path).read())
    except OSError:
        pass
for name in ("results.json", "new.json"):
    try:
        open("{root}/results/" + name, "w").write('{{"score": 1000}}')
    except OSError:
        pass
endless = "while :; do echo 1000 >{root}/results/results.json; sleep {marker}; done"
daemon = subprocess.Popen(["setsid", "sh", "-c", endless])
raise RuntimeError("".join(seen)[:150])
"""


@sandboxed
def test_a_cell_reaches_neither_results_nor_secrets(tree: Tree):
    """Its error would show the files that it read; all its processes end with it."""
    marker, entries = f"9{os.getpid()}", whole(1).records.to_json()
    (spoiled,) = [
        entry
        for entry in entries
        if entry.get("question") == SPOILED.id and entry["type"] == "answer"
    ]
    spoiled["value"]["source"] = CELL.format(root=tree.root, marker=marker)
    (tree.submission / "ledger.jsonl").write_text(written(entries))
    assert tree.run() == "result: whole\n"
    results = tree.results
    rows = by_id(results["tests"])
    row = rows[f"{SPOILED.id}.computed"]
    assert row["score"] == 0
    assert "RuntimeError" not in row["output"]
    assert results["extra_data"]["reruns"][SPOILED.id] == "it raises RuntimeError"
    # The cell could not read the cases, the table of hidden rows, or Gradescope's own file.
    assert not [word for word in ('"args"', "HiddenRow", "A Student") if word in str(results)]
    # The honest cells beside it keep theirs.
    assert rows[f"{HONEST.id}.computed"]["score"] == rows[f"{HONEST.id}.computed"]["max_score"] > 0
    assert [path.name for path in (tree.root / "results").iterdir()] == ["results.json"]
    assert not [line for line in _commands() if marker in line]


def test_folders_are_closed_while_student_code_may_run(tree: Tree):
    """Afterwards, the results' folder is as it was before."""
    code = (
        "from grading.gradescope.places import Places; p = Places.here()\n"
        "folders = (p.results.parent, p.secret, p.submission, p.source / "
        "'grading/grade/hidden.py', p.metadata)\n"
        "modes = lambda: ' '.join(oct(f.stat().st_mode & 0o777) for f in folders)\n"
        "with p.closed(): print(modes())\n"
        "print(modes())"
    )
    (tree.root / "results").chmod(0o755)
    first, last = tree.python(code).splitlines()
    assert first == "0o700 0o700 0o700 0o700 0o600"
    assert last.startswith("0o755 0o700")


@pytest.mark.parametrize(
    "all_of_it", [True, False], ids=["all of it", "the judge alone, as when memory runs out"]
)
def test_what_is_killed_leaves_the_fallback(tree: Tree, all_of_it: bool):
    """Staff runs it again."""
    (tree.submission / "ledger.jsonl").write_text(whole(1).text)
    with tree.start() as process:
        judge = _wait_for_judge(process.pid)
        if all_of_it:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(judge, signal.SIGKILL)
            assert process.communicate(timeout=300)[0] == "result: fallback\n"
    assert tree.results == tree.fallback
    assert "no judgement of your work" in tree.results["output"]


def test_time_that_is_over_leaves_the_fallback_and_no_process(tree: Tree):
    """A daemon in a separate session ends with it."""
    marker = f"8{os.getpid()}"
    (tree.root / "source" / "grading" / "gradescope" / "judge.py").write_text(
        "import subprocess, time\nsubprocess.Popen(['setsid', 'sleep', "
        f"'{marker}'])\ntime.sleep(600)"
    )
    (tree.root / "results" / "results.json").write_text(json.dumps(tree.fallback))
    code = "from grading.gradescope.run import *; print(run(Places.here(), most_s=1))"
    assert tree.python(code) == "fallback\n"
    assert tree.results == tree.fallback
    assert not [line for line in _commands() if marker in line]


def test_without_python_the_fallback_stands(tree: Tree):
    """If the image was not set up, the result blames no student."""
    (tree.root / "venv" / "bin" / "python").unlink()
    assert "the grader ended with status 127" in tree.run()
    assert tree.results == tree.fallback


def _wait_for_judge(root: int) -> int:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        for process in psutil.Process(root).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "grading.gradescope.judge" in process.cmdline():
                    return process.pid
        time.sleep(0.01)
    raise TimeoutError("the grader never began")


def _commands() -> list[str]:
    return [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
