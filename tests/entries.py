"""Ledger entries as plain JSON; a test gives only the fields that matter to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from labs.records import Records

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


_MACHINE = {
    "cpu_model": "a processor",
    "architecture": "x86_64",
    "cpu_flags": [],
    "cpu_count": 2,
    "memory_bytes": 1 << 33,
    "system": "Linux",
    "python": "3.11",
    "gpus": [],
    "testbed": {},
    "emulator": "",
}
_MODEL = {"name": "model.onnx", "sha256": "0" * 64, "size_bytes": 9_000_000}


def completed(**fields: object) -> dict:
    """Return a measurement as plain JSON of which only some fields are told."""
    if fields.get("kind") == "load":
        samples = fields["samples"]
        load = {
            "mode": "closed",
            "target": "POST /predict",
            "duration_s": 1.0,
            "offsets_s": [0.0] * len(samples),
        }
        load |= fields.get("load", {})
        if load.get("server"):
            zeros = dict.fromkeys(("queue_s", "input_s", "infer_s", "output_s"), 0.0)
            load["server"] = {"requests": len(samples), "executions": 0, **zeros, **load["server"]}
        fields["load"] = load
    return {
        "type": "measurement",
        "kind": "latency",
        "option": "x",
        "samples": [0.01] * 100,
        "batch_size": 1,
        "backend": "onnxruntime",
        "provider_requested": "CPUExecutionProvider",
        "providers_used": {},
        "precision": "fp32",
        "threads": {"intra_op": 0, "inter_op": 0},
        "warmup_count": 5,
        "warmup_settled": True,
        "started_at": _EPOCH.isoformat(),
        "monotonic_start_s": 0.0,
        "monotonic_end_s": 1.0,
        "libraries": {},
        "code_version": "1",
        "details": {},
        "record_id": "0" * 32,
        **fields,
        "machine": {**_MACHINE, **fields.get("machine", {})},
        "model": {**_MODEL, **fields.get("model", {})},
    }


class Entries(list):
    """A ledger's entries as plain JSON, each a minute after the one before."""

    @property
    def records(self) -> Records:
        """The entries as judges get them."""
        return Records.from_json(self)

    @property
    def text(self) -> str:
        """The ledger's file, with all that the schema asks for."""
        return "".join(json.dumps(entry) + "\n" for entry in self.records.to_json())

    def _next(self, moment: str) -> dict:
        """Return the time of the next entry, and a new id."""
        written_at = (_EPOCH + timedelta(minutes=len(self))).isoformat()
        return {moment: written_at, "record_id": f"{len(self) + 1:032x}"}

    def measured(
        self, kind: str, option: str, samples: Sequence[float], **fields: object
    ) -> Entries:
        """Append a measurement; fields that are not given have a plain value."""
        complete = {
            "kind": kind,
            "option": option,
            "samples": list(samples),
            **self._next("started_at"),
            **fields,
        }
        self.append(completed(**complete))
        return self

    def in_full(
        self,
        option: str,
        p50_s: float,
        right: int,
        fps: float,
        size_bytes: float,
        photos: int = 100,
        **fields: object,
    ) -> Entries:
        """Append an option's size, its answers with a share of right ones, its latencies and
        batches; its file differs from every other option's.
        """
        sha256 = hashlib.sha256(option.encode()).hexdigest()
        file = {"name": f"{option}.onnx", "sha256": sha256, "size_bytes": round(size_bytes)}
        fields = {"model": file, **fields}
        self.measured("size", option, [size_bytes], **fields)
        self.measured(
            "accuracy", option, [int(place % 100 < right) for place in range(photos)], **fields
        )
        self.measured("latency", option, [p50_s] * 40, **fields)
        return self.measured("throughput", option, [32 / fps] * 40, batch_size=32, **fields)

    def answered(self, question: str, value: object) -> Entries:
        """Append an answer."""
        self.append(
            {"type": "answer", "question": question, "value": value, **self._next("made_at")}
        )
        return self

    def observed(self, subject: str, seen: dict) -> Entries:
        """Append an observation."""
        self.append(
            {"type": "observation", "subject": subject, "seen": seen, **self._next("made_at")}
        )
        return self

    def predicted(self, question: str, value: object) -> Entries:
        """Append a prediction."""
        self.append(
            {"type": "prediction", "question": question, "value": value, **self._next("made_at")}
        )
        return self
