"""Facts about a recommendation: the figures that it quotes, beside those of the records, and how
much it says.
"""

import math
import re

from labs.course.question import MissingEvidenceError
from labs.data.models import ARCHITECTURES
from labs.records import Records
from labs.records.decision import Judged, decide
from labs.records.options import by_machine
from labs.records.targets import target


def compared(
    records: Records, question: str, baseline: str, wanted: str, prefix: str = ""
) -> tuple[dict, Judged]:
    """Return what a recommendation says beside its records, and how its option was judged.

    Args:
        baseline: Option whose newest latency determines the machine whose records count.
        wanted: Name of the target.
        prefix: Beginning of the options' names in the lesson's table. Other options take no part.

    Raises:
        MissingEvidenceError: The baseline was not measured completely.
    """
    given = records.answer(question)
    machines = list(by_machine(records, baseline).values())
    options = machines[-1] if machines else []
    compared_options = [option for option in options if option.option.startswith(prefix)]
    decisions = decide(compared_options, target(wanted))
    judged = {decision.option.option: decision for decision in decisions}
    if baseline not in judged:
        raise MissingEvidenceError(
            f"`{baseline}` was not measured completely yet: one photo, size and right answers."
        )
    option = given["option"]
    row = judged.get(option, judged[baseline])
    published = {name for name in judged if _is_published(records, name, baseline)}
    optimized = {name: decision for name, decision in judged.items() if name not in published}
    meeting = [name for name, decision in optimized.items() if decision.meets]
    keeping = [name for name, decision in optimized.items() if decision.accuracy == "kept"]
    measured_p50_ms = 1e3 * row.option.p50_s.value if row.option.p50_s else math.nan
    # Where nothing meets the target, as on a laptop, whatever keeps its accuracy may be
    # recommended.
    meets = row.meets or not meeting
    measured = {
        "option": option,
        "measured": option in judged,
        "published": option in published,
        "machine": row.option.machine,
        "kept": row.accuracy == "kept",
        "keeping": ", ".join(keeping),
        "meets": meets,
        "meeting": ", ".join(meeting),
        "measured_p50_ms": measured_p50_ms,
        "measured_right": row.option.right,
    }
    argued = {
        "p50_ms": given["evidence"]["p50_ms"],
        "right": given["evidence"]["right"],
        "price_words": _words(given["price"]),
        "price_has_a_figure": bool(re.search(r"\d", given["price"])),
        "change_words": _words(given["would_change_my_mind"]),
    }
    return measured | argued, row


def _is_published(records: Records, option: str, baseline: str) -> bool:
    """Return whether an option's file is a network as the course trained it, whatever runs it."""
    files = []
    for name in (option, baseline):
        record = records.latest(kind="accuracy", option=name)
        files.append(record and record.model)
    return option in ARCHITECTURES or files[0] == files[1]


def _words(text: str) -> int:
    """Return how many words of letters a text has; figures and signs are none."""
    return len(re.findall(r"[^\W\d_]{2,}", text))
