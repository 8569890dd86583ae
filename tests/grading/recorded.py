"""Recorded ledgers by part, of the course's earlier version; the tests use their measurements."""

import gzip
import json
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"

#: Recordings by part; ``fixtures/README.md`` says how each was made.
WHOLE = {0: "rehearsal-part-0", 1: "epyc-two-cores", 2: "two-cores-part-2", 3: "two-cores-part-3"}

#: The option that part 1's recommendation chooses, and its file.
CHOICE = "int8-pruned"
MODEL = FIXTURES / "chosen.onnx"

#: Parts that are handed in.
RECORDED = (1, 2, 3)

Entries = list[dict]


def recorded(part: int) -> Entries:
    """Return the recorded entries of a part, new at each call."""
    text = gzip.decompress((FIXTURES / f"{WHOLE[part]}.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


def written(entries: Entries) -> str:
    return "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)
