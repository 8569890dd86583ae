"""Batch or online: how long an answer computed in advance is waited for, what it costs, and what a server costs."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import Mistake, function_question, prediction
from labs.records import Records
from labs.records.customers import CUSTOMERS, JOB_START_S, MOST_BUSY, SERVER_USD_PER_H

#: Sides of the images that are measured, in pixels; the first is the one that the model was trained with.
PIXELS = (224, 160, 112)
#: Images in a batch of a job.
BATCH = 32
#: What the first prediction asks for: photos of one night.
NIGHT_PHOTOS = 100_000

LATENCY = {"kind": "latency", "option": f"pixels-{PIXELS[0]}"}
THROUGHPUT = {"kind": "throughput", "option": f"pixels-{PIXELS[0]}"}
_SMALL = {"kind": "accuracy", "option": f"pixels-{PIXELS[-1]}"}


def rates_of(records: Records) -> dict[int, dict[str, float]]:
    """Return what was measured at each size: "latency_s" (p95), "fps" in batches and "accuracy"; sizes by pixels.

    A size that was not measured in full is left out.
    """
    found = {}
    for pixels in PIXELS:
        option = f"pixels-{pixels}"
        made = [
            records.latest(kind="latency", option=option, batch_size=1),
            records.latest(kind="throughput", option=option, batch_size=BATCH),
            records.latest(kind="accuracy", option=option),
        ]
        if None not in made:
            latency, batches, accuracy = made
            found[pixels] = {
                "latency_s": latency.percentile(95),
                "fps": batches.throughput_fps.value,
                "accuracy": accuracy.value.value,
            }
    return found


@prediction(
    "start.serving.night_guess",
    about=THROUGHPUT,
    title="Predict how many minutes this machine takes for 100,000 photos in batches",
    unit="min",
    between=(0.01, 100_000),
)
def night_minutes(records: Records) -> float | None:
    """Return the minutes that a night's photos take at the measured throughput."""
    record = records.latest(**THROUGHPUT, batch_size=BATCH)
    return None if record is None else NIGHT_PHOTOS / record.throughput_fps.value / 60


@prediction(
    "start.serving.small_guess",
    about=_SMALL,
    title="Predict how many of 100 images the model gets right at half the side, 112 pixels",
    unit="of 100",
    between=(1, 100),
)
def small_right(records: Records) -> float | None:
    """Return the measured accuracy at the smallest size, of 100."""
    record = records.latest(**_SMALL)
    return None if record is None else 100 * record.value.value


def _logs(random: np.random.Generator) -> list[tuple]:
    cases = []
    for every_h in (24, 12, 6, 8, 4):
        count = int(random.integers(12, 20))
        arrivals_h = np.sort(random.uniform(0.1, 23.9, count)).round(4)
        cases.append((arrivals_h, every_h, count / 3600 / float(random.uniform(0.5, 1.5))))
    return cases


def _own_logs(records: Records) -> list[tuple]:
    rate = rates_of(records)[PIXELS[0]]
    return [(np.linspace(8.01, 17.99, 40), 6, rate["fps"])]


def _runs(arrivals_h: np.ndarray, every_h: float) -> np.ndarray:
    return np.ceil(np.asarray(arrivals_h) / every_h)


def _own_turn(arrivals_h: np.ndarray, every_h: float, fps: float) -> np.ndarray:
    return _runs(arrivals_h, every_h) * every_h + 1 / fps / 3600 - arrivals_h


def _whole_log(arrivals_h: np.ndarray, every_h: float, fps: float) -> np.ndarray:
    return _runs(arrivals_h, every_h) * every_h + len(arrivals_h) / fps / 3600 - arrivals_h


def _seconds(arrivals_h: np.ndarray, every_h: float, fps: float) -> np.ndarray:
    which, count = np.unique(_runs(arrivals_h, every_h), return_inverse=True, return_counts=True)[1:]
    return _runs(arrivals_h, every_h) * every_h + count[which] / fps - arrivals_h


@function_question(
    "start.serving.waits",
    points=2,
    title="Write how long each photo waits for the job that classifies it",
    hints=(
        "Which run takes a photo, and when does it begin? `np.ceil(arrivals_h / every_h)` numbers the runs.",
        "A run of n photos ends n / fps / 3600 hours after it began; `np.unique(…, return_counts=True)` counts them.",
    ),
    cases=_logs,
    own=_own_logs,
    needs=(THROUGHPUT,),
    mistakes=(
        Mistake(
            "no work",
            lambda arrivals_h, every_h, fps: _runs(arrivals_h, every_h) * every_h - arrivals_h,
            "That is the wait until the run begins: its results are there when it has ended.",
        ),
        Mistake(
            "run before",
            lambda arrivals_h, every_h, fps: waits_h(arrivals_h, every_h, fps) - every_h,
            "That run was over before the photo came: take the next one.",
        ),
        Mistake("own turn", _own_turn, "The results of a run come together: a photo waits for all photos of its run."),
        Mistake("whole log", _whole_log, "A run takes the photos that came since the last one, not those of all day."),
        Mistake("seconds of work", _seconds, "Hours and seconds are mixed: n / fps are seconds."),
        Mistake(
            "half a period",
            lambda arrivals_h, every_h, fps: np.full(len(arrivals_h), every_h / 2),
            "Half a period is a mean at best. Each photo has a wait of its own.",
        ),
    ),
    right="How old an answer is, is decided by the timetable, and hardly by the model.",
)
def waits_h(arrivals_h: np.ndarray, every_h: float, fps: float) -> np.ndarray:
    """Return the hours from each photo's arrival until its result is there."""
    run = _runs(arrivals_h, every_h)
    which, count = np.unique(run, return_inverse=True, return_counts=True)[1:]
    return run * every_h + count[which] / fps / 3600 - arrivals_h


def _jobs(random: np.random.Generator) -> list[tuple]:
    cases = []
    for runs in (1, 24, 4, 2, 96):
        images = int(random.integers(20_000, 2_000_000))
        asked = int(images * random.uniform(0.02, 0.4))
        prices = (float(random.uniform(30, 300)), float(random.uniform(20, 400)), float(random.uniform(0.05, 3)))
        cases.append((images, asked, runs, *prices))
    return cases


def _own_jobs(records: Records) -> list[tuple]:
    return [(NIGHT_PHOTOS, 3_000, 1, JOB_START_S, rates_of(records)[PIXELS[0]]["fps"], SERVER_USD_PER_H)]


def _job(images: float, asked: float, start_s: float, fps: float, usd_per_h: float, *, wasted: float) -> dict:
    return {
        "usd": (start_s + images / fps) / 3600 * usd_per_h,
        "wasted_usd": wasted * images / fps / 3600 * usd_per_h,
    }


@function_question(
    "start.serving.precomputed",
    points=2,
    title="Compute what precomputing costs, and what of it nobody asks for",
    hints=(
        "A machine is paid from its start: `runs` starts, and `images / fps` seconds of work.",
        "Wasted are the seconds for `images - asked` photos; the starts are not counted there.",
    ),
    cases=_jobs,
    own=_own_jobs,
    needs=(THROUGHPUT,),
    mistakes=(
        Mistake(
            "one start",
            lambda images, asked, runs, start_s, fps, usd: _job(
                images, asked, start_s, fps, usd, wasted=1 - asked / images
            ),
            "Each of the runs starts a machine, and pays for that.",
        ),
        Mistake(
            "no start",
            lambda images, asked, runs, start_s, fps, usd: _job(images, asked, 0, fps, usd, wasted=1 - asked / images),
            "The machine is paid from its start, not from its first photo.",
        ),
        Mistake(
            "useful part",
            lambda images, asked, runs, start_s, fps, usd: _job(
                images, asked, runs * start_s, fps, usd, wasted=asked / images
            ),
            "Those are the answers that somebody asks for; wasted are the others.",
        ),
        Mistake(
            "only what is asked",
            lambda images, asked, runs, start_s, fps, usd: _job(
                asked, asked, runs * start_s, fps, usd, wasted=images / asked - 1
            ),
            "Nobody knows beforehand which photos will be asked for: the job classifies all of them.",
        ),
        Mistake(
            "seconds paid",
            lambda images, asked, runs, start_s, fps, usd: {
                name: 3600 * value for name, value in precomputed(images, asked, runs, start_s, fps, usd).items()
            },
            "The price is for an hour, and these are seconds.",
        ),
    ),
    right="What is computed in advance is paid whether or not anybody looks.",
)
def precomputed(images: int, asked: int, runs: int, start_s: float, fps: float, usd_per_h: float) -> dict:
    """Return the dollars of a day's batch jobs, and those of them spent on answers that nobody asks for."""
    return _job(images, asked, runs * start_s, fps, usd_per_h, wasted=1 - asked / images)


def _days(random: np.random.Generator) -> list[tuple]:
    cases = []
    for _ in range(5):
        photos = random.integers(0, 5_000, 24)
        latency_s = float(random.uniform(0.005, 0.2))
        # Of so many machines' work, rounding and the share that may be busy each show.
        photos[random.integers(24)] = int(random.uniform(3.1, 12) * 3600 / latency_s)
        cases.append((photos, latency_s, float(random.uniform(0.5, 0.75)), float(random.uniform(0.05, 3))))
    return cases


def _own_days(records: Records) -> list[tuple]:
    latency_s = rates_of(records)[PIXELS[0]]["latency_s"]
    return [(np.array(one.photos_per_h), latency_s, MOST_BUSY, SERVER_USD_PER_H) for one in CUSTOMERS]


def _served(photos_per_h: np.ndarray, latency_s: float, machines: int, usd_per_h: float) -> dict:
    busy_h = float(np.sum(photos_per_h)) * latency_s / 3600
    return {"machines": machines, "usd": machines * 24 * usd_per_h, "idle_share": 1 - busy_h / (24 * max(machines, 1))}


def _machines(photos: float, latency_s: float, most_busy: float) -> int:
    return math.ceil(photos * latency_s / 3600 / most_busy)


@function_question(
    "start.serving.on_demand",
    points=2,
    title="Compute machines, cost and idle time of answering on demand",
    hints=(
        "The busiest hour decides: `photos * latency_s` seconds of work in 3600 seconds, of which a share may be busy.",
        "`math.ceil(max(photos_per_h) * latency_s / 3600 / most_busy)` machines, paid for all 24 hours.",
    ),
    cases=_days,
    own=_own_days,
    needs=(LATENCY,),
    mistakes=(
        Mistake(
            "mean hour",
            lambda photos, latency_s, most_busy, usd: _served(
                photos, latency_s, _machines(float(np.mean(photos)), latency_s, most_busy), usd
            ),
            "These are enough for the mean hour. In the busiest one people would wait, and then leave.",
        ),
        Mistake(
            "always busy",
            lambda photos, latency_s, most_busy, usd: _served(
                photos, latency_s, _machines(float(np.max(photos)), latency_s, 1.0), usd
            ),
            "A machine that is busy all the time has a queue without end: `most_busy` is all that it may be.",
        ),
        Mistake(
            "rounded down",
            lambda photos, latency_s, most_busy, usd: _served(
                photos, latency_s, _machines(float(np.max(photos)), latency_s, most_busy) - 1, usd
            ),
            "Rounded down, the busiest hour is more than they can do: use `math.ceil`.",
        ),
        Mistake(
            "one hour paid",
            lambda photos, latency_s, most_busy, usd: (
                on_demand(photos, latency_s, most_busy, usd)
                | {"usd": on_demand(photos, latency_s, most_busy, usd)["usd"] / 24}
            ),
            "That is one hour's price. The machines wait for photos all 24.",
        ),
        Mistake(
            "busy share",
            lambda photos, latency_s, most_busy, usd: (
                on_demand(photos, latency_s, most_busy, usd)
                | {"idle_share": 1 - on_demand(photos, latency_s, most_busy, usd)["idle_share"]}
            ),
            "That is the share in which they work. Idle is the rest.",
        ),
    ),
    right="A server is paid for the hours in which nobody asks.",
)
def on_demand(photos_per_h: np.ndarray, latency_s: float, most_busy: float, usd_per_h: float) -> dict:
    """Return the machines for the busiest hour, the dollars of a day, and the share of the paid time that is idle."""
    machines = _machines(float(np.max(photos_per_h)), latency_s, most_busy)
    return _served(photos_per_h, latency_s, machines, usd_per_h)
