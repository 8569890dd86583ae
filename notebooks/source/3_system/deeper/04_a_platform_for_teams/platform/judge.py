"""A router of Ray Serve: how it shares requests, and whether it really asked the version that it
names.
"""

import hmac
import secrets
from typing import Any

from labs.judge.drawn import dice
from labs.judge.program import Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, content_of, noting

_REQUESTS, _SHARE, _CLASSES = 60, 0.3, 11

#: Requests at each of the shares that follow without a restart.
_AFTERWARDS = 20

#: The longest pattern of requests that is looked for.
_LONGEST_PERIOD = 20

_REPLY = {"class": object, "version": object, "complaint": str}


def router(handed: Handed, start: Start = at_home) -> dict:
    """Return of sixty requests how many were answered, by which version as they say, and by which
    in truth; and how many went to the canary after its share became 1, and 0.

    The program's ``build`` binds a router to two versions.
    """
    key, asked = secrets.token_bytes(16), []

    def class_of(image: str) -> int:
        return hmac.digest(key, image.encode(errors="replace"), "sha256")[0] % _CLASSES

    def answer(version: str, image: str) -> int:
        asked.append((version.lower(), image))
        return class_of(image)

    facts: dict[str, Any] = {
        "answered": 0,
        "named": 0,
        "canary": 0,
        "by_chance": False,
        "all": 0,
        "none": _AFTERWARDS,
        "asked": 0,
        "right": False,
        "said": "",
    }
    outside = {"version": Outside({"version": str, "image": str}, answer)}
    with (
        noting(facts),
        Program(
            "labs.deeper.platform.inside:router",
            content_of(handed, "canary.py"),
            outside,
            start,
        ) as program,
    ):
        facts["said"], right = program.ask(_REPLY, share=_SHARE)["complaint"], 0
        versions = []
        for image in map(str, dice().integers(1 << 60, size=_REQUESTS)):
            before = len(asked)
            reply = program.ask(_REPLY, image=image)
            version = reply["version"]
            versions.append(version)
            facts["said"] = facts["said"] or reply["complaint"]
            facts["answered"] += reply["class"] is not None
            facts["named"] += version in ("stable", "canary")
            facts["canary"] += version == "canary"
            facts["asked"] += [name for name, _ in asked[before:]] == [version]
            right += reply["class"] == class_of(image)
        facts["right"] = right == _REQUESTS
        facts["by_chance"] = not _repeats(versions)
        facts["all"] = _canaries(program, 1.0)
        facts["none"] = _canaries(program, 0.0)
    return facts


def _canaries(program: Program, share: float) -> int:
    """Return how many of some requests go to the canary after its share was changed."""
    program.ask(_REPLY, share=share)
    versions = [program.ask(_REPLY, image="photo")["version"] for _ in range(_AFTERWARDS)]
    return versions.count("canary")


def _repeats(versions: list) -> bool:
    """Return whether a short pattern of versions comes again and again."""
    periods = range(1, _LONGEST_PERIOD + 1)
    return any(versions[period:] == versions[:-period] for period in periods)
