"""The pipe to a program: whatever comes through it costs the program its question, and nothing
else.
"""

import contextlib
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.judge import app, program, script, triton
from labs.judge.program import HeldValue, Lost, NotReadyError, Outside, Program, at_home
from labs.machine.busy import slowdown
from labs.machine.fingerprint import usable_cpu_count
from tests.taken_over import FIELDS, UP, assert_gains_nothing, junk, line, saying

#: A kind, as a deep dive names its own.
BARE = "tests.labs.judge.bare:bare"

OUTSIDE = {"double": Outside({"number": int}, lambda number: 2 * number)}


def asked(start: program.Start, **limits: float) -> object:
    """Return the reply of whatever was started."""
    with Program("x", b"", OUTSIDE, start, **limits) as process:
        return process.ask({"value": int}, question=1)


def garbled(dice: random.Random) -> bytes:
    """Return a line that no asker writes."""
    kind = dice.randrange(6)
    if kind == 0:
        return dice.randbytes(dice.randrange(1, 60)).replace(b"\n", b"") + b"\n"
    if kind == 1:
        return dice.choice([b"[", b'{"a":']) * dice.randrange(1, 5_000) + b"\n"
    if kind == 2:
        return b'{"reply": %d, "reply": %d}\n' % (dice.randrange(9), dice.randrange(9))
    if kind == 3:
        return b"9" * dice.randrange(1, 9_000) + b"\n"
    given = {"call": junk(dice), "name": dice.choice(["double", "halve", 3]), "given": junk(dice)}
    return line(**(given if kind == 4 else {dice.choice(FIELDS): junk(dice) for _ in range(3)}))


def test_a_reply_comes_back_and_calls_are_answered_from_outside():
    """Counted, in order; the program's own prints do not disturb."""
    calls = line(call=0, name="double", given={"number": 21})
    replies = {}

    def answer(message: dict) -> bytes:
        if "ask" in message:
            replies["ask"] = message["ask"]
            return calls
        return line(reply=replies["ask"], value=message["value"])

    assert asked(saying(UP, answer))["value"] == 42


def test_twenty_thousand_lines_of_anything_lose_their_question_alone():
    """Whether they come for a reply, a call or a piece."""
    dice = random.Random(31)
    for _ in range(20_000):
        with pytest.raises(Lost):
            asked(saying(UP + garbled(dice)))


@pytest.mark.parametrize(
    ("judge", "calls"),
    [
        (app.app, ["session", "run", "enter", "leave"]),
        (triton.model, ["network"]),
        (script.script, ["run"]),
    ],
)
def test_a_process_that_was_taken_over_gets_facts_and_keeps_the_judge_going(judge, calls, tmp_path):
    """It answers the right requests, with any value; in some rounds with values of the right
    form.
    """
    assert_gains_nothing(judge, calls, tmp_path / "file.py")


@pytest.mark.parametrize(
    ("first", "answer", "says"),
    [
        (UP, None, "It ended"),
        (line(hello="") + line(ready="ImportError: x"), None, "cannot be loaded: ImportError: x"),
        (UP + line(hello=""), None, "writes into the pipe"),
        (UP, lambda message: line(reply=1, value=1), "writes into the pipe"),
        (UP, lambda message: 2 * line(reply=message["ask"], value=1), "writes into the pipe"),
        (UP, lambda message: line(reply=message["ask"], value="1"), "form"),
        (UP, lambda message: line(call=0, name="double", given={"number": "21"}), "form"),
        (
            UP,
            lambda message: line(call=0, name="double", given={"number": 1}) * 12,
            "more than 10 times",
        ),
        (UP, lambda message: b"x" * (3 << 20), "far more"),
        (UP, lambda message: b"", "no answer within"),
    ],
)
def test_each_way_of_not_answering_has_its_sentence(first, answer, says):
    """A request has one answer: a second reply is refused."""
    with pytest.raises(Lost, match=says):
        asked(saying(first, answer), each_s=1, most_calls=10)


def test_what_is_held_waits_for_its_release():
    """Meanwhile, others are answered."""
    outside = {"word": Outside({}, lambda: HeldValue("soup"))}
    numbers = []

    def answer(message: dict) -> bytes:
        if "ask" in message:
            numbers.append(message["ask"])
            if len(numbers) == 1:
                return line(call=7, name="word", given={})
            return line(reply=numbers[1], value=1)
        return line(reply=numbers[0], value=len(message["value"]))

    with Program("x", b"", outside, saying(UP, answer)) as process:
        first = process.begin()
        process.until(lambda: process.is_holding)
        assert process.ask({"value": int}) == {"reply": numbers[1], "value": 1}
        assert not process.has_replied(first)
        process.release()
        assert process.reply(first, {"value": int})["value"] == 4


@pytest.mark.parametrize("first", [b"", line(hello="numba"), b"Traceback"])
def test_an_asker_that_is_not_there_is_no_programs_fault(first):
    """No line of the program has run by then."""
    with pytest.raises(NotReadyError):
        asked(saying(first))


@pytest.mark.parametrize("text", ["import sys\nwhile True: pass", "import time; time.sleep(99)"])
def test_a_program_that_is_never_loaded_is_lost(text, monkeypatch):
    """At home as in the grader; and nothing that it has started is left."""
    monkeypatch.setattr(program, "READY_S", 0.5)
    with pytest.raises(Lost, match="not loaded"), Program(BARE, text.encode(), {}, at_home):
        pass


@pytest.mark.parametrize(("processes", "answers"), [(0.5, False), (8.0, True)])
def test_a_slow_answer_at_home_is_waited_for_on_a_busy_machine(
    processes: float, answers: bool, monkeypatch
):
    """With eight processes per processor, the wait is eight times longer; the grader's wait is the
    same on every machine.
    """
    load = processes * usable_cpu_count()
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    text, form = b"import time\ntime.sleep(4)\nprint('late')", {"printed": str}
    in_time = (
        contextlib.nullcontext() if answers else pytest.raises(Lost, match="no answer within 1 s")
    )
    with Program("script", text, {}, at_home, each_s=1) as asked, in_time:
        assert asked.ask(form, arguments=[])["printed"] == "late\n"


@given(st.floats(0, 1e6))
def test_a_busy_machine_is_some_times_slower_and_never_faster(load: float):
    """From 1 up to a bound, so that a hanging program is ended."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
        assert 1 <= slowdown() <= 20
        assert slowdown() <= max(1, load / usable_cpu_count())


def test_what_lies_beside_a_program_is_not_imported(tmp_path):
    """Files in its working folder are not imported either: the asker is isolated."""
    text = (
        b"import sys\n"
        b"assert '' not in sys.path and 'PYTHONPATH' not in sys.flags.__repr__()\n"
        b"import no_such_module"
    )
    with pytest.raises(Lost, match="no_such_module"), Program(BARE, text, {}, at_home):
        pass
