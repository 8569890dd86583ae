"""What has been done so far, in one small file that survives the kernel: written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import platformdirs

StepState = Literal["waiting", "running", "done", "failed", "cancelled"]
FORMAT = 1


@dataclass
class StepRecord:
    """The recorded state of one step."""

    state: StepState = "waiting"
    #: How often it was begun.
    attempts: int = 0
    #: Seconds of its last finished attempt.
    elapsed_s: float = 0.0
    #: Message of the last failure; empty after a success.
    error: str = ""
    #: Identifiers and addresses that later steps, and the release, need.
    facts: dict[str, Any] = field(default_factory=dict)


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where state files live: ``$LABS_STATE``, or Chameleon's lasting ``~/work``, or the user's state folder.

    On Chameleon's Jupyter only ``~/work`` outlives the server.
    """
    if chosen := environ.get("LABS_STATE"):
        return Path(chosen)
    work = Path.home() / "work"
    if work.is_dir() and "NB_USER" in environ:
        return work / ".serving-labs"
    return Path(platformdirs.user_state_dir("model-serving-labs"))


class StateFile:
    """The record of one provisioning: steps with their facts, in JSON, safe against a killed kernel.

    Args:
        path: the file; its folder is made when needed. It may hold a Jupyter token, so only the owner can read it.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._steps: dict[str, StepRecord] = {}
        self._about: dict[str, Any] = {}
        if path.exists():
            self._read()

    @classmethod
    def for_name(cls, name: str, folder: Path | None = None) -> StateFile:
        """Return the state file of the resources that carry this name."""
        return cls((folder or state_folder()) / f"{name}.json")

    def step(self, name: str) -> StepRecord:
        """Return a copy of the step's record; a fresh one when nothing was recorded."""
        with self._lock:
            record = self._steps.get(name, StepRecord())
            return StepRecord(**{**asdict(record)})

    def steps(self) -> dict[str, StepRecord]:
        """Return a copy of every step's record, by name, in the order in which they were begun."""
        return {name: self.step(name) for name in tuple(self._steps)}

    def facts(self, name: str) -> dict[str, Any]:
        """Return a copy of what the step remembered."""
        return self.step(name).facts

    @property
    def about(self) -> dict[str, Any]:
        """What the whole provisioning is: part, site, node type."""
        return dict(self._about)

    def describe(self, **about: Any) -> None:
        """Write what this provisioning is. Another site or machine starts a new record: old facts would mislead."""
        with self._lock:
            if self._about and self._about != about:
                self._steps.clear()
            self._about = about
            self._write()

    def update(self, name: str, *, remember: Mapping[str, Any] | None = None, **changes: Any) -> StepRecord:
        """Write changed fields and new facts of a step before returning."""
        with self._lock:
            record = self._steps.setdefault(name, StepRecord())
            for key, value in changes.items():
                setattr(record, key, value)
            record.facts.update(remember or {})
            self._write()
            return record

    def clear(self) -> None:
        """Forget everything, after a release."""
        with self._lock:
            self._steps.clear()
            self._about = {}
            self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']}")
            self._steps = {name: StepRecord(**record) for name, record in document["steps"].items()}
            self._about = document["about"]
        except (ValueError, KeyError, TypeError, AttributeError):
            # Never lose work to an unreadable record: every step looks at the testbed first, so an empty record only
            # costs a few requests. The old file stays beside it for whoever wants to know.
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            self.path.replace(self.path.with_suffix(f".unreadable-{stamp}.json"))

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "format": FORMAT,
            "about": self._about,
            "steps": {name: asdict(record) for name, record in self._steps.items()},
        }
        # mkstemp makes the file readable by its owner only; replacing is atomic on one file system.
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(document, stream, indent=2, sort_keys=True)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
