"""A model repository on disk: written whole, changed one configuration at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from labs.serve.triton.catalogue import ModelFolder

#: The only version that the course serves of a model.
VERSION = "1"

#: File that marks a model's folder as one that was written here, and that may be written anew.
MARK = ".written-by-the-course"


class ModelRepository:
    """A folder with one folder a model, as Triton reads it."""

    def __init__(self, folder: str | Path) -> None:
        """Use a folder; nothing is written yet."""
        self.folder = Path(folder)

    def write(self, models: Iterable[ModelFolder]) -> None:
        """Write models, each in place of what was written here under its name before.

        Raises:
            FileNotFoundError: A model's file is missing; the lesson that makes it has not been run.
            FileExistsError: Somebody else made a folder of that name; nothing is written then.
        """
        models = list(models)
        for model in models:
            missing = [path for path in model.files.values() if not path.is_file()]
            if missing:
                raise FileNotFoundError(f"{model.name} needs {missing[0]}: run the lesson that makes it first")
            self._require_own(model.name)
        for model in models:
            target = self._emptied(model.name)
            # Triton wants a version folder of an ensemble too, and git or a copy loses it while it is empty.
            (target / VERSION).mkdir()
            for place, source in model.files.items():
                (target / VERSION / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target / VERSION / place)
            self.write_config(model.name, model.config)

    def copy(self, other: ModelRepository) -> None:
        """Copy another repository's models, each in place of what was written here under its name before.

        Raises:
            FileExistsError: Somebody else made a folder of that name here; nothing is copied then.
        """
        for name in other.names():
            self._require_own(name)
        for name in other.names():
            shutil.copytree(other.folder / name, self._emptied(name), dirs_exist_ok=True)

    def _require_own(self, name: str) -> None:
        target = self.folder / name
        if target.exists() and not (target / MARK).is_file():
            raise FileExistsError(
                f"{target} was not made by the course, and stays as it is: name another repository, or serve this one "
                "as it lies there: labs.serve.triton.opening.serve"
            )

    def _emptied(self, name: str) -> Path:
        target = self.folder / name
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        (target / MARK).touch()
        return target

    def names(self) -> list[str]:
        """Return the models' names, ensembles last: they need the others."""
        found = [path.parent.name for path in self.folder.glob("*/config.pbtxt")]
        return sorted(found, key=lambda name: ('platform: "ensemble"' in self.config(name), name))

    def config(self, name: str) -> str:
        """Return the text of a model's configuration.

        Raises:
            FileNotFoundError: There is no such model.
        """
        path = self.folder / name / "config.pbtxt"
        if not path.is_file():
            raise FileNotFoundError(f"no model {name!r} in {self.folder}; it has {', '.join(self.names()) or 'none'}")
        return path.read_text(encoding="utf-8")

    def write_config(self, name: str, text: str) -> None:
        """Replace a configuration in one step: a server that reads at this moment sees the old or the new one."""
        path = self.folder / name / "config.pbtxt"
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
