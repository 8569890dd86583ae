"""A model for Triton's Python backend: its rows, its order, how often it calls the network, and
whom it refuses.
"""

from collections.abc import Sequence
from typing import Any

from labs.judge.drawn import Network, as_text, dice, photos
from labs.judge.program import Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, content_of, noting

#: Photos; requests in one execution, and number of such executions.
_PHOTOS, _TOGETHER, _EXECUTIONS = 6, 8, 6

_REPLY = {"answers": list | None, "complaint": str}


def model(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``execute`` of a ``model.py`` answers, called as Triton calls it, with a network
    of the judge's.
    """
    facts: dict[str, Any] = {
        "said": "",
        "right": 0,
        "rows": 0,
        "burst": 0,
        "calls": 0,
        "refused": False,
        "blamed": "",
    }
    network, sizes = Network(), []

    def probabilities(rows: list) -> list:
        sizes.append(len(rows))
        return network.probabilities(rows).round(6).tolist()

    contents = photos(_PHOTOS)
    texts = [as_text(content) for content in contents]
    truth = [label for label, _ in network.truth(contents)]
    outside = {"network": Outside({"rows": [[float | int]]}, probabilities)}
    with (
        noting(facts),
        Program("triton", content_of(handed, "1/model.py"), outside, start) as program,
    ):

        def ask(requests: Sequence[Sequence[str]]) -> list:
            """Return the labels of each request, or why it is refused; None for one without an
            answer.
            """
            before = len(sizes)
            reply = program.ask(_REPLY, requests=requests)
            facts["said"] = facts["said"] or reply["complaint"]
            facts["calls"] = max(facts["calls"], len(sizes) - before)
            answers = [
                answer if isinstance(answer, list | str) else None
                for answer in reply["answers"] or []
            ]
            return answers if len(answers) == len(requests) else [None] * len(requests)

        for at in dice().permutation(_PHOTOS):
            facts["right"] += ask([[texts[at]]]) == [[truth[at]]]
        (labels,) = ask([texts])
        pairs = zip(labels or [], truth, strict=False)
        facts["rows"] = sum(label == true_label for label, true_label in pairs)
        for places in dice().integers(0, _PHOTOS, (_EXECUTIONS, _TOGETHER)):
            answers = ask([[texts[at]] for at in places])
            for answer, at in zip(answers, places, strict=True):
                facts["burst"] += answer == [truth[at]]
        odd = int(dice().integers(_PHOTOS))
        texts[odd] = as_text(contents[odd][:200])
        answers = ask([[text] for text in texts])
        facts["blamed"] = answers.pop(odd)
        del truth[odd]
        others_are_right = answers == [[label] for label in truth]
        facts["refused"] = others_are_right and isinstance(facts["blamed"], str)
    return facts
