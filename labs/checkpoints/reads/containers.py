"""Facts about Dockerfiles, read as text: nothing is built."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

from labs.checkpoints.reads.texts import written

#: What the image has to hold.
_FILES = ("app.py", "classifier.py")


def dockerfile(path: Path) -> dict:
    """Return what a Dockerfile's last stage begins with, installs, copies, and starts as whom.

    Args:
        path: The file; ``app.py`` and ``classifier.py`` lie beside it.
    """
    joined = re.sub(r"\\\s*\n", " ", written(path))
    lines = [line.split(None, 1) for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    steps = [(one[0].upper(), one[1].strip() if len(one) > 1 else "") for one in lines]
    begin = max((place for place, (step, _) in enumerate(steps) if step == "FROM"), default=0)
    stage = steps[begin:]
    base = next((rest.split()[0] for step, rest in stage if step == "FROM" and rest), "")
    copies = [(place, _sources(rest)) for place, (step, rest) in enumerate(stage) if step in ("COPY", "ADD")]
    installs = [place for place, (step, rest) in enumerate(stage) if step == "RUN" and "pip install" in rest]
    holding = [place for place, sources in copies if any(_covers(sources, name) for name in _FILES)]
    command = _command(stage)
    return {
        "base": base,
        "tagged": bool(re.search(r"(:.*\d|@sha256:)", base)) and not base.endswith("latest"),
        "installs": bool(installs),
        "copies": all(any(_covers(sources, name) for _, sources in copies) for name in _FILES),
        "cached": bool(installs) and all(place > installs[0] for place in holding),
        "root": [rest for step, rest in stage if step == "USER"][-1:] in ([], ["root"], ["0"]),
        "uvicorn": any(word.rpartition("/")[2] in ("uvicorn", "fastapi") for word in command),
        "everywhere": "0.0.0.0" in " ".join(command).replace("=", " ").split(),
    }


def _sources(rest: str) -> list[str]:
    """Return what a COPY takes from the folder; what comes from another stage is none of it."""
    words = json.loads(rest) if rest.startswith("[") else rest.split()
    if any(word.startswith("--from") for word in words):
        return []
    return [word.removeprefix("./") or "." for word in words if not word.startswith("--")][:-1]


def _covers(sources: list[str], name: str) -> bool:
    return any(one == "." or fnmatch.fnmatch(name, one) for one in sources)


def _command(stage: list[tuple[str, str]]) -> list[str]:
    """Return the words that are started: of ENTRYPOINT and CMD in their list form; of a shell's line, none."""
    words = []
    for name in ("ENTRYPOINT", "CMD"):
        rest = next((rest for step, rest in reversed(stage) if step == name), "[]")
        try:
            words += [str(word) for word in json.loads(rest)]
        except ValueError:
            return []
    return words
