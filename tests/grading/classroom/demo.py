"""`make grade-demo`: a made-up class of sixty, graded as a real one, and its report."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grading.__main__ import app
from tests.grading.classroom.members import MIXTURE, make_class

SIZE = sum(MIXTURE.values())


def main() -> None:
    """Make the class in a new folder, grade it, and say where the report is."""
    home = Path(tempfile.mkdtemp(prefix="class-of-sixty-"))
    make_class(home / "submissions", SIZE)
    print(f"{SIZE} made-up submissions: {', '.join(f'{count} {kind}' for kind, count in MIXTURE.items())}")
    # Rerunning answers takes seconds each; the demo leaves it out, as a first pass over a class may.
    app(["class", str(home / "submissions"), "--out", str(home / "report"), "--no-rerun", *sys.argv[1:]])


if __name__ == "__main__":
    main()
