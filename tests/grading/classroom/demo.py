"""`make grade-demo`: a made-up class of sixty, graded as a real one, its report, and what became of each kind.

`--sample FOLDER` also keeps what an instructor would read of it, small enough to be published.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from grading.__main__ import app
from grading.classroom.batch import kept_results
from grading.classroom.likeness import said_of, similar_pairs
from grading.classroom.report import TABLE_NAME, write_feedback
from grading.classroom.roster import Handed, handed_in
from grading.grade.result import Result, spot_checks
from tests.grading.classroom.members import MIXTURE, make_class

SIZE = sum(MIXTURE.values())

#: Whose page and sheet a sample shows: somebody with something to mend, and something to be asked.
SHOWN = "mistaken"


def became(results: Sequence[Result]) -> dict[str, dict[str, object]]:
    """Return by kind of member: how many, their points, and how many a person is asked to look at, and why.

    Args:
        results: Of students whose names end in their kind, as ``make_class`` names them.
    """
    looked_at = spot_checks(results, seed="", share=0)
    alike = said_of(similar_pairs(results))
    named = {one.student for one in looked_at} | set(alike)
    found: dict[str, dict[str, object]] = {}
    for kind in dict.fromkeys(one.student.partition("-")[2] for one in results):
        members = [one for one in results if one.student.partition("-")[2] == kind]
        why = Counter(rule for one in members for rule in {finding.rule for finding in one.findings})
        why["a pair of the class"] = sum(one.student in alike for one in members)
        why["not when measured or run again"] = sum(
            any(
                ", and not when " in reason
                for one in looked_at
                if one.student == member.student
                for reason in one.reasons
            )
            for member in members
        )
        found[kind] = {
            "members": len(members),
            "points": sorted(one.points for one in members),
            "looked at": sum(one.student in named for one in members),
            "why": {name: count for name, count in why.items() if count},
        }
    return found


def keep_sample(submissions: Sequence[Handed], results: Sequence[Result], out: Path, sample: Path) -> None:
    """Copy what an instructor reads of a class into a folder: report, tables, one student's page and sheets.

    Args:
        submissions: Who handed in.
        results: What each is worth.
        out: What ``grading class`` wrote; its pages and zip are written again with hidden rows, as after the grades.
        sample: Receives the copies. Links of the report to other students' pages become plain text.
    """
    slug = next(one.slug for one in submissions if one.student.endswith(SHOWN))
    page = f"pages/{slug}.html"
    shutil.rmtree(sample / "pages", ignore_errors=True)
    shutil.rmtree(sample / "defence", ignore_errors=True)
    with zipfile.ZipFile(write_feedback(submissions, results, out, hidden=True)) as feedback:
        sample.mkdir(parents=True, exist_ok=True)
        (sample / TABLE_NAME).write_bytes(feedback.read(TABLE_NAME))
    for name in ("class.csv", "questions.csv", page, f"defence/{slug}.html", f"defence/{slug}-answers.html"):
        (sample / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(out / name, sample / name)
    report = (out / "report.html").read_text(encoding="utf-8")
    others = rf'<a href="pages/(?!{re.escape(slug)}\.)[^"]*">([^<]*)</a>'
    (sample / "report.html").write_text(re.sub(others, r"\1", report), encoding="utf-8")


def main() -> None:
    """Make the class in a new folder, grade it, and say where the report is and what became of whom."""
    asked = argparse.ArgumentParser(description=__doc__, epilog="Other options go to `python -m grading class`.")
    asked.add_argument("--sample", type=Path, metavar="FOLDER", help="keep report, tables and one student's page here")
    options, others = asked.parse_known_args()
    home = Path(tempfile.mkdtemp(prefix="class-of-sixty-"))
    make_class(home / "submissions", SIZE)
    print(f"{SIZE} made-up submissions: {', '.join(f'{count} {kind}' for kind, count in MIXTURE.items())}")
    # Rerunning answers takes seconds each; the demo leaves it out, as a first pass over a class may. `--rerun` does it.
    app(
        ["class", str(home / "submissions"), "--out", str(home / "report"), "--no-rerun", *others],
        standalone_mode=False,
    )
    found = handed_in(home / "submissions")
    results = kept_results(found, home / "report")
    if options.sample:
        keep_sample(found, results, home / "report", options.sample)
    table = Table("Kind", "Members", "Points", "Looked at", "Why", box=box.SIMPLE)
    for kind, one in sorted(became(results).items()):
        low, *_, high = one["points"] * 2
        why = ", ".join(f"{name} {count}" for name, count in one["why"].items())
        shown = str(low) if low == high else f"{low} to {high}"
        table.add_row(kind, str(one["members"]), shown, str(one["looked at"]), why)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
