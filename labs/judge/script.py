"""A measuring script for a device: how it opens a session, its calls, and whether its samples are
those calls.
"""

import time
from itertools import pairwise

from labs.judge.drawn import dice
from labs.judge.program import Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting

#: Share and seconds by which the clocks of two processes may differ.
_NEAR, _NEAR_S = 0.01, 1e-4

_REPLY = {"ended": int, "printed": str, "complaint": str, "date_reads": int}


class _Runtime:
    """ONNX Runtime as the judge plays it: each call takes a time that is drawn for it."""

    def __init__(self) -> None:
        #: For each session: its settings.
        self.opened: list[dict] = []
        #: For each call: the number of its photos.
        self.photos: list[int] = []
        #: For each call: its session, its time, and the time of its answer.
        self.sessions: list[int] = []
        self.came_s: list[float] = []
        self.answered_s: list[float] = []
        self._dice = dice()

    def outside(self) -> dict[str, Outside]:
        return {
            "session": Outside({"threads": int, "path": str, "providers": [str]}, self._session),
            "run": Outside({"session": int, "rows": [list]}, self._run),
        }

    def _session(self, **settings: object) -> int:
        self.opened.append(settings)
        return len(self.opened)

    def _run(self, session: int, rows: list) -> list:
        self.sessions.append(session)
        self.photos.append(len(rows))
        self.came_s.append(time.perf_counter())
        time.sleep(float(self._dice.uniform(0.002, 0.02)))
        self.answered_s.append(time.perf_counter())
        return [[0.0] * 11] * min(len(rows), 64)

    def bounds_s(self) -> list[tuple[float, float]]:
        """Return between which two durations each call lies, whatever else keeps the machine busy.

        A call takes as long as the judge took at least; at most, the time from the answer before to
        the call after.
        """
        ends = [*self.came_s[1:], time.perf_counter()]
        begins = [self.came_s[0] - 60, *self.answered_s]
        bounds_s = []
        calls = zip(self.came_s, self.answered_s, begins, ends, strict=False)
        for came_s, answered_s, begin_s, end_s in calls:
            bounds_s.append((answered_s - came_s, end_s - begin_s))
        return bounds_s


def script(handed: Handed, start: Start = at_home) -> dict:
    """Return the exit of ``python measure.py MODEL THREADS CALLS``, its last line, and whether it
    measured that.
    """
    random, runtime = dice(), _Runtime()
    threads, calls = int(random.integers(2, 9)), int(random.integers(31, 60))
    path = f"models/{random.integers(1 << 40)}.onnx"
    facts: dict = {
        "asked": calls,
        "wanted_threads": threads,
        "wanted_path": path,
        "path": "",
        "providers": [],
        "photos": 0,
        "by_date": False,
        "ended": 1,
        "said": "",
        "printed": "nothing",
        "is_json": False,
    }
    facts |= {
        "samples": 0,
        "warm_ups": 0,
        "threads": 0,
        "moments": False,
        "in_seconds": False,
        "measured": False,
    }
    facts |= {"sample_ms": 0.0, "took_ms": 0.0}
    with (
        noting(facts),
        Program("script", content_of(handed, "measure.py"), runtime.outside(), start) as program,
    ):
        begin_s = time.perf_counter()
        number = program.begin(arguments=[path, str(threads), str(calls)])
        reply = program.reply(number, _REPLY, 30)
        wall_s = time.perf_counter() - begin_s
        lines = reply["printed"].strip().splitlines()
        last = lines[-1] if lines else "nothing"
        facts |= {"ended": reply["ended"], "said": reply["complaint"], "printed": last[:80]}
        samples_s = _samples(last)
        if samples_s is None:
            return facts
        facts |= {"is_json": True, "samples": len(samples_s)}
        facts |= runtime.opened[-1] if runtime.opened else {}
        facts["photos"] = max(runtime.photos, default=0)
        facts["in_seconds"] = sum(samples_s) <= wall_s
        is_rising = all(earlier < later for earlier, later in pairwise(samples_s))
        facts["moments"] = is_rising and len(samples_s) > 2
        if len(samples_s) == calls <= len(runtime.came_s):
            facts |= _counted(samples_s, runtime)
        facts["by_date"] = not facts["measured"] and reply["date_reads"] >= len(samples_s)
    return facts


def _samples(line: str) -> list[float] | None:
    """Return the samples in a line of JSON; None for anything else."""
    match as_json(line):
        case {"samples_s": [_, *_] as samples}:
            if all(type(sample) in (int, float) for sample in samples):
                return [float(sample) for sample in samples]
    return None


def _counted(samples_s: list[float], runtime: _Runtime) -> dict:
    """Return whether the samples are successive calls, the last ones if none fit, and that
    session's calls before.
    """
    count = len(samples_s)
    bounds_s = runtime.bounds_s()
    last = len(bounds_s) - count
    first = last
    facts = _held_against(samples_s, bounds_s[last:])
    for candidate in range(last, -1, -1):
        candidates_facts = _held_against(samples_s, bounds_s[candidate : candidate + count])
        if candidates_facts["measured"]:
            first, facts = candidate, candidates_facts
            break
    warm_ups = runtime.sessions[:first].count(runtime.sessions[first])
    return {"warm_ups": warm_ups, **facts}


def _held_against(samples_s: list[float], bounds_s: list[tuple[float, float]]) -> dict:
    """Return whether each sample is the time of its call; of the first that is not, both in
    milliseconds.
    """
    for sample_s, (least_s, most_s) in zip(samples_s, bounds_s, strict=True):
        is_long_enough = sample_s >= least_s * (1 - _NEAR) - _NEAR_S
        is_short_enough = sample_s <= most_s * (1 + _NEAR) + _NEAR_S
        if not (is_long_enough and is_short_enough):
            return {"measured": False, "sample_ms": 1e3 * sample_s, "took_ms": 1e3 * least_s}
    return {"measured": True}
