"""An app that streams: its refusals, the form of its events, and whether each is sent before the
next exists.
"""

from labs.deeper.tokens.inside import LIMIT
from labs.judge.drawn import dice, post
from labs.judge.program import HeldValue, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

#: Tokens that are asked for, that the engine knows, and after which it ends by itself.
_TOKENS, _WORDS, _ENDS = 10, 40, 5

_REPLY = {"status": int, "type": str}


class _Engine:
    """An engine with random words; it obeys its arguments, and may keep the next word back."""

    def __init__(self) -> None:
        self.words = [f" {number}" for number in dice().integers(1 << 40, size=_WORDS)]
        self.given, self.runs, self.holds = 0, False, False
        #: Tokens after which it ends, but with ``ignore_eos``.
        self.ends_after = _WORDS
        #: The last request.
        self.max_tokens = 0

    def begin(self, ends_after: int) -> None:
        """Begin another text."""
        self.given, self.ends_after, self.max_tokens = 0, ends_after, 0

    def outside(self) -> dict[str, Outside]:
        arguments = {"prompt": str, "max_tokens": int, "ignore_eos": bool}
        return {"word": Outside(arguments, self._word)}

    def _word(self, prompt: str, max_tokens: int, ignore_eos: bool) -> object:
        self.max_tokens = max_tokens
        last = _WORDS if ignore_eos else self.ends_after
        if not self.runs or self.given == last:  # a prompt to be refused ends at once
            return None
        self.given += 1
        word = self.words[self.given - 1]
        return HeldValue(word) if self.holds else word


def streaming_app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``POST /v1/completions`` of an app refuses, and how it gives the words of the
    judge's engine.
    """
    facts = {
        "status": 0,
        "media_type": "",
        "right_events": False,
        "streams": False,
        "finish_reason": "",
    }
    facts |= {"usage": False, "done": False, "whole": False, "empty": 0, "too_long": 0}
    facts |= {
        "fits": 0,
        "max_tokens": 0,
        "ignores_eos": False,
        "unasked": True,
        "named": False,
    }
    engine = _Engine()
    with (
        noting(facts),
        Program(
            "labs.deeper.tokens.inside:stream",
            content_of(handed, "app.py"),
            engine.outside(),
            start,
        ) as program,
    ):

        def begin(prompt: str, **more: object) -> int:
            return post(
                program,
                "/v1/completions",
                model="judged",
                prompt=prompt,
                max_tokens=_TOKENS,
                **more,
            )

        facts["empty"] = program.reply(begin("", stream=True), _REPLY)["status"]
        # A word is a token to the judge's engine; the prompt would fit without its answer.
        facts["too_long"] = program.reply(
            begin("soup " * (LIMIT - _TOKENS + 1), stream=True), _REPLY
        )["status"]
        facts["fits"] = program.reply(
            begin("soup " * (LIMIT - _TOKENS), stream=True), _REPLY
        )["status"]
        engine.runs = engine.holds = True
        number = begin("hot soup", stream=True, stream_options={"include_usage": True})
        facts["streams"] = _leave_one_by_one(program, engine, number)
        reply = program.reply(number, _REPLY)
        facts |= {
            "status": reply["status"],
            "media_type": reply["type"].partition(";")[0].strip(),
        }
        replies, facts["done"] = _events(program, number)
        choices = [choice for reply in replies if (choice := _choice(reply))]
        facts["max_tokens"] = engine.max_tokens
        facts["right_events"] = [text for text, _ in choices if text] == engine.words[
            :_TOKENS
        ]
        facts["finish_reason"] = str(choices[-1][1] if choices else None)[:20]
        facts["usage"] = bool(replies) and _counts(replies[-1], _TOKENS)
        # It ends by itself, before max_tokens.
        engine.begin(ends_after=_ENDS)
        number = begin("cold soup")
        program.reply(number, _REPLY)
        whole = as_json("".join(program.pieces[number]))
        words = engine.words[:_ENDS]
        is_right = _choice(whole) == ("".join(words), "stop")
        facts["whole"] = is_right and _counts(whole, _ENDS)
        # It would end by itself, and may not.
        engine.begin(ends_after=_ENDS)
        number = begin("warm soup", stream=True, ignore_eos=True)
        program.reply(number, _REPLY)
        longer, _ = _events(program, number)
        facts["ignores_eos"] = engine.given == _TOKENS
        facts["unasked"] = any(_is_empty(reply) for reply in longer)
        ids, other_ids = _ids(replies), _ids(longer)
        facts["named"] = len(ids) == len(other_ids) == 1 and ids != other_ids
    return facts


def _leave_one_by_one(program: Program, engine: _Engine, number: int) -> bool:
    """Return whether each token left before the engine gave the next one; from the first late one
    on, nothing waits.
    """
    while True:
        program.until(lambda: program.is_holding or program.has_replied(number))
        if program.has_replied(number):
            return engine.given == _TOKENS
        # The word that is held is the next one; those before it have been given.
        before = engine.given - 1

        def those_have_left(before: int = before) -> bool:
            return "".join(program.pieces[number]).count("data:") >= before

        try:
            program.until(those_have_left, 2)
        except Lost:
            engine.holds = False
            program.release()
            return False
        engine.holds = engine.given < _TOKENS
        program.release()
        if not engine.holds:
            program.until(lambda: program.has_replied(number))


def _events(program: Program, number: int) -> tuple[list[object], bool]:
    """Return the events of a stream, decoded, and whether ``[DONE]`` is the last one."""
    text = "".join(program.pieces[number]).replace("\r\n", "\n")
    events = [
        event.removeprefix("data:").strip()
        for event in text.split("\n\n")
        if event.startswith("data:")
    ]
    replies = [as_json(event) for event in events if event != "[DONE]"]
    return replies, events[-1:] == ["[DONE]"]


def _ids(replies: list[object]) -> set[str]:
    """Return the ids of a completion's events; empty if an event lacks an id or names another
    model.
    """
    ids = set()
    for reply in replies:
        if (
            not isinstance(reply, dict)
            or reply.get("model") != "judged"
            or not reply.get("id")
        ):
            return set()
        ids.add(str(reply["id"]))
    return ids


def _is_empty(reply: object) -> bool:
    """Return whether an event has no choice, as the one with ``usage`` alone."""
    return isinstance(reply, dict) and not reply.get("choices")


def _choice(reply: object) -> tuple[str, object] | None:
    """Return a completion's text, and why it ends there."""
    match reply:
        case {
            "object": "text_completion",
            "choices": [{"text": str(text), "finish_reason": reason}],
        }:
            return text, reason
    return None


def _counts(reply: object, written: int) -> bool:
    """Return whether a completion counts its prompt's two words, the written ones, and both."""
    usage = reply.get("usage") if isinstance(reply, dict) else None
    if not isinstance(usage, dict):
        return False
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return [usage.get(name) for name in names] == [2, written, 2 + written]
