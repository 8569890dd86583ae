"""Facts about Dockerfiles, read by their commands with a port of BuildKit's own parser. Nothing is built."""

import contextlib
import copy
import fnmatch
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from posixpath import basename, join, normpath
from types import SimpleNamespace

from e2b_dockerfile_utils import DockerfileInstruction, ShellLex, parse_dockerfile_ast

from labs.checkpoints.reads.texts import written

#: What the image has to hold; beside it lies the list of packages, and nothing else that could be copied.
PROGRAMS, LIST = ("app.py", "classifier.py", "intake.py"), "requirements.txt"

#: What these import, with all that it brings along; a longer name does as well (`onnxruntime-gpu`).
PACKAGES = ("fastapi-offline", "onnxruntime", "pillow", "uvicorn")

#: A command's words, a line each, up to those that it installs.
_INSTALL = re.compile(r"(\w+=.*\n)*(\S*/)?(python[\d.]*\n-m\n|uv\n)?pip[\d.]*\n(-.*\n)*install\n")

#: What may stand before a server: it hands signals on.
_HANDS_ON = re.compile(r"-.*|\w+=.*|exec|env|run|tini|dumb-init|uv|python[\d.]*")


def dockerfile(path: Path) -> dict:
    """Return what a Dockerfile's last stage begins with, installs, copies, and starts as whom."""
    text, fault, image = written(path), "", _image("")
    try:
        image = _last_stage(text)
    except ValueError as error:
        fault = str(error)
    words = itertools.dropwhile(lambda word: _HANDS_ON.fullmatch(basename(word)), image.entrypoint + image.cmd)
    server, *options = [*words, ""]
    runs = options[:1] == ["run"] and {word for word in options if word.endswith(".py")} <= {"app.py"}
    is_cli, tag = basename(server) == "fastapi", basename(image.base)
    hosts = " ".join([*options, image.values.get("UVICORN_HOST", "")]).replace("=", " ").split()
    packages = [*PACKAGES, "fastapi[standard]"] if is_cli else PACKAGES
    return {
        "fault": fault,
        "base": image.base,
        "tagged": bool(re.search(r"(:.*\d|@sha256:)", tag)) and not tag.endswith(":latest"),
        "missing": " ".join(image.missing),
        "lacking": " ".join(one for one in packages if not any(name.startswith(one) for name in image.packages)),
        "absent": " ".join(
            name for name in PROGRAMS if not image.files & {(name, image.folder), (name, join(image.folder, name))}
        ),
        "cached": image.cached,
        "root": image.user.partition(":")[0] in ("root", "0"),
        "uvicorn": is_cli or basename(server) == "uvicorn",
        "starts": runs if is_cli else "app:app" in options,
        # `fastapi run` does so by itself, and uvicorn's variable says it as well as its option.
        "everywhere": is_cli or bool({"0.0.0.0", "::"}.intersection(hosts)),
    }


def _image(base: str) -> SimpleNamespace:
    """Return an image before its first instruction: ``files`` are names, each with the place that it was copied to."""
    made = SimpleNamespace(base=base, folder="/", user="root", values={}, files=set(), packages=set(), missing=[])
    made.cached, made.entrypoint, made.cmd = True, [], []
    return made


def _last_stage(text: str) -> SimpleNamespace:
    """Return the last stage; one that begins with an earlier one goes on where that ended."""
    image = before = _image("")
    stages: dict[str, SimpleNamespace] = {}
    tree = parse_dockerfile_ast(text)
    for step in tree.instructions:
        filled = ShellLex(tree.escape_token, env=(before if step.name == "FROM" else image).values).process_word
        words = step.args if step.name in ("RUN", "CMD", "ENTRYPOINT") else [filled(word) for word in step.args]
        match step.name, words:
            case "FROM", [base, *name]:
                image = copy.deepcopy(stages.get(base.lower(), _image(base)))
                stages[name[1].lower() if name[1:] else str(len(stages))] = image
            case "ARG", _:  # one that is named again has the value that it had before the first FROM
                pairs = [word.partition("=")[::2] for word in words]
                image.values |= {name: value or before.values.get(name, "") for name, value in pairs}
            case "ENV", _:
                image.values |= dict(zip(words[::3], words[1::3], strict=True))
            case "WORKDIR", [folder]:
                image.folder = normpath(join(image.folder, folder))
            case "USER", [user]:
                image.user = user
            case "COPY" | "ADD", [*sources, target]:
                origin = "".join(flag.removeprefix("--from=").lower() for flag in step.flags if "--from=" in flag)
                image.packages |= stages.get(origin, image).packages
                place = normpath(join(image.folder, target))
                for source in [] if origin else [normpath("/" + one.lstrip("/"))[1:] or "." for one in sources]:
                    names = [one for one in (*PROGRAMS, LIST) if source == "." or fnmatch.fnmatch(one, source)]
                    image.files |= {(name, place) for name in names}
                    image.missing += [] if names else [source]
            case "RUN", _:
                for command in _commands(step):
                    _install(image, command, " ".join(step.flags))
            case "CMD" | "ENTRYPOINT", _:
                command = next(_commands(step), [])
                hands_on = command == words or command[:1] == ["exec"]  # a shell gives way by `exec` alone
                setattr(image, step.name.lower(), command if hands_on else [])
    return image


def _install(image: SimpleNamespace, command: list[str], flags: str) -> None:
    """Take in what a command installs: names, or a list that was copied or is bound."""
    begin = _INSTALL.match("".join(f"{word}\n" for word in command))
    words = command[begin.group().count("\n") :] if begin else []
    is_there = LIST in flags or any(name == LIST for name, _ in image.files)
    lists = [word for option, word in itertools.pairwise(["", *words]) if option in ("-r", "--requirement")]
    image.packages |= {word.lower() for word in words if word not in lists}
    image.packages |= {*PACKAGES} if is_there and LIST in map(basename, lists) else set()
    image.packages |= {"uvicorn"} if any(word.startswith("fastapi[standard]") for word in words) else set()
    image.cached &= not words or not any(name in PROGRAMS for name, _ in image.files)


def _commands(step: DockerfileInstruction) -> Iterator[list[str]]:
    """Yield the words of each command, whichever form it is written in."""
    if step.json and step.args[1:2] != ["-c"]:
        yield step.args
        return
    script = " ".join(step.args[2:3] if step.json else step.args)
    if re.match(r"(\S*sh\s+)?<<", script):  # a here-document for a shell, and not for `cat`
        script = "".join(text.content for text in step.heredocs)
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line.partition("||")[0], posix=True, punctuation_chars=True)
        words.whitespace_split = True
        with contextlib.suppress(ValueError):  # of quotes that end on another line
            for is_between, command in itertools.groupby(words, lambda word: set(word) <= set("();<>|&")):
                if not is_between:
                    yield list(command)
