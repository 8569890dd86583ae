"""The options that nobody would give up: no other is at least as good in all objectives and proven better in one."""

from __future__ import annotations

from collections.abc import Sequence

from labs.records.options import LARGER_IS_BETTER, OptionSummary, told_apart

#: What an option is judged by unless a lesson says otherwise.
OBJECTIVES = ("accuracy", "p50_s", "batch_fps", "size_bytes")


def dominates(one: OptionSummary, other: OptionSummary, objectives: Sequence[str] = OBJECTIVES) -> bool:
    """Return whether ``one`` is at least as good as ``other`` in every objective and proven to be better in one.

    Where the two were compared (``told_apart``) that counts, elsewhere their figures do. A difference within the noise
    beats nobody: the same file, measured twice under two names, stays on the frontier twice.

    Args:
        one: An option with every objective measured.
        other: Another, of the same machine.
        objectives: Keys of ``LARGER_IS_BETTER``.

    Source: Pareto dominance, Marler and Arora, 'Survey of multi-objective optimization methods' (2004), definition 1.
    """
    ahead = False
    # What is behind by its figure first: only a proven advantage makes up for that, and most pairs end there.
    for name in sorted(objectives, key=lambda name: _gain(one, other, name) >= 0):
        said = told_apart(one, other, name)
        if said == "worse" or (said != "better" and _gain(one, other, name) < 0):
            return False
        ahead |= said == "better"
    return ahead


def dominators(options: Sequence[OptionSummary], objectives: Sequence[str] = OBJECTIVES) -> dict[str, list[str]]:
    """Return, for each option with every objective measured, the names of the options that dominate it.

    An empty list marks an option on the frontier. Options that lack a measurement are left out: what is not known can
    neither win nor lose.
    """
    complete = [one for one in options if all(getattr(one, name) is not None for name in objectives)]
    return {one.option: [other.option for other in complete if dominates(other, one, objectives)] for one in complete}


def _gain(one: OptionSummary, other: OptionSummary, name: str) -> float:
    difference = getattr(one, name).value - getattr(other, name).value
    return difference if LARGER_IS_BETTER[name] else -difference
