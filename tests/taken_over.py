"""A program that controls its asker: any reply to a judge is possible, but must not earn points."""

import contextlib
import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from labs.judge import program
from labs.judge.program import Program

#: Arguments of the right form that no honest program would give.
GIVEN = {
    "rows": [[], [[]], [[0] * 192], [[1e308] * 192]],
    "at": [[], [0], [0, 0], [-1, 0], [1 << 50, 0]],
    "name": ["a", "b", "c", "d", ""],
    "block": [[], [0, 0, 0], [-1]],
    "value": [1e308, -1],
    "thread": [-1, 0, 1 << 50],
    "line": [0],
    "threads": [-1],
    "prompt": ["\ud800"],
    "version": ["\ud800", "canary"],
    "image": ["\ud800", "1"],
}


def line(**message: object) -> bytes:
    """Return a message as it goes through the pipe."""
    return json.dumps(message).encode() + b"\n"


UP = line(hello="") + line(ready="")


def saying(first: bytes, answer: Callable[[dict], bytes] | None = None) -> program.Start:
    """Return a start of a process that writes a text, and then answers each request; without an
    answer, it ends.
    """

    @contextlib.contextmanager
    def start(kind: str, content: bytes) -> Iterator[SimpleNamespace]:
        (asked, ask), (answers, say) = os.pipe(), os.pipe()

        def talk() -> None:
            with (
                os.fdopen(asked, "rb") as requests,
                os.fdopen(say, "wb", 0) as replies,
                contextlib.suppress(OSError, ValueError),
            ):
                replies.write(first)
                for request in requests if answer else ():
                    replies.write(answer(json.loads(request)))

        thread = threading.Thread(target=talk)
        thread.start()
        with os.fdopen(ask, "wb", 0) as stdin, os.fdopen(answers, "rb", 0) as stdout:
            yield SimpleNamespace(stdin=stdin, stdout=stdout)
        thread.join()

    return start


def junk(dice: random.Random, depth: int = 0) -> object:
    """Return any JSON, with values that a judge may be foolish about."""
    odd = (
        None,
        True,
        0,
        -1,
        1 << 70,
        1e308,
        0.5,
        "",
        "photo",
        "\ud800",
        [],
        {},
        [[]],
        {"$": 1},
        float("nan"),
    )
    if depth > 3 or dice.random() < 0.5:
        return dice.choice(odd)
    if dice.random() < 0.5:
        return [junk(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(FIELDS): junk(dice, depth + 1) for _ in range(dice.randrange(4))}


FIELDS = (
    *(
        "hello",
        "ready",
        "reply",
        "piece",
        "call",
        "name",
        "given",
        "text",
        "status",
        "body",
        "type",
        "answers",
        "rows",
    ),
    *(
        "class",
        "version",
        "printed",
        "ended",
        "complaint",
        "error",
        "raced",
        "at",
        "block",
        "samples_s",
    ),
)


def assert_gains_nothing(judge: Callable, calls: Sequence[str], path: Path) -> None:
    """Check that for any replies of a process, a judge gives facts, but none that earns points.

    Args:
        calls: The functions that the judge's programs call.
        path: Where an empty program is written.
    """
    path.write_text("")
    dice = random.Random(judge.__name__)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Program.__init__.__kwdefaults__, "each_s", 0.2)
        for number in range(24):
            replies = _forged(dice, has_right_form=number % 2 == 1)
            made_calls = _forged_calls(dice, calls, number % 3)
            facts = judge(path, _replying(replies, made_calls))
            json.dumps(facts)
            assert facts["lost"] or not facts.get("right", facts.get("measured", False))


def _forged(dice: random.Random, *, has_right_form: bool) -> dict[str, object]:
    """Return the fields of a reply: anything, or some of the type that is asked for."""
    fields = {name: junk(dice) for name in FIELDS[5:]}
    if has_right_form:
        fields |= {"status": 200, "type": "x", "ended": 0, "complaint": "", "error": ""}
        fields |= {"raced": 0, "answers": [junk(dice)] * 8}
        fields |= {"body": json.dumps(junk(dice)), "printed": json.dumps(junk(dice))}
    return fields


def _forged_calls(dice: random.Random, calls: Sequence[str], count: int) -> bytes:
    """Return the lines of several calls, with arguments that no honest program would give."""
    lines = []
    for place, name in enumerate(dice.choices(calls, k=count)):
        given = {key: dice.choice(values) for key, values in GIVEN.items()}
        lines.append(line(call=place, name=name, given=given))
    return b"".join(lines)


def _replying(fields: dict[str, object], calls: bytes) -> program.Start:
    """Return a start of a process that answers each request with some calls and the same fields."""
    return saying(UP, lambda message: calls + line(**fields, reply=message.get("ask")))
