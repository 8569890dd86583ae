"""Chameleon's Jupyter gives a user 1 GB for everything: a kernel that reserves must leave most of it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import nbformat

from grading.build import read_source
from grading.course import lessons
from grading.execute import execute
from grading.rehearse import own_testbed
from grading.solve import AnswerKey, solve

LIMIT_MB = 350
REPORT = """
import resource, sys
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
heavy = sorted({"torch", "onnxruntime", "openvino", "scipy"} & set(sys.modules))
print("PEAK", peak, "HEAVY", heavy)
"""


def of_leases() -> list:
    """Return the lessons that reserve, provision or release: those that show which testbed they are on."""
    return [one for one in lessons() if "print(rehearsal.use(" in one.source.read_text(encoding="utf-8")]


def imports_of(lesson) -> str:
    """Return all import statements of a lesson's cells."""
    cells = [cell.source for cell in read_source(lesson.source).cells if cell.cell_type == "code"]
    nodes = [node for source in cells for node in ast.parse(source).body]
    return "\n".join(ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def test_a_kernel_that_reserves_stays_small(tmp_path: Path, workspace: Path):
    """Lesson 08 run to its end, and then everything that any other of these lessons imports."""
    wanted = [one for one in of_leases() if one.number in (1, 8, 9, 19, 20, 21, 29, 30, 31, 49)]
    assert len(wanted) == 10
    notebook = solve(next(one for one in wanted if one.number == 8), AnswerKey.read())
    notebook.cells.append(nbformat.v4.new_code_cell("\n".join(map(imports_of, wanted))))
    notebook.cells.append(nbformat.v4.new_code_cell(REPORT))
    with own_testbed(tmp_path / "testbed", wanted):
        run = execute(notebook, folder=wanted[1].source.parent, name="08")
    _, peak_mb, _, heavy = run.notebook.cells[-1].outputs[0].text.split(maxsplit=3)
    print(f"peak {float(peak_mb):.0f} MB", file=sys.stderr)
    assert heavy.strip() == "[]"
    assert 50 < float(peak_mb) < LIMIT_MB
