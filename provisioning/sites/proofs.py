"""What leased machines were seen to be: proofs that were sent in, which take the place of what was guessed.

`msl lease proof PART` writes one (``provisioning.lab.proof``); the folder ``proofs/`` holds those that
count. One from a rehearsal shows that the way works, and nothing about a machine: it never counts as seen.
"""

import datetime
import re
from collections import Counter
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

FOLDER = resources.files("provisioning").joinpath("sites", "proofs")

#: What may stand in no proof: addresses of networks and people, folders of an account, keys, identifiers and tokens.
SECRET = re.compile(
    r"\b\d{1,3}(\.\d{1,3}){3}\b|\b([0-9a-f]{1,4}:){3,}|[0-9a-f]::|::[0-9a-f]|[\w.+-]+@[\w-]+\.\w|https?://"
    r"|/(home|Users|root)\b|-----BEGIN|\bssh-(rsa|ed25519)|\b[0-9a-f]{8}-[0-9a-f]{4}-|\b[0-9a-f]{16,}\b|[\w+/=]{32,}",
    re.IGNORECASE,
)


def _harmless(text: str) -> str:
    if found := SECRET.search(text):
        raise ValueError(f"{found[0]!r} looks like an address, a key or somebody's folder: take it out")
    return text


Text = Annotated[str, Field(max_length=300), AfterValidator(_harmless)]
Texts = tuple[Text, ...]


class Proof(BaseModel, extra="forbid", frozen=True):
    """One machine, as it was seen during one lease; the image is named as in ``images.toml``."""

    rehearsed: bool
    date: datetime.date
    part: Text
    site: Text
    type: Text
    image: Text
    #: As ``images.toml`` has them (system, driver, disk, firewall), with processor, kernel, memory and network.
    facts: dict[Text, Text]
    #: Name, compute capability and memory of each.
    gpus: Texts
    #: Of Ubuntu's packages, and of what the set-up installed.
    versions: dict[Text, Text]
    #: Commands that the image was said to bring.
    lacks: Texts
    #: Of each step of the set-up: attempts, the seconds of all of them, and those that were expected.
    steps: dict[Text, dict[Text, float]]
    #: Machines that the site refused, and when.
    refused: Texts
    #: From ``images.toml`` and from the site's file.
    deviations: Texts

    @property
    def hardware(self) -> str:
        """GPUs, counted, and the processor, in words."""
        counted = [f"{count} x {gpu}" for gpu, count in Counter(self.gpus).items()]
        return ", ".join([*counted, self.facts.get("processor", "a processor")])


def seen(**where: str) -> Proof | None:
    """Return the newest proof of a leased machine with these fields, such as site and type; None before the first."""
    fits = [each for each in _proofs() if all(getattr(each, name) == value for name, value in where.items())]
    return max(fits, key=lambda each: each.date, default=None)


def standing(proof: Proof | None) -> str:
    """Return whether a machine of the kind was seen: ``seen on 2026-12-03``, or ``not run yet``."""
    return f"seen on {proof.date}" if proof else "not run yet"


@cache
def _proofs() -> tuple[Proof, ...]:
    files = [path for path in FOLDER.iterdir() if path.name.endswith(".json")]
    proofs = (Proof.model_validate_json(path.read_text(encoding="utf-8")) for path in files)
    return tuple(proof for proof in proofs if not proof.rehearsed)
