"""An ASGI app before a fixed number of workers: the photos that it computes at once, and its other
answers during that time.
"""

from labs.judge.drawn import as_text, dice
from labs.judge.program import HeldValue, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

_REPLY = {"status": int, "body": str}

#: The contents of the given file for a service that is well, and for one that is full.
_HEALTHY, _FULL = {"status": "ok"}, {"detail": "too many photos are waiting"}

#: Of bodies that ``answer`` refuses, or on which it raises an exception: how they begin, and the
#: status.
_STATUSES = {"no photo": 422, "fault": 500}


class _Workers:
    """The function that answers a photo's request; it may keep its answers back."""

    def __init__(self) -> None:
        random = dice()
        self.workers, self.may_wait = (
            int(random.integers(2, 5)),
            int(random.integers(3, 7)),
        )
        self.holds, self.running, self.most = False, 0, 0

    def outside(self) -> dict[str, Outside]:
        return {
            "sizes": Outside({}, lambda: [self.workers, self.may_wait]),
            "answer": Outside({"body": str}, self._answer),
        }

    def _answer(self, body: str) -> object:
        self.running += self.holds
        self.most = max(self.most, self.running)
        statuses = [
            status for start, status in _STATUSES.items() if body.startswith(start)
        ]
        answer = [*statuses, 200][0], f"answer to {body}"
        return HeldValue(answer) if self.holds else answer


def app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``app`` of an ``app.py`` does with more photos than its workers can compute."""
    outside = _Workers()
    facts = {
        "photo": 0,
        "right": False,
        "refused": 0,
        "other_path": False,
        "alive": False,
        "healthy": "nothing",
        "at_once": 0,
        "full": 0,
        "full_body": "nothing",
        "answered": 0,
        "again": 0,
        "after_faults": 0,
    }
    facts |= {"workers": outside.workers, "asked": outside.workers + outside.may_wait}
    with (
        noting(facts),
        Program(
            "labs.deeper.whole.inside:workers",
            content_of(handed, "app.py"),
            outside.outside(),
            start,
        ) as program,
    ):
        number = str(dice().integers(1 << 60))
        reply = program.reply(_post(program, number), _REPLY)
        facts |= {
            "photo": reply["status"],
            "right": reply["body"] == f"answer to {number}",
        }
        facts["refused"] = program.reply(_post(program, f"no photo {number}"), _REPLY)[
            "status"
        ]
        reply = program.reply(_post(program, number, "/photos"), _REPLY)
        facts["other_path"] = reply["body"] == f"answer to {number}"
        _fill(program, outside, facts)
        facts["again"] = program.reply(_post(program, number), _REPLY)["status"]
        for _ in range(outside.workers + outside.may_wait):
            program.reply(_post(program, "fault"), _REPLY)
        reply = program.reply(_post(program, number), _REPLY)
        facts["after_faults"] = reply["status"]
    return facts


def _post(program: Program, body: str, path: str = "/predict") -> int:
    return program.begin(method="POST", path=path, body=as_text(body.encode()))


def _shown(body: str, expected: dict) -> str:
    """Return a content that is not the expected one; an empty text if it is."""
    return "" if as_json(body) == expected else body[:80] or "nothing"


def _fill(program: Program, outside: _Workers, facts: dict) -> None:
    """Send the allowed number of photos, then one more; ask for ``/healthz`` while all workers are
    held.
    """
    outside.holds = True
    asked = [
        _post(program, f"photo {number}")
        for number in range(outside.workers + outside.may_wait)
    ]
    try:
        program.until(lambda: outside.running >= outside.workers, 2)
    except Lost:  # fewer run at once
        facts["at_once"] = outside.running
    try:
        health = program.reply(program.begin(method="GET", path="/healthz"), _REPLY, 2)
        facts["alive"] = health["status"] == 200
        facts["healthy"] = _shown(health["body"], _HEALTHY)
        if facts["alive"]:  # else the next one would only wait as well
            refusal = program.reply(_post(program, "one too many"), _REPLY, 2)
            facts["full"] = refusal["status"]
            facts["full_body"] = _shown(refusal["body"], _FULL)
    except Lost:  # it waits, too
        pass
    facts["at_once"] = outside.most
    outside.holds = False
    program.release()
    for place, number in enumerate(asked):
        reply = program.reply(number, _REPLY)
        is_right = reply["body"] == f"answer to photo {place}"
        facts["answered"] += reply["status"] == 200 and is_right
