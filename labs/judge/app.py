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

#: Megabytes of a body without an announced length.
_ENDLESS = 60

#: Status of each case that is no 422.
_GOOD = {"photo": 200, "large": 413, "pixels": 413, "full": 503}


class _Place:
    """The queue of the model, and the model: the number of its calls, and whether they were inside
    a place.
    """

    def __init__(self) -> None:
        self.network = Network()
        self.full = self.holds = False
        self.inside = self.runs = self.runs_outside = 0

    def outside(self) -> dict[str, Outside]:
        return {
            "session": Outside({"threads": int}, lambda threads: 1),
            "run": Outside({"rows": [[float | int]]}, self._run),
            "enter": Outside({}, self._enter),
            "leave": Outside({}, self._leave),
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


def app(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``app`` of an ``app.py`` answers, on a classifier whose model is the judge's."""
    facts = {
        "photo": 0,
        "said": "",
        "fields": [],
        "right": False,
        "returns": [],
        "alive": False,
        "placed": False,
    }
    facts |= dict.fromkeys(
        ("no_field", "no_base64", "no_image", "cut", "large", "pixels", "full", "endless"), 0
    )
    facts |= {"endless_mb": 0}
    facts |= {
        "many": 0,
        "many_said": "",
        "many_right": False,
        "many_refused": False,
        "many_calls": 0,
        "too_many": 0,
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
        facts["alive"] = _is_alive(program, place)
    return facts


def _cases(photo: bytes) -> dict[str, dict]:
    """Return the bodies of requests about a photo, by case."""
    text = as_text(photo)
    return {
        "photo": {"image": text},
        "no_field": {"picture": text},
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
        if facts[case] in (0, _GOOD.get(case, 422)):
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
    """Ask about six photos in one request, then about six texts with half a photo among them."""
    contents = photos(6)
    expected, texts = place.network.truth(contents), [as_text(content) for content in contents]

    def answers() -> object:
        before = place.runs
        reply = program.reply(post(program, "/predict/many", images=texts), _REPLY)
        facts["many_calls"] = max(facts["many_calls"], place.runs - before)
        facts.update(many=facts["many"] or reply["status"], many_said=reply["body"][:200])
        return as_json(reply["body"])

    facts["many_right"] = _are_answers(answers(), expected)
    nine = [*texts, *texts[:3]]
    reply = program.reply(post(program, "/predict/many", images=nine), _REPLY)
    facts["too_many"] = reply["status"]
    odd = int(dice().integers(6))
    texts[odd] = as_text(contents[odd][:200])
    mixed = answers()
    if isinstance(mixed, list) and len(mixed) == 6:
        refused = mixed.pop(odd)
        del expected[odd]
        says_error = isinstance(refused, dict) and "error" in refused
        facts["many_refused"] = says_error and _are_answers(mixed, expected)


def _is_alive(program: Program, place: _Place) -> bool:
    """Return whether ``/healthz`` answers while the model is held."""
    place.holds, before = True, place.runs
    held = post(program, "/predict", image=as_text(photos(1)[0]))
    program.until(lambda: place.runs > before)
    try:
        return program.reply(program.begin(method="GET", path="/healthz"), _REPLY)["status"] == 200
    except Lost:
        return False
    finally:
        place.holds = False
        program.release()
        program.reply(held, _REPLY)


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
