"""`make grade-demo`: a made-up class of sixty, graded as a real one, and its report.

It says how long that took. `--sample FOLDER` also keeps what an instructor would read, small enough
to be published.
"""

import argparse
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from grading.__main__ import app
from grading.classroom.batch import kept_results
from grading.classroom.handed_in import Handed, handed_in
from grading.classroom.report import TABLE_NAME, write_feedback
from grading.grade.grader import PUBLIC_SEED
from grading.grade.result import Result
from grading.seed import VARIABLE
from labs.machine.fingerprint import usable_cpu_count
from tests.grading.classroom.members import MIXTURE, make_class

SIZE = sum(MIXTURE.values())

#: The student of the sample's page and sheet: one with faults to fix, and with questions to answer.
SHOWN = "mistaken"


def keep_sample(
    submissions: Sequence[Handed], results: Sequence[Result], out: Path, sample: Path
) -> None:
    """Copy what an instructor reads of a class from ``out``: report, tables, one student's page and
    sheets.

    Its pages and zip are written again with hidden rows, as after the grades; links to other pages
    become plain text.
    """
    shown = next(member for member in submissions if member.student.endswith(SHOWN))
    slug = shown.slug
    page = f"pages/{slug}.html"
    shutil.rmtree(sample / "pages", ignore_errors=True)
    shutil.rmtree(sample / "defence", ignore_errors=True)
    with zipfile.ZipFile(write_feedback(submissions, results, out, hidden=True)) as feedback:
        sample.mkdir(parents=True, exist_ok=True)
        (sample / TABLE_NAME).write_bytes(feedback.read(TABLE_NAME))
    sheets = [f"defence/{slug}.html", f"defence/{slug}-answers.html"]
    for name in ["class.csv", "questions.csv", page, *sheets]:
        (sample / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(out / name, sample / name)
    report = (out / "report.html").read_text(encoding="utf-8")
    others = rf'<a href="pages/(?!{re.escape(slug)}\.)[^"]*">([^<]*)</a>'
    (sample / "report.html").write_text(re.sub(others, r"\1", report), encoding="utf-8")


def main() -> None:
    """Make the class in a new folder, grade it, and say where the report is."""
    asked = argparse.ArgumentParser(
        description=__doc__, epilog="Other options go to `python -m grading class`."
    )
    asked.add_argument(
        "--sample",
        type=Path,
        metavar="FOLDER",
        help="keep report, tables and one student's page here",
    )
    options, others = asked.parse_known_args()
    home = Path(tempfile.mkdtemp(prefix="class-of-sixty-"))
    folder = home / "submissions"
    out = home / "report"
    make_class(folder, SIZE)
    kinds = ", ".join(f"{count} {kind}" for kind, count in MIXTURE.items())
    print(f"{SIZE} made-up submissions: {kinds}")
    os.environ.setdefault(VARIABLE, PUBLIC_SEED)
    begin_s = time.monotonic()
    app(["class", str(folder), "--out", str(out), *others], standalone_mode=False)
    took_s = time.monotonic() - begin_s
    a_minute = f"{60 * SIZE / took_s:.0f} a minute on {usable_cpu_count()} processors"
    print(f"{took_s:.0f} s for {SIZE} submissions, {a_minute}")
    if options.sample:
        submissions = handed_in(folder)
        results = kept_results(submissions, out)
        keep_sample(submissions, results, out, options.sample)


if __name__ == "__main__":
    main()
