"""A set-up's notes about each step, in one small file that survives the kernel and is written
atomically.

No step depends on it: every step looks at the site and at the machine first. It holds facts that
neither of them knows: the number of a step's runs, the files that were equal on both sides after a
transfer, and the lease's end, for students who are offline.
"""

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import platformdirs

StepState = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass
class StepRecord:
    """The notes about one step."""

    state: StepState = "waiting"
    attempts: int = 0
    #: Seconds of its last attempt.
    elapsed_s: float = 0.0
    #: Seconds of all its attempts on this lease: one that only looks again is short.
    spent_s: float = 0.0
    #: Message of the last failure; empty after a success.
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where records live: ``$LABS_STATE``, or Chameleon's lasting ``~/work``, or the user's
    state folder.

    On Chameleon's Jupyter only ``~/work`` outlives the server.
    """
    if chosen := environ.get("LABS_STATE"):
        return Path(chosen)
    work = Path.home() / "work"
    if work.is_dir() and "NB_USER" in environ:
        return work / ".serving-labs"
    return Path(platformdirs.user_state_dir("model-serving-labs"))


class Record:
    """The record of one set-up, in JSON; changes by other processes are visible at once.

    It holds a link with a token: only the owner can read it.
    """

    #: Steps run side by side, and a countdown beside them pulls.
    _lock = threading.RLock()

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def for_name(cls, name: str) -> "Record":
        """Return the record of the resources that carry this name."""
        return cls(state_folder() / f"{name}.json")

    @property
    def about(self) -> dict[str, Any]:
        """The machine to set up: part, site, node type; empty before anything is."""
        return self._read()[0]

    def steps(self) -> dict[str, StepRecord]:
        """Return every step's record by name, in the order in which they were begun."""
        return self._read()[1]

    def step(self, name: str) -> StepRecord:
        """Return the step's record; a fresh one when nothing was noted."""
        return self.steps().get(name, StepRecord())

    def facts(self, name: str) -> dict[str, Any]:
        """Return what the step found or made."""
        return self.step(name).facts

    def describe(self, **about: Any) -> None:
        """Write what is set up. Another site or machine begins a new record: old facts would
        mislead.
        """
        with self._lock:
            before, steps = self._read()
            self._write(about, steps if before in ({}, about) else {})

    def update(
        self, name: str, *, remember: Mapping[str, Any] | None = None, **changes: Any
    ) -> None:
        """Write changed fields and new facts of a step before returning."""
        with self._lock:
            about, steps = self._read()
            record = steps.setdefault(name, StepRecord())
            new_facts = remember or {}
            lease_before = record.facts.get("lease_id")
            if new_facts.get("lease_id", lease_before) != lease_before:
                for each in steps.values():
                    each.spent_s = 0.0
            record.spent_s += changes.get("elapsed_s", 0.0)
            for key, value in changes.items():
                setattr(record, key, value)
            record.facts.update(new_facts)
            self._write(about, steps)

    def clear(self) -> None:
        """Forget everything, after a release."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, Any], dict[str, StepRecord]]:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            records = document["steps"].items()
            return document["about"], {name: StepRecord(**record) for name, record in records}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}, {}  # missing, or of another version: an empty one costs a few requests

    def _write(self, about: Mapping[str, Any], steps: Mapping[str, StepRecord]) -> None:
        records = {name: asdict(record) for name, record in steps.items()}
        text = json.dumps({"about": about, "steps": records})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file readable by its owner only; replacing is atomic on one file system.
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(self.path)
