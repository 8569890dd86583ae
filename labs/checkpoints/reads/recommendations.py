"""Facts about a recommendation: the figures that it quotes, beside those of the records, and how much it says."""

import math
import re

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.decision import Judged, decide
from labs.records.options import by_machine
from labs.records.targets import target


def compared(
    records: Records, question: str, baseline: str, wanted: str, prefix: str = ""
) -> tuple[dict, Judged]:
    """Return what a recommendation says beside its records, and how its option was judged.

    Args:
        baseline: Option whose newest latency says which machine's records count.
        wanted: Name of the target.
        prefix: Beginning of the options' names in the lesson's table. Other options take no part.

    Raises:
        MissingEvidenceError: The baseline was not measured in full.
    """
    given, *_, options = records.answer(question), [], *by_machine(records, baseline).values()
    decisions = decide(
        [option for option in options if option.option.startswith(prefix)], target(wanted)
    )
    judged = {decision.option.option: decision for decision in decisions}
    if baseline not in judged:
        raise MissingEvidenceError(
            f"`{baseline}` was not measured in full yet: one photo, size and right answers."
        )
    option, evidence = given["option"], given["evidence"]
    row = judged.get(option, judged[baseline])
    meeting = [name for name, one in judged.items() if one.meets]
    facts = {
        "option": option,
        "measured": option in judged,
        "machine": row.option.machine,
        "kept": row.accuracy == "kept",
        # Where nothing meets the target, as on a laptop, whatever keeps its accuracy may be recommended.
        "meets": row.meets or not meeting,
        "meeting": ", ".join(meeting),
        "p50_ms": evidence["p50_ms"],
        "measured_p50_ms": 1e3 * row.option.p50_s.value if row.option.p50_s else math.nan,
        "right": evidence["right"],
        "measured_right": row.option.right,
        "price_words": _words(given["price"]),
        "price_has_a_figure": bool(re.search(r"\d", given["price"])),
        "change_words": _words(given["would_change_my_mind"]),
    }
    return facts, row


def _words(text: str) -> int:
    """Return how many words of letters a text has; figures and signs are none."""
    return len(re.findall(r"[^\W\d_]{2,}", text))
