"""What leased machines were seen to be: proofs that were sent in, which take the place of what was guessed.

`msl lease proof PART` writes one (``provisioning.lab.proof``); the folder ``proofs/`` holds those that count. One of a
rehearsal shows that the way works, and nothing about a machine: it never counts as seen.
"""

import json
import re
from collections import Counter
from functools import cache
from importlib import resources
from typing import Any

FOLDER = resources.files("provisioning").joinpath("sites", "proofs")

#: One machine, as it was seen during one lease. Facts are those of ``images.toml`` (system, driver, firewall, …) with
#: processor, memory and network; a step has attempts, the seconds of all of them, and those that were expected.
FIELDS = (
    "rehearsed date part site type image facts gpus versions lacks steps refused deviations".split()
)

#: What may stand in no proof: addresses of networks and people, folders of an account, keys, identifiers and tokens.
SECRET = re.compile(
    r"\b\d{1,3}(\.\d{1,3}){3}\b|\b([0-9a-f]{1,4}:){3,}|[0-9a-f]::|::[0-9a-f]|[\w.+-]+@[\w-]+\.\w|https?://"
    r"|/(home|Users|root)\b|-----BEGIN|\bssh-(rsa|ed25519)|\b[0-9a-f]{8}-[0-9a-f]{4}-|\b[0-9a-f]{16,}\b|[\w+/=]{32,}",
    re.IGNORECASE,
)


def read(text: str) -> dict[str, Any]:
    """Return a proof.

    Raises:
        ValueError: it is no JSON, has other fields, or holds what may name somebody.
    """
    proof = json.loads(text)
    if found := SECRET.search(json.dumps(proof, ensure_ascii=False)):
        raise ValueError(
            f"{found[0]!r} looks like an address, a key or somebody's folder: take it out"
        )
    if list(proof) != FIELDS:
        raise ValueError(f"a proof has the fields {', '.join(FIELDS)}, in this order")
    return proof


def seen(**where: str) -> dict[str, Any]:
    """Return the newest proof of a leased machine with these fields, such as site and type; empty before the first."""
    fits = [
        proof for proof in _proofs() if where.items() <= proof.items() and not proof["rehearsed"]
    ]
    return max(fits, key=lambda proof: proof["date"], default={})


def standing(proof: dict[str, Any]) -> str:
    """Return whether a machine of the kind was seen: ``seen on 2026-12-03``, or ``not run yet``."""
    return f"seen on {proof['date']}" if proof else "not run yet"


def hardware(proof: dict[str, Any]) -> str:
    """Return a proof's GPUs, counted, and its processor, in words."""
    counted = [f"{count} x {gpu}" for gpu, count in Counter(proof["gpus"]).items()]
    return ", ".join([*counted, proof["facts"]["processor"]])


@cache
def _proofs() -> list[dict[str, Any]]:
    return [
        read(path.read_text(encoding="utf-8"))
        for path in FOLDER.iterdir()
        if path.name.endswith(".json")
    ]
