"""A Dockerfile followed without Docker, in a system that stands in for its image."""

import json
import shlex
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.emulation.system import System


@dataclass
class Image:
    """What a Dockerfile says of the containers that start from its image."""

    workdir: str = "/"
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Yield each instruction and its text; lines that a backslash continues are joined."""
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    text = ""
    for line in lines:
        if line.startswith("#"):
            continue
        text += line.removesuffix("\\")
        if text.strip() and not line.endswith("\\"):
            instruction, _, rest = text.partition(" ")
            yield instruction, rest.strip()
            text = ""


def follow(dockerfile: Path, system: System, context: Path) -> Image:
    """Follow a Dockerfile in a system, and return what its containers start with.

    ``context`` is the folder whose files COPY takes, after ``.dockerignore``. FROM is passed over:
    the system stands in for that image. Raises ValueError for an instruction that this cannot
    follow, and ``subprocess.CalledProcessError`` where a RUN fails.
    """
    image = Image()
    for instruction, text in instructions(dockerfile):
        match instruction:
            case "FROM" | "EXPOSE":
                pass
            case "WORKDIR":
                image.workdir = text
                system.path(text).mkdir(parents=True, exist_ok=True)
            case "COPY" if text == ". .":
                system.copy(context, image.workdir)
            case "ENV":
                image.environment |= _assignments(text, system.environment | image.environment)
            case "USER":
                image.user = text
            case "RUN":
                system.run("sh", "-c", text, cwd=image.workdir, environment=image.environment)
            case "CMD":
                image.command = json.loads(text)
            case _:
                raise ValueError(
                    f"{dockerfile.name} has an instruction unknown here: {instruction} {text}"
                )
    return image


def _assignments(text: str, environment: dict[str, str]) -> dict[str, str]:
    """Return the variables of an ENV instruction; ``${NAME}`` is what the name stood for before."""
    assignments = [word.partition("=") for word in shlex.split(text)]
    return {
        name: string.Template(value).safe_substitute(environment) for name, _, value in assignments
    }
