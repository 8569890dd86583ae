"""Chameleon's Jupyter gives a user 1 GB for everything: a kernel that reserves must leave most of it."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

from grading.execute import execute
from grading.rehearse import own_testbed
from grading.solve import AnswerKey, solve
from labs.course import lessons

LIMIT_MB = 350
REPORT = """
import pathlib, re, resource, sys
# On Linux, ru_maxrss begins with the peak of the process that started this one (the suite's worker, some 650 MB);
# the kernel's own is VmHWM. macOS counts each process for itself.
status = pathlib.Path("/proc/self/status")
own = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
peak = int(own[1]) / 2**10 if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
heavy = sorted({"torch", "onnxruntime", "openvino", "scipy"} & set(sys.modules))
print("PEAK", peak, "HEAVY", heavy)
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kernels_that_reserve_provision_and_release_stay_small(tmp_path: Path, workspace: Path):
    """Each lesson of Chameleon's Jupyter, run solved to its end, one after the other on one testbed, as students do."""
    wanted = [one for one in lessons() if "hub" in one.where]
    assert len(wanted) >= 10
    key, peaks_mb, heavy = AnswerKey.read(), {}, {}
    with own_testbed(tmp_path / "testbed", wanted):
        for lesson in wanted:
            notebook = solve(lesson, key)
            notebook.cells.append(nbformat.v4.new_code_cell(REPORT))
            run = execute(notebook, folder=lesson.notebook.parent, name=lesson.name)
            _, peak_mb, _, heavy[lesson.number] = run.notebook.cells[-1].outputs[0].text.strip().split(maxsplit=3)
            peaks_mb[lesson.number] = round(float(peak_mb))
    print(f"peak MB by lesson: {peaks_mb}", file=sys.stderr)
    assert set(heavy.values()) == {"[]"}
    assert min(peaks_mb.values()) > 50
    assert max(peaks_mb.values()) < LIMIT_MB
