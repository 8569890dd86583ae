"""A model for Triton's Python backend: its rows, its order, how often it calls the network, and
whom it refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labs.judge.drawn import Network, as_text, dice, photos
from labs.judge.program import Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, content_of, noting

#: Photos; requests in one execution, and number of such executions.
_PHOTOS, _TOGETHER, _EXECUTIONS = 6, 8, 6

_REPLY = {"answers": list | None, "complaint": str}

#: The code of the client's fault.
_INVALID = "invalid argument"


@dataclass(frozen=True)
class _Answer:
    """What a request got: rows of classes and probabilities, or a refusal."""

    labels: object = None
    #: Type, shape and values of the outputs, by name.
    outputs: tuple[object, object] = (None, None)
    code: object = None
    text: object = None

    def is_formed(self, truth: Sequence[tuple[str, float]]) -> bool:
        """Return whether its outputs have the types and the shapes that Triton expects, and the
        probabilities of these classes.
        """
        match self.outputs:
            case (
                {"type": "bytes", "shape": label_shape},
                {"type": "float32", "shape": shape, "values": [*values]},
            ):
                if not label_shape == shape == [len(truth), 1] or len(values) != len(truth):
                    return False
                pairs = zip(values, truth, strict=True)
                return all(_is_near(value, expected) for value, (_, expected) in pairs)
        return False


def _is_near(value: object, expected: float) -> bool:
    return isinstance(value, float) and abs(value - expected) < 0.01


def _answer(reply: object) -> _Answer:
    match reply:
        case {"code": code, "text": text}:
            return _Answer(code=code, text=text)
        case {"FOOD_LABEL": {"values": labels} as label, **others}:
            return _Answer(labels, (label, others.get("PROBABILITY")))
    return _Answer()


def model(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``execute`` of a ``model.py`` answers, called as Triton calls it, with a network
    of the judge's.
    """
    facts: dict[str, Any] = {
        "said": "",
        "right": 0,
        "rows": 0,
        "formed": False,
        "burst": 0,
        "calls": 0,
        "refused": False,
        "blamed": "",
        "reason": False,
        "alone": False,
    }
    network, sizes = Network(), []

    def probabilities(rows: list) -> list:
        sizes.append(len(rows))
        return network.probabilities(rows).round(6).tolist()

    contents = photos(_PHOTOS)
    texts = [as_text(content) for content in contents]
    truth = network.truth(contents)
    labels = [label for label, _ in truth]
    outside = {"network": Outside({"rows": [[float | int]]}, probabilities)}
    with (
        noting(facts),
        Program("triton", content_of(handed, "1/model.py"), outside, start) as program,
    ):

        def ask(requests: Sequence[Sequence[str]]) -> list[_Answer]:
            """Return what each request got."""
            before = len(sizes)
            reply = program.ask(_REPLY, requests=requests)
            facts["said"] = facts["said"] or reply["complaint"]
            facts["calls"] = max(facts["calls"], len(sizes) - before)
            answers = [_answer(answer) for answer in reply["answers"] or []]
            return answers if len(answers) == len(requests) else [_Answer()] * len(requests)

        for at in dice().permutation(_PHOTOS):
            (single,) = ask([[texts[at]]])
            facts["right"] += single.labels == [labels[at]]
        (whole,) = ask([texts])
        if isinstance(whole.labels, list):
            pairs = zip(whole.labels, labels, strict=False)
            facts["rows"] = sum(label == true_label for label, true_label in pairs)
        facts["formed"] = whole.is_formed(truth)
        for places in dice().integers(0, _PHOTOS, (_EXECUTIONS, _TOGETHER)):
            answers = ask([[texts[at]] for at in places])
            for answer, at in zip(answers, places, strict=True):
                facts["burst"] += answer.labels == [labels[at]]
        half = as_text(contents[0][:200])
        # Half a photo, no base64, no photo, and half a photo behind a whole one.
        bad = [[half], ["lunch.jpg"], [as_text(b"hello")], [texts[0], half]]
        requests = [*bad, *([text] for text in texts)]
        order = dice().permutation(len(requests))
        shuffled = dict(zip(order, ask([requests[at] for at in order]), strict=True))
        refusals = [shuffled[at] for at in range(len(bad))]
        others = [shuffled[len(bad) + at].labels for at in range(_PHOTOS)]
        others_are_right = others == [[label] for label in labels]
        codes = [refusal.code for refusal in refusals]
        facts["refused"] = others_are_right and all(isinstance(code, str) for code in codes)
        other_codes = [code for code in codes if code != _INVALID]
        facts["blamed"] = other_codes[0] if other_codes else _INVALID
        facts["reason"] = all(isinstance(each.text, str) and each.text for each in refusals)
        (lonely,) = ask([[half]])
        facts["alone"] = lonely.code == _INVALID
    return facts
