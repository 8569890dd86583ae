"""An app that streams: its refusals, the form of its events, and whether each is sent before the
next exists.
"""

import time

from labs.deeper.tokens.inside import LIMIT
from labs.judge.drawn import dice, post
from labs.judge.program import HeldValue, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

#: Tokens that are asked for, that the engine knows, and after which it ends by itself.
_TOKENS, _WORDS, _ENDS = 10, 40, 5

#: Seconds of a day.
_DAY_S = 86_400

_REPLY = {"status": int, "type": str}


class _Engine:
    """An engine with random words; it obeys its arguments, and may keep the next word back."""

    def __init__(self) -> None:
        self.words = [f" {number}" for number in dice().integers(1 << 40, size=_WORDS)]
        self.given, self.runs, self.holds = 0, False, False
        #: Tokens after which it ends, but with ``ignore_eos``.
        self.ends_after = _WORDS
        #: The last request, and all prompts in turn.
        self.max_tokens = 0
        self.prompts: list[str] = []

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
        if not self.given:
            self.prompts.append(prompt)
        self.given += 1
        word = self.words[self.given - 1]
        return HeldValue(word) if self.holds else word


def streaming_app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``POST /v1/completions`` of an app refuses, and how it gives the words of the
    judge's engine.
    """
    facts: dict = {
        "media_type": "",
        "finish_reason": "",
        "early_reason": "",
        "reason": "",
    }
    facts |= dict.fromkeys(
        ("status", "empty", "too_long", "fits", "max_tokens", "default"), 0
    )
    facts |= dict.fromkeys(
        ("right_events", "streams", "usage", "done", "whole", "ignores_eos", "named"),
        False,
    )
    facts |= {"models": False, "created": False, "prompt": False, "unasked": True}
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
        facts |= _refusals(program)
        engine.runs = engine.holds = True
        number = _begin(program, "hot soup", stream_options={"include_usage": True})
        facts["streams"] = _leave_one_by_one(program, engine, number)
        reply = program.reply(number, _REPLY)
        facts |= {
            "status": reply["status"],
            "media_type": reply["type"].partition(";")[0].strip(),
        }
        replies, facts["done"] = _events(program, number)
        facts |= _texts(replies, engine.words[:_TOKENS])
        facts["max_tokens"] = engine.max_tokens
        facts["usage"] = bool(replies) and _counts(replies[-1], _TOKENS)
        # It ends by itself, before max_tokens.
        engine.begin(ends_after=_ENDS)
        number = _begin(program, "cold soup", stream=False)
        program.reply(number, _REPLY)
        whole = as_json("".join(program.pieces[number]))
        words = engine.words[:_ENDS]
        is_right = _choice(whole) == ("".join(words), "stop")
        facts["whole"] = is_right and _counts(whole, _ENDS)
        # It would end by itself, and may not.
        engine.begin(ends_after=_ENDS)
        number = _begin(program, "warm soup", ignore_eos=True)
        program.reply(number, _REPLY)
        longer, _ = _events(program, number)
        facts["ignores_eos"] = engine.given == _TOKENS
        # It says no to the event that it does not want, and leaves the number of tokens open.
        engine.begin(ends_after=_WORDS)
        more = {"stream_options": {"include_usage": False}}
        number = _begin(program, "thick soup", max_tokens=None, **more)
        program.reply(number, _REPLY)
        default, _ = _events(program, number)
        facts["default"] = engine.max_tokens
        facts["unasked"] = any(_is_empty(reply) for reply in (*longer, *default))
        asked = ("hot soup", "cold soup", "warm soup", "thick soup")
        facts["prompt"] = engine.prompts == list(asked)
        completions = replies, [whole], longer, default
        ids = [_ids(completion) for completion in completions]
        have_one_each = all(len(names) == 1 for names in ids)
        facts["named"] = have_one_each and len(set().union(*ids)) == len(ids)
        events = [event for completion in completions for event in completion]
        facts["created"] = all(_is_dated(event) for event in events)
    return facts


def _begin(program: Program, prompt: str, **more: object) -> int:
    """Begin a completion; a value of None leaves a field out."""
    fields = {"model": "judged", "prompt": prompt, "max_tokens": _TOKENS, "stream": True}
    fields |= more
    given = {name: value for name, value in fields.items() if value is not None}
    return post(program, "/v1/completions", **given)


def _refusals(program: Program) -> dict:
    """Return what is answered to a question about the models, to prompts that are to be refused,
    and to the longest one that fits.
    """
    number = program.begin(method="GET", path="/v1/models")
    program.reply(number, _REPLY)
    facts: dict = {"models": _names_the_model(as_json("".join(program.pieces[number])))}
    # One token marks the beginning, and each word is one more. The second prompt would fit
    # without its answer.
    fits = LIMIT - _TOKENS - 1
    reasons = {}
    for name, prompt in (("empty", ""), ("too_long", "soup " * (fits + 1))):
        facts[name] = 400
        for stream in (True, False):
            number = _begin(program, prompt, stream=stream)
            status = program.reply(number, _REPLY)["status"]
            if facts[name] == 400:
                facts[name] = status
            reasons[name] = _reason(as_json("".join(program.pieces[number])))
    facts["reason"] = "" if all(reasons.values()) else "no text"
    if facts["reason"] == "" and reasons["empty"] == reasons["too_long"]:
        facts["reason"] = f"the same text, {reasons['empty'][:80]},"
    facts["fits"] = program.reply(_begin(program, "soup " * fits), _REPLY)["status"]
    return facts


def _names_the_model(models: object) -> bool:
    """Return whether a list of models names the engine's, and no other."""
    match models:
        case {"object": "list", "data": [{"id": "judged", "object": "model"}]}:
            return True
    return False


def _reason(refusal: object) -> str:
    """Return the text of an error in OpenAI's form; an empty text if it has none."""
    match refusal:
        case {"error": {"message": str(text), "type": str()}}:
            return text.strip()
    return ""


def _texts(replies: list, words: list[str]) -> dict:
    """Return whether a stream's events are these words, one by one, and how it ends."""
    choices = [choice for reply in replies if (choice := _choice(reply))]
    *tokens, (last_text, last_reason) = choices or [("", None)]
    texts = [text for text, _ in tokens]
    early = [reason for _, reason in tokens if reason is not None]
    facts: dict = {"right_events": texts == words and last_text == ""}
    facts["early_reason"] = str(early[0])[:20] if early else ""
    facts["finish_reason"] = str(last_reason)[:20]
    return facts


def _is_dated(event: object) -> bool:
    """Return whether an event says, in whole seconds since 1970, that it was made just now."""
    match event:
        case {"created": int(created_s)}:
            return abs(time.time() - created_s) < _DAY_S
    return False


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
            "choices": [{"index": 0, "text": str(text), "finish_reason": reason}],
        }:
            return text, reason
    return None


def _counts(reply: object, written: int) -> bool:
    """Return whether a completion counts its prompt's tokens (two words and the beginning), the
    written ones, and both.
    """
    usage = reply.get("usage") if isinstance(reply, dict) else None
    if not isinstance(usage, dict):
        return False
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return [usage.get(name) for name in names] == [3, written, 3 + written]
