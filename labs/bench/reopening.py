"""The native object behind a record, opened again from the very file and with the very settings that were measured."""

from __future__ import annotations

from pathlib import Path

from labs.bench.targets import describe, model_file
from labs.records import Measurement
from labs.runtimes import open_model


def reopen(record: Measurement, folder: str | Path) -> object:
    """Return the native object that a record was measured with, from a folder that holds its file.

    Args:
        record: Any measurement of the option.
        folder: Where the file lies; it must be the very file, by its hash.

    Raises:
        FileNotFoundError: The folder has no file of this name and content.
        RuntimeUnavailableError: This environment cannot run it.
        ValueError: The record does not say how it was opened, as those of earlier versions do not.
    """
    if not record.settings:
        raise ValueError(f"the record of {record.option} does not say how it was opened: measure it again")
    path = Path(folder) / record.model.name
    if not path.is_file() or model_file(path).sha256 != record.model.sha256:
        raise FileNotFoundError(
            f"{path} is not there or is not the file that {record.option} was measured with: run its lesson again"
        )
    made = open_model(path, record.backend, record.settings)
    # Some providers do not give back the options that they were opened with, so what the record says of them counts.
    describe(made, model_path=path, settings=record.settings)
    return made
