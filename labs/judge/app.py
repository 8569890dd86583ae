"""A FastAPI app: its answers to photos and to invalid requests, and whether it answers while the
model is busy.
"""

import io

from PIL import Image

from labs.judge.drawn import Network, as_text, dice, photos, post
from labs.judge.program import HeldValue, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

#: A photo of more bytes is refused.
_MOST_BYTES = 10_000_000

_REPLY = {"status": int, "type": str, "body": str, "taken": int}

#: The most photos of a request.
_MANY = 8

#: Megabytes of a body without an announced length.
_ENDLESS = 60

#: Status of each case.
_GOOD = {
    "photo": 200,
    "no_field": 422,
    "no_text": 422,
    "no_base64": 422,
    "no_image": 422,
    "cut": 422,
    "large": 413,
    "pixels": 413,
    "full": 503,
}


class _Place:
    """The queue of the model, the model, and the given ``open_photo``: the numbers of their calls,
    and whether they were inside a place.
    """

    def __init__(self) -> None:
        self.network = Network()
        self.full = self.holds = False
        self.inside = self.runs = self.runs_outside = self.opened_outside = 0

    def outside(self) -> dict[str, Outside]:
        return {
            "session": Outside({"threads": int}, lambda threads: 1),
            "run": Outside({"rows": [[float | int]]}, self._run),
            "enter": Outside({}, self._enter),
            "leave": Outside({}, self._leave),
            "open": Outside({}, self._open),
        }

    def _run(self, rows: list) -> object:
        self.runs += 1
        self.runs_outside += self.inside < 1
        logits = self.network.logits(rows).round(6).tolist()
        return HeldValue(logits) if self.holds else logits

    def _enter(self) -> bool:
        self.inside += not self.full
        return not self.full

    def _leave(self) -> None:
        self.inside -= 1

    def _open(self) -> object:
        self.opened_outside += self.inside < 1
        return HeldValue(True) if self.holds else True


def app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``app`` of an ``app.py`` answers, on a classifier whose model is the judge's."""
    facts = {
        "photo": 0,
        "said": "",
        "fields": [],
        "right": False,
        "returns": [],
        "placed": False,
        "opened_inside": False,
    }
    facts |= dict.fromkeys((*_GOOD, "endless", "endless_mb"), 0)
    facts |= {
        "many": 0,
        "many_said": "",
        "many_right": False,
        "many_refused": False,
        "many_calls": 0,
        "many_full": 0,
        "too_many": 0,
        "waits": "",
    }
    place = _Place()
    with (
        noting(facts),
        Program("app", content_of(handed, "app.py"), place.outside(), start) as program,
    ):
        place.runs_outside = 0  # a warm-up needs no place
        _ask_one_by_one(program, place, facts)
        facts["returns"] = _promised(program)
        _ask_for_several(program, place, facts)
        facts["placed"] = not place.runs_outside
        facts["opened_inside"] = not place.opened_outside
        facts["waits"] = _blocking(program, place)
    return facts


def _cases(photo: bytes) -> dict[str, dict]:
    """Return the bodies of requests about a photo, by case."""
    text = as_text(photo)
    return {
        "photo": {"image": text},
        "no_field": {"picture": text},
        "no_text": {"image": 7},
        "no_base64": {"image": "lunch.jpg"},
        "no_image": {"image": as_text(b"hello")},
        "cut": {"image": as_text(photo[: len(photo) // 3])},
        "full": {"image": text},
    }


def _ask_one_by_one(program: Program, place: _Place, facts: dict) -> None:
    """Ask about three photos in all ways, in a random order; the case that is answered wrong
    speaks.
    """
    contents = photos(3)
    expected = place.network.truth(contents)
    cases = []
    for number, photo in enumerate(contents):
        for name, body in _cases(photo).items():
            cases.append((name, body, number))
    cases.append(("large", {"image": as_text(bytes(_MOST_BYTES + 1))}, 0))
    cases.append(("pixels", {"image": as_text(_many_pixels())}, 0))
    wrong: list[str] = []
    for case, body, number in [cases[at] for at in dice().permutation(len(cases))]:
        place.full = case == "full"
        reply = program.reply(post(program, "/predict", **body), _REPLY)
        if facts[case] in (0, _GOOD[case]):
            facts[case] = reply["status"]
        if case == "photo" and not wrong:
            fields = as_json(reply["body"])
            facts |= {
                "said": reply["body"][:200],
                "fields": sorted(fields) if isinstance(fields, dict) else [],
            }
            wrong += [] if _is_answer(fields, expected[number]) else [number]
    place.full, facts["right"] = False, not wrong
    reply = program.ask(_REPLY, method="POST", path="/predict", pieces=_ENDLESS)
    facts |= {"endless": reply["status"], "endless_mb": reply["taken"]}


def _many_pixels() -> bytes:
    """Return a PNG of some kilobytes that decodes to 30 million pixels."""
    content = io.BytesIO()
    Image.new("1", (6_000, 5_000)).save(content, "PNG")
    return content.getvalue()


def _ask_for_several(program: Program, place: _Place, facts: dict) -> None:
    """Ask about eight photos in one request, then about eight texts, two of them no photos."""
    contents = photos(_MANY)
    expected, texts = place.network.truth(contents), [as_text(content) for content in contents]

    def answers() -> object:
        before = place.runs
        reply = program.reply(post(program, "/predict/many", images=texts), _REPLY)
        facts["many_calls"] = max(facts["many_calls"], place.runs - before)
        facts.update(many=facts["many"] or reply["status"], many_said=reply["body"][:200])
        return as_json(reply["body"])

    facts["many_right"] = _are_answers(answers(), expected)
    for fact, images in (("too_many", [*texts, texts[0]]), ("many_full", texts)):
        place.full = fact == "many_full"
        reply = program.reply(post(program, "/predict/many", images=images), _REPLY)
        facts[fact] = reply["status"]
    place.full = False
    # Half a photo, and a text that is no base64.
    bad = dice().choice(_MANY, 2, replace=False).tolist()
    texts[bad[0]] = as_text(contents[bad[0]][:200])
    texts[bad[1]] = "lunch.jpg"
    mixed = answers()
    if isinstance(mixed, list) and len(mixed) == _MANY:
        good = [at for at in range(_MANY) if at not in bad]
        others = [mixed[at] for at in good]
        others_are_right = _are_answers(others, [expected[at] for at in good])
        facts["many_refused"] = others_are_right and all(_is_error(mixed[at]) for at in bad)


def _is_error(answer: object) -> bool:
    match answer:
        case {"error": str(reason)}:
            return bool(reason.strip())
    return False


def _blocking(program: Program, place: _Place) -> str:
    """Return the first route that keeps ``/healthz`` waiting while it opens a photo or the model
    is held; an empty text if none does.
    """
    text = as_text(photos(1)[0])
    bodies: dict[str, dict] = {
        "/predict": {"image": text},
        "/predict/many": {"images": [text]},
    }
    for path, body in bodies.items():
        place.holds = True
        held = post(program, path, **body)
        try:
            while not _answered_or_held(program, held):
                health = program.begin(method="GET", path="/healthz")
                if program.reply(health, _REPLY)["status"] != 200:
                    return path
                program.release()
        except Lost:
            return path
        finally:
            place.holds = False
            program.release()
        program.reply(held, _REPLY)
    return ""


def _answered_or_held(program: Program, number: int) -> bool:
    """Wait until a request is answered or holds a call; return whether it is answered."""
    program.until(lambda: program.has_replied(number) or program.is_holding)
    return program.has_replied(number)


def _promised(program: Program) -> list[str]:
    """Return the fields of an answer of ``/predict`` that ``/openapi.json`` tells."""
    schema = as_json(program.ask(_REPLY, method="GET", path="/openapi.json")["body"])

    def part(value: object, *names: str) -> object:
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    answer = part(
        schema,
        "paths",
        "/predict",
        "post",
        "responses",
        "200",
        "content",
        "application/json",
        "schema",
    )
    named = str(part(answer, "$ref")).rpartition("/")[2]
    fields = part(part(schema, "components", "schemas", named) or answer, "properties")
    return sorted(fields) if isinstance(fields, dict) else []


def _is_answer(answer: object, expected: tuple[str, float]) -> bool:
    match answer:
        case {"prediction": str(label), "probability": float(probability)}:
            return label == expected[0] and abs(probability - expected[1]) < 0.01
    return False


def _are_answers(answers: object, expected: list[tuple[str, float]]) -> bool:
    if not isinstance(answers, list) or len(answers) != len(expected):
        return False
    return all(map(_is_answer, answers, expected))
