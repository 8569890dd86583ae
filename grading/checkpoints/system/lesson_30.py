"""Plan and reserve for a system: what a P100 can run, and the lease that the site has."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.leases import judge_lease
from labs.records import Records

#: Lowest compute capability of each, and the P100's.
#: Source: NVIDIA's support matrices of Triton 24.10 and 25.03 and of TensorRT 10; torch's cu126 builds carry sm_60.
_NEEDS = {"triton 24.10": 6.0, "triton 25.03": 7.5, "tensorrt 10": 7.0, "torch cu126": 6.0}
_P100 = 6.0


@prediction(
    "s.reserve.wait_guess",
    about={"subject": "system.block"},
    title="Predict how many hours away the block is that you choose",
    between=(0, 28 * 24),
    show=lambda hours: f"{hours:.1f} h",
)
def hours_away(records: Records) -> float | None:
    """Return how many hours the chosen block was away."""
    seen = records.seen("system.block")
    return None if seen is None else seen["hours_away"]


@checkpoint(
    "s.reserve.p100",
    title="Say which software still runs on a P100",
    hint="Compare what each wants at least with 6.0.",
    needs=({"subject": "system.lease"},),
)
def p100(records: Records) -> Verdict:
    """Judge the software by its lowest compute capability."""
    given = records.answer("s.reserve.p100")
    if given is None:
        return unanswered()
    expected = {name for name, needed in _NEEDS.items() if needed <= _P100}
    yours = {str(name).strip().lower() for name in given}
    shown = (", ".join(sorted(expected)), ", ".join(sorted(yours)))
    if yours - set(_NEEDS):
        return failed("Choose out of the four names in the question.", *shown)
    if too_new := sorted(yours - expected):
        return failed(f"{too_new[0]} wants compute capability {_NEEDS[too_new[0]]}, and a P100 has {_P100}.", *shown)
    if expected - yours:
        return failed("One more of them runs on it.", *shown)
    return passed("Read before the lease, pinned in the environment.", *shown)


@checkpoint(
    "s.reserve.lease",
    points=2,
    title="Reserve one node by name, from hour to ten to, and read its record",
    hint="Both are in the last record: one word in capitals, and less than 180 minutes from start to end.",
)
def lease(records: Records) -> Verdict:
    """Judge the lease as the site has it."""
    return judge_lease(records, "system", "s.reserve.lease")
