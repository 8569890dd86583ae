"""What leased machines were seen to be: proofs that were sent in, which take the place of what was guessed.

`msl lease proof PART` writes one (``provisioning.lab.proof``); the folder ``proofs/`` holds those that
the course goes by. One from a rehearsal shows that the way works, and nothing about a machine: it never counts as seen.
"""

import datetime
import re
from collections import Counter
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

FOLDER = resources.files("provisioning").joinpath("sites", "proofs")

#: What may stand in no proof: addresses of networks and people, folders of an account, keys, identifiers and tokens.
SECRET = re.compile(
    r"\b\d{1,3}(\.\d{1,3}){3}\b|\b([0-9a-f]{1,4}:){3,}|[0-9a-f]::|::[0-9a-f]|[\w.+-]+@[\w-]+\.\w|https?://"
    r"|/(home|Users|root)\b|-----BEGIN|\bssh-(rsa|ed25519)|\b[0-9a-f]{8}-[0-9a-f]{4}-|\b[0-9a-f]{16,}\b|[\w+/=]{32,}",
    re.IGNORECASE,
)


def _open(text: str) -> str:
    if found := SECRET.search(text):
        raise ValueError(f"{found[0]!r} looks like an address, a key or somebody's folder: take it out")
    return text


Text = Annotated[str, Field(max_length=300), AfterValidator(_open)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StepTime(_Table):
    """How long one step of the set-up took."""

    state: Text
    attempts: int
    #: Seconds of all its attempts.
    spent_s: float
    #: Seconds that were expected of it.
    usual_s: float


class Proof(_Table):
    """One machine, as it was seen during one lease."""

    rehearsed: bool
    #: The day on which it was seen, UTC.
    date: datetime.date
    part: Text
    site: Text
    type: Text
    #: By its name in ``images.toml``.
    image: Text
    #: As ``images.toml`` has them (system, driver, disk, firewall), with processor, kernel, memory and network.
    facts: dict[Text, Text]
    #: Name, compute capability and memory of each GPU.
    gpus: tuple[Text, ...]
    #: Versions of Ubuntu's packages that the image was said to bring, and of what the set-up installed.
    packages: dict[Text, Text]
    versions: dict[Text, Text]
    #: Commands that the image was said to bring, and that are not there.
    lacks: tuple[Text, ...]
    steps: dict[Text, StepTime]
    #: Machines that the site refused, and when.
    refused: tuple[Text, ...]
    #: Where the machine differs from ``images.toml`` and from the site's file.
    deviations: tuple[Text, ...]

    @property
    def hardware(self) -> str:
        """GPUs, counted, and the processor, in words."""
        counted = [f"{count} x {gpu}" for gpu, count in Counter(self.gpus).items()]
        return ", ".join(filter(None, [*counted, self.facts.get("processor")]))


def seen(**where: str) -> Proof | None:
    """Return the newest proof of a leased machine with these fields, such as site and type; None before the first."""
    fits = [each for each in _proofs() if all(getattr(each, name) == value for name, value in where.items())]
    return max(fits, key=lambda each: each.date, default=None)


def standing(proof: Proof | None) -> str:
    """Return whether a machine of the kind was seen: ``seen on 2026-12-03``, or ``not run yet``."""
    return f"seen on {proof.date}" if proof else "not run yet"


@cache
def _proofs() -> tuple[Proof, ...]:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.iterdir() if path.name.endswith(".json")]
    return tuple(proof for proof in map(Proof.model_validate_json, texts) if not proof.rehearsed)
