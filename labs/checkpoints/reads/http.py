"""Facts about Dockerfiles, read as Docker reads them: comments, long lines, here-documents, arguments, stages.

Nothing is built.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from labs.checkpoints.reads.texts import written

#: What the image has to hold.
_FILES = ("app.py", "classifier.py")

_INSTALLS = re.compile(r"\b(pip[\d.]*|uv|conda|mamba|poetry)\b[^&|;]*\s(install|sync)\b")


def dockerfile(path: Path) -> dict:
    """Return what a Dockerfile's last stage begins with, installs, copies, and starts as whom.

    Args:
        path: The file; ``app.py`` and ``classifier.py`` lie beside it.
    """
    base, stage, values = _last_stage(written(path))
    copies = [(place, _sources(rest)) for place, (step, rest) in enumerate(stage) if step in ("COPY", "ADD")]
    installs = [place for place, (step, rest) in enumerate(stage) if step == "RUN" and _INSTALLS.search(_said(rest))]
    holding = [place for place, sources in copies if any(_covers(sources, name) for name in _FILES)]
    command = _command(stage)
    programs = [word.rpartition("/")[2] for word in command]
    tag, users = base.rpartition("/")[2], [rest for step, rest in stage if step == "USER"]
    hosts = " ".join([*command, values.get("UVICORN_HOST", "")]).replace("=", " ").split()
    return {
        "base": base,
        "tagged": bool(re.search(r"(:.*\d|@sha256:)", tag)) and not tag.endswith(":latest"),
        "installs": bool(installs),
        "copies": all(any(_covers(sources, name) for _, sources in copies) for name in _FILES),
        "cached": bool(installs) and all(place > installs[0] for place in holding),
        "root": not users or users[-1].partition(":")[0] in ("root", "0"),
        "uvicorn": any(program in ("uvicorn", "fastapi") for program in programs),
        # `fastapi run` does so by itself, and uvicorn's variable says it as well as its option.
        "everywhere": bool({"0.0.0.0", "::"}.intersection(hosts)) or ("fastapi", "run") in itertools.pairwise(programs),
    }


def _last_stage(text: str) -> tuple[str, list[tuple[str, str]], dict[str, str]]:
    """Return the image that the last stage begins with, its instructions, and what its variables say.

    A stage that begins with an earlier one goes on where that ended.
    """
    base, steps, before = "", [], {}
    values: dict[str, str] = {}
    stages: dict[str, tuple[str, list, dict]] = {}
    for step, rest in _instructions(text):
        if step == "FROM":
            words = [word for word in _filled(rest, before).split() if not word.startswith("--")] or [""]
            base, steps, values = stages.get(words[0].lower(), (words[0], [], {}))
            steps, values = list(steps), dict(values)
            if len(words) > 2:
                stages[words[2].lower()] = (base, steps, values)
            continue
        rest = rest if step in ("RUN", "CMD", "ENTRYPOINT") else _filled(rest, values)
        if step == "ARG" and not stages and not base:
            before |= _pairs(rest)
        elif step in ("ARG", "ENV"):
            # An argument that is named again has the value that it had before the first FROM.
            values |= {name: value or before.get(name, "") for name, value in _pairs(rest).items()}
        steps.append((step, rest))
    return base, steps, values


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction in capitals with the rest of its line; a here-document's text follows on further lines."""
    directive = re.match(r"(?:#\s*\w+\s*=.*\n)*?#\s*escape\s*=\s*`", text)
    escape = "`" if directive else "\\"
    lines = iter(text.splitlines())
    whole = ""
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue  # also between the lines of one instruction
        whole += line.rstrip()
        if whole.endswith(escape):
            whole = whole[: -len(escape)] + " "
            continue
        step, _, rest = whole.strip().partition(" ")
        whole = ""
        for dash, _, end in (
            re.findall(r"<<(-?)([\"']?)(\w+)\2", rest) if step.upper() in ("RUN", "COPY", "ADD") else ()
        ):
            for inside in lines:
                if (inside.lstrip("\t") if dash else inside) == end:
                    break
                rest += f"\n{inside}"
        yield step.upper(), rest.strip()


def _pairs(rest: str) -> dict[str, str]:
    """Return the names and values of ARG and ENV; `ENV name value` is the older way."""
    try:
        words = shlex.split(rest)
    except ValueError:
        words = rest.split()
    if len(words) > 1 and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])}
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _filled(rest: str, values: dict[str, str]) -> str:
    """Put values in the place of `$NAME`, `${NAME}` and `${NAME:-default}`."""

    def value(found: re.Match[str]) -> str:
        return values.get(found["name"] or found["bare"], "") or found["default"] or ""

    return re.sub(r"\$(?:\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<bare>\w+))", value, rest)


def _listed(rest: str) -> list[str] | None:
    """Return the words of the JSON form; None for what Docker takes as a shell's line."""
    try:
        words = json.loads(rest) if rest.startswith("[") else None
    except ValueError:
        return None
    return [str(word) for word in words] if isinstance(words, list) else None


def _said(rest: str) -> str:
    """Return what RUN runs, in whichever form, without its options."""
    listed = _listed(rest)
    return " ".join(listed) if listed else re.sub(r"^(--\S+\s+)+", "", rest)


def _sources(rest: str) -> list[str]:
    """Return what a COPY takes from the folder; what comes from another stage is none of it."""
    line = rest.partition("\n")[0]
    options = re.match(r"(--\S+\s+)*", line)[0]
    words = _listed(line[len(options) :]) or line[len(options) :].split()
    if "--from" in options:
        return []
    # A here-document is a file under the name that it gets.
    words = [words[-1].rpartition("/")[2] if word.startswith("<<") else word for word in words[:-1]]
    return [word.removeprefix("./").rstrip("/") or "." for word in words]


def _covers(sources: list[str], name: str) -> bool:
    return any(one == "." or fnmatch.fnmatch(name, one) for one in sources)


def _command(stage: list[tuple[str, str]]) -> list[str]:
    """Return the words that are started: of ENTRYPOINT and CMD in their list form, or of a shell that gives way to them
    by `exec`; of another shell's line, none."""
    words = []
    for name in ("ENTRYPOINT", "CMD"):
        rest = next((rest for step, rest in reversed(stage) if step == name), "[]")
        listed = _listed(rest)
        if listed is None or (len(listed) > 2 and listed[1] == "-c"):
            line = rest if listed is None else listed[2]
            if not line.startswith("exec "):
                return []
            listed = line.split()[1:]
        words += listed
    return words
