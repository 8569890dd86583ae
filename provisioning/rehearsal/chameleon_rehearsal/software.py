"""The software of machines: the commands of each image, and of each package.

`software.json` beside this file has Chameleon's Ubuntu images in short. Callers who know more about
an image can give a table, which is then kept in the rehearsal's folder.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict

_FILE = "software.json"
_SHIPPED = Path(__file__).with_name(_FILE)


class Image(TypedDict, total=False):
    """An image: its commands, beside those of the image that it extends."""

    extends: str
    commands: Sequence[str]


@dataclass(frozen=True)
class Software:
    """The software of machines, by image and by package."""

    #: By name, without registry and tag. There must be `ubuntu`, which stands for any container
    #: that is not listed, and `CC-Ubuntu24.04`, for any image of Chameleon's.
    images: Mapping[str, Image]
    #: Commands by Ubuntu package; a name may end in `*`. An unlisted package has a command of the
    #: same name.
    packages: Mapping[str, Sequence[str]]
    #: Names of this computer's variables that a machine's commands see.
    variables: Sequence[str] = ()

    @classmethod
    def read(cls, file: Path = _SHIPPED) -> "Software":
        """Return a file's table, by default the shipped one's."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def commands(self, image: str) -> frozenset[str]:
        """Return the commands of an image, such as `quay.io/jupyter/minimal-notebook:latest`."""
        name = image.rpartition("/")[2].partition(":")[0]
        if name not in self.images:
            name = "CC-Ubuntu24.04" if name.startswith("CC-") else "ubuntu"
        entry = self.images[name]
        own = frozenset(entry.get("commands", ()))
        return own | self.commands(entry["extends"]) if "extends" in entry else own

    def write(self, home: Path) -> None:
        """Let the machines of a rehearsal have this from its next start on."""
        (home / _FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")


def file_of(home: Path) -> Path:
    """Return the file that says what the machines of a rehearsal have."""
    own = home / _FILE
    return own if own.exists() else _SHIPPED
