"""An app that streams: what it refuses, the form of its events, and whether each leaves before the next is there."""

from labs.judge.drawn import dice, post
from labs.judge.inside.apps import LIMIT
from labs.judge.program import Held, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

#: Tokens that are asked for; the engine may end sooner.
_TOKENS = 10

_REPLY = {"status": int, "type": str}


class _Engine:
    """An engine whose words nobody knows; it may keep the next one back."""

    def __init__(self) -> None:
        self.words = [f" {number}" for number in dice().integers(1 << 40, size=_TOKENS)]
        self.given, self.runs, self.holds = 0, False, False

    def outside(self) -> dict[str, Outside]:
        return {"word": Outside({"prompt": str}, self._word)}

    def _word(self, prompt: str) -> object:
        if not self.runs or self.given == len(
            self.words
        ):  # what should have been refused ends at once
            return None
        self.given += 1
        word = self.words[self.given - 1]
        return Held(word) if self.holds else word


def streaming_app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``POST /v1/completions`` of an app refuses, and how it gives the words of the judge's engine."""
    facts = {
        "status": 0,
        "media_type": "",
        "right_events": False,
        "streams": False,
        "finish_reason": "",
    }
    facts |= {"usage": False, "done": False, "whole": False, "empty": 0, "too_long": 0}
    engine = _Engine()
    with (
        noting(facts),
        Program("stream", content_of(handed, "app.py"), engine.outside(), start) as program,
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
        engine.runs = engine.holds = True
        number = begin("hot soup", stream=True, stream_options={"include_usage": True})
        facts["streams"] = _leave_one_by_one(program, engine, number)
        reply = program.reply(number, _REPLY)
        facts |= {"status": reply["status"], "media_type": reply["type"].partition(";")[0].strip()}
        text = "".join(program.pieces[number]).replace("\r\n", "\n")
        events = [
            one.removeprefix("data:").strip()
            for one in text.split("\n\n")
            if one.startswith("data:")
        ]
        facts["done"] = events[-1:] == ["[DONE]"]
        replies = [as_json(event) for event in events if event != "[DONE]"]
        choices = [choice for reply in replies if (choice := _choice(reply))]
        facts["right_events"] = [text for text, _ in choices if text] == engine.words
        facts["finish_reason"] = str(choices[-1][1] if choices else None)[:20]
        facts["usage"] = bool(replies) and _counts(replies[-1], len(engine.words))
        engine.given, engine.words = 0, engine.words[: _TOKENS // 2]
        number = begin("cold soup")
        program.reply(number, _REPLY)
        whole = as_json("".join(program.pieces[number]))
        # It ends by itself, before max_tokens.
        facts["whole"] = _choice(whole) == ("".join(engine.words), "stop") and _counts(
            whole, len(engine.words)
        )
    return facts


def _leave_one_by_one(program: Program, engine: _Engine, number: int) -> bool:
    """Return whether each token left before the engine gave the next one; from the first late one on, nothing waits."""
    while True:
        program.until(lambda: program.is_holding or program.has_replied(number))
        if program.has_replied(number):
            return engine.given == _TOKENS
        # The word that is held is the next one; those before it have been given.
        before = engine.given - 1
        try:
            program.until(lambda: "".join(program.pieces[number]).count("data:") >= before, 2)  # noqa: B023
        except Lost:
            engine.holds = False
            program.release()
            return False
        engine.holds = engine.given < _TOKENS
        program.release()
        if not engine.holds:
            program.until(lambda: program.has_replied(number))


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
    """Return whether a completion counts its prompt's two words, and so many that were written."""
    usage = reply.get("usage") if isinstance(reply, dict) else None
    return isinstance(usage, dict) and (
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
    ) == (2, written)
