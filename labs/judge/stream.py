"""An app that streams: what it refuses, the form of its events, and whether each leaves before the next is there."""

from labs.judge.drawn import dice, post
from labs.judge.program import Held, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

#: Tokens that are asked for.
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
        if not self.runs or self.given == _TOKENS:  # what should have been refused ends at once
            return None
        self.given += 1
        word = self.words[self.given - 1]
        return Held(word) if self.holds else word


def streaming_app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``POST /generate`` of an app refuses, and how it streams the words of the judge's engine."""
    facts = {"status": 0, "media_type": "", "right_events": False, "streams": False, "done": False}
    facts |= {"without_prompt": 0, "too_many": 0}
    engine = _Engine()
    with noting(facts), Program("stream", content_of(handed, "app.py"), engine.outside(), start) as program:
        facts["without_prompt"] = program.reply(post(program, "/generate", max_tokens=2), _REPLY)["status"]
        number = post(program, "/generate", prompt="soup", max_tokens=100_000)
        facts["too_many"] = program.reply(number, _REPLY)["status"]
        engine.runs = engine.holds = True
        number = post(program, "/generate", prompt="hot soup", max_tokens=_TOKENS)
        facts["streams"] = _leave_one_by_one(program, engine, number)
        reply = program.reply(number, _REPLY)
        text = "".join(program.pieces[number]).replace("\r\n", "\n")
        events = [one.removeprefix("data:").strip() for one in text.split("\n\n") if one.startswith("data:")]
        facts |= {"status": reply["status"], "media_type": reply["type"].partition(";")[0].strip()}
        facts["done"] = events[-1:] == ["[DONE]"]
        facts["right_events"] = [_token(one) for one in events if one != "[DONE]"] == engine.words
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


def _token(event: str) -> str | None:
    match as_json(event):
        case {"token": str(token)}:
            return token
    return None
