"""Facts about leased machines: submitted proofs, which replace guesses.

`msl lease proof PART` writes one (``provisioning.lab.proof``); the folder ``proofs/`` holds the
valid ones. A proof of a rehearsal shows that the procedure works, but nothing about a real machine,
so it never counts as seen.
"""

import json
import re
from collections import Counter
from functools import cache
from importlib import resources
from typing import Any

FOLDER = resources.files("labs").joinpath("sites", "proofs")

#: One machine, as it was seen during one lease. Facts are those of ``images.toml`` (system, driver,
#: firewall, …) with processor, memory and network; a step has its state, attempts, the seconds of
#: all of them, those that were expected, and its error; a job of the machine its exit code, seconds
#: and, unless it ended well, the last lines of its log. ``silent`` says why a machine could not be
#: asked.
FIELDS = [
    "rehearsed",
    "date",
    "part",
    "site",
    "type",
    "image",
    "state",
    "facts",
    "gpus",
    "versions",
    "lacks",
    "steps",
    "jobs",
    "silent",
    "refused",
    "deviations",
]

#: Text that no proof may contain: addresses of networks and people, folders of an account, keys,
#: identifiers and tokens.
SECRET = re.compile(
    r"\b\d{1,3}(\.\d{1,3}){3}\b|\b([0-9a-f]{1,4}:){3,}|[0-9a-f]::|::[0-9a-f]|[\w.+-]+@[\w-]+\.\w|https?://"
    r"|/(home|Users|root)\b|-----BEGIN|\bssh-(rsa|ed25519)|\b[0-9a-f]{8}-[0-9a-f]{4}-|\b[0-9a-f]{16,}\b|[\w+/=]{32,}",
    re.IGNORECASE,
)


def read(text: str) -> dict[str, Any]:
    """Return a proof.

    Raises:
        ValueError: it is no JSON, has other fields, or contains text that may name a person.
    """
    proof = json.loads(text)
    secret = SECRET.search(json.dumps(proof, ensure_ascii=False))
    if secret:
        raise ValueError(
            f"{secret[0]!r} looks like an address, a key or a person's folder: remove it"
        )
    if list(proof) != FIELDS:
        raise ValueError(f"a proof has the fields {', '.join(FIELDS)}, in this order")
    return proof


def seen(**where: str) -> dict[str, Any]:
    """Return the newest proof of a leased machine with these fields, such as site and type; empty
    before the first.

    One of a set-up that did not end is for people to read: its seconds and versions are not those
    of a machine in use.
    """
    leased = [proof for proof in _proofs() if not proof["rehearsed"] and proof["state"] == "done"]
    fitting = [proof for proof in leased if where.items() <= proof.items()]
    return max(fitting, key=lambda proof: proof["date"], default={})


def standing(proof: dict[str, Any]) -> str:
    """Return whether a machine of the kind was seen: ``seen on 2026-12-03``, or ``not run yet``."""
    return f"seen on {proof['date']}" if proof else "not run yet"


def hardware(proof: dict[str, Any]) -> str:
    """Return a proof's GPUs, counted, and its processor, in words."""
    counts = Counter(proof["gpus"])
    parts = [f"{count} x {gpu}" for gpu, count in counts.items()]
    return ", ".join([*parts, proof["facts"]["processor"]])


@cache
def _proofs() -> list[dict[str, Any]]:
    paths = [path for path in FOLDER.iterdir() if path.name.endswith(".json")]
    return [read(path.read_text(encoding="utf-8")) for path in paths]
