"""Serve with Triton: a model of one's own in it, perf_analyzer's line and report, the queue, and Little's law."""

from __future__ import annotations

from statistics import mean

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.system.runs import answered_per_s
from labs.display.format import times
from labs.records import Records

#: The runs in the lesson's order.
_RUNS = ("python-1", "python-8", "python-16")
_SIXTEEN = {"kind": "load", "option": "python-16"}

#: The model that was looked into.
_MODEL = {"subject": "artefact.s.queue.model"}


def ratio_of_rates(records: Records, option: str, baseline: str) -> float | None:
    """Return one option's answers a second over another's, from their newest runs; None while one is missing.

    A run that was over before its first answer has no rate, and counts as missing.
    """
    runs = [records.latest(kind="load", option=name) for name in (option, baseline)]
    if None in runs or not answered_per_s(runs[1]):
        return None
    return answered_per_s(runs[0]) / answered_per_s(runs[1])


@prediction(
    "s.queue.eight_guess",
    about={"kind": "load", "option": "python-8"},
    title="Predict how many times as many answers eight clients get as one",
    between=(0.05, 100),
    show=times,
)
def eight_clients(records: Records) -> float | None:
    """Return answers a second with eight clients over those with one."""
    return ratio_of_rates(records, "python-8", "python-1")


@prediction(
    "s.queue.batch_guess",
    about={"kind": "load", "option": "python-b16"},
    title="Predict how many times as many images a second requests of sixteen bring",
    between=(0.05, 100),
    show=times,
)
def requests_of_sixteen(records: Records) -> float | None:
    """Return images a second in requests of sixteen over those of sixteen clients."""
    found = ratio_of_rates(records, "python-b16", "python-16")
    return None if found is None else 16 * found


def inspect_model(folder) -> dict:
    """Return what the real Triton says of a model's folder, and what the model answers."""
    from labs.serve.triton.trial import tried

    return tried(folder, together=True)


#: Facts of a model that does everything right; examples of mistakes change a few of them.
GOOD = {
    **{"loaded": True, "reason": "", "backend": "python", "max_batch_size": 16, "instances": 1},
    "instance_group": [{"kind": "KIND_CPU", "count": 1, "gpus": []}],
    **{"asked": 6, "right": 6, "rows": 6, "sent": 48, "burst": 48, "batch_sizes": {"8": 6}, "said": ""},
}


@artefact_question(
    "s.queue.model",
    points=5,
    title="Write a model for Triton's Python backend",
    inspect=inspect_model,
    hints=(
        "First a loop that collects inputs and remembers which rows are whose; then one run; then a loop of answers.",
        "`places.append((number, begin, end))` while collecting; then `responses[number]` from `probs[begin:end]`.",
    ),
    mistakes={
        "not loaded": "Triton does not load this folder; its reason stands below.",
        "no answers": "It loads, and gives no answer: `execute` returns a list with an InferenceResponse a request.",
        "other classes": "Its classes are not those of the course's model: compare `to_input` and the softmax.",
        "one row": "A request of several images gets one row: take all texts of the request, not the first.",
        "not all requests": "Several requests in one `execute`, and not each gets its own answer, in its own place.",
        "spoilt": "A request that holds no image is to be refused, and it alone: give that one an error, and go on.",
    },
    examples={
        "good": {**GOOD, "refused": True},
        "not loaded": {"loaded": False, "reason": "food_classifier was not loaded: No module named 'netwerk'"},
        "no answers": {**GOOD, "right": 0, "rows": 0, "burst": 0, "said": "NoneType object", "refused": False},
        "other classes": {**GOOD, "right": 2, "rows": 2, "burst": 16, "refused": True},
        "one row": {**GOOD, "rows": 1, "refused": True},
        "not all requests": {**GOOD, "burst": 0, "said": "size is:8, and InferenceResponse(s) size is:1"},
        "spoilt": {**GOOD, "refused": False},
    },
)
def model_folder(facts: dict, records: Records) -> Verdict:
    """Judge that it loads, and answers single images, several in a request, and several requests at once."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if not facts["right"]:
        return failed_as("no answers" if facts["said"] else "other classes", yours=facts["said"])
    if facts["right"] < facts["asked"] - 1:
        return failed_as("other classes", yours=f"{facts['right']} of {facts['asked']} as torch says")
    if facts["rows"] < facts["right"]:
        return failed_as("one row", yours=f"{facts['rows']} right rows of {facts['asked']}")
    if facts["burst"] < facts["sent"] * facts["right"] // facts["asked"]:
        return failed_as("not all requests", yours=facts["said"] or f"{facts['burst']} of {facts['sent']} right")
    if not facts.get("refused"):
        return failed_as("spoilt")
    most = max(map(int, facts["batch_sizes"]), default=1)
    return passed(f"{facts['sent']} requests of eight clients, up to {most} in one run, and each got its own answer.")


def _lines(random: np.random.Generator) -> list[tuple]:
    ports = random.integers(2000, 60000, 4)
    asked = [(1, 1), (8, 1), (1, 16), tuple(int(one) for one in random.integers(2, 9, 2) * (1, 3))]
    return [(f"127.0.0.1:{port}", clients, images) for port, (clients, images) in zip(ports, asked, strict=True)]


def _line(address: str, clients: int, images: int, *, protocol: str = " -i grpc", stability: str = " -s 999") -> str:
    return (
        f"perf_analyzer -u {address}{protocol} -m food_classifier --input-data input.json -b {images} "
        f"--concurrency-range {clients} -p 5000{stability} -f report.csv --verbose-csv "
        "--profile-export-file requests.json"
    )


def same_line(given: object, wanted: object) -> bool:
    """Return whether two lines ask the same of perf_analyzer, in whatever order."""
    return _options(str(given)) == _options(str(wanted))


def _options(line: str) -> dict[str, str] | None:
    """Return the values of a line's options by option."""
    words = line.replace("=", " ").split()
    if words[:1] != ["perf_analyzer"]:
        return None
    found, option = {}, ""
    for word in words[1:]:
        option = word if word.startswith("-") else option
        found[option] = "" if word == option else f"{found.get(option, '')} {word}".strip()
    return found


@function_question(
    "s.queue.line",
    points=2,
    title="Write perf_analyzer's command line",
    hints=(
        "An f-string with the table's rows one after the other.",
        'It begins with `f"perf_analyzer -u {address} -i grpc -m food_classifier -b {images} "`.',
    ),
    cases=_lines,
    needs=(_MODEL,),
    compare=same_line,
    mistakes=(
        Mistake(
            "no protocol",
            lambda address, clients, images: _line(address, clients, images, protocol=""),
            "Without `-i grpc` it speaks HTTP to a gRPC port.",
        ),
        Mistake(
            "turned",
            lambda address, clients, images: _line(address, images, clients),
            "Clients and images are turned around: `-b` is what one request holds.",
        ),
        Mistake(
            "its own stability",
            lambda address, clients, images: _line(address, clients, images, stability=""),
            "Without `-s` three windows have to agree within 10 percent, and on a busy machine they never do.",
        ),
        Mistake(
            "from one",
            lambda address, clients, images: _line(address, f"1:{clients}", images),
            "A range from 1 measures every level on the way: say the one number.",
        ),
    ),
    right="This is what is typed wherever Triton serves.",
)
def perf_analyzer_line(address: str, clients: int, images: int) -> str:
    """Return the command line."""
    return _line(address, clients, images)


def _readings(random: np.random.Generator) -> list[tuple]:
    cases = []
    for clients in (1, 8, 16):
        count, each_ns = int(random.integers(40, 400)), int(random.integers(3, 40)) * 10**6
        first = _counted(int(random.integers(5, 90)), int(each_ns * 1.7), int(each_ns * 0.3))
        cases.append((first, _counted(count, each_ns, (clients - 1) * each_ns + 40_000, first)))
    empty = _counted(0, 0, 0)
    return [*cases, (empty, _counted(100, 10**7, 7 * 10**7))]


def _counted(count: int, compute_ns: int, queue_ns: int, before: dict | None = None) -> dict:
    earlier = before["model_stats"][0]["inference_stats"] if before else {}
    each = {
        "success": compute_ns + queue_ns + 90_000,
        "fail": 0,
        "queue": queue_ns,
        "compute_input": 50_000,
        "compute_infer": compute_ns,
        "compute_output": 30_000,
    }
    stats = {
        name: {
            "count": (0 if name == "fail" else count) + earlier.get(name, {}).get("count", 0),
            "ns": count * ns + earlier.get(name, {}).get("ns", 0),
        }
        for name, ns in each.items()
    }
    return {"model_stats": [{"name": "food_classifier", "version": "1", "inference_stats": stats}]}


def _own_readings(records: Records) -> list[tuple]:
    runs = [records.latest(kind="load", option=option) for option in _RUNS]
    return [tuple({"model_stats": [one]} for one in run.details["statistics"]) for run in runs]


def _ns(reading: dict, name: str) -> int:
    return reading["model_stats"][0]["inference_stats"][name]["ns"]


def _added(before: dict, after: dict, name: str) -> int:
    return _ns(after, name) - _ns(before, name)


@function_question(
    "s.queue.share",
    points=3,
    title="Say which share of the time requests spent in the queue",
    hints=(
        "For `queue` and for `success`: the later reading's `ns` minus the earlier one's.",
        '`after["model_stats"][0]["inference_stats"]["queue"]["ns"]`, and so on; then queue over success.',
    ),
    cases=_readings,
    own=_own_readings,
    needs=(_SIXTEEN,),
    mistakes=(
        Mistake(
            "since loading",
            lambda before, after: _ns(after, "queue") / _ns(after, "success"),
            "This is the share since the model was loaded: take away what was counted before.",
        ),
        Mistake(
            "of compute",
            lambda before, after: _added(before, after, "queue") / _added(before, after, "compute_infer"),
            "This holds the queue against the model alone; the whole of a request is `success`.",
        ),
        Mistake(
            "not waiting",
            lambda before, after: 1 - queue_share(before, after),
            "This is the share that was not waiting.",
        ),
        Mistake(
            "nanoseconds",
            lambda before, after: _added(before, after, "queue"),
            "These are nanoseconds in the queue; a share of the whole is asked for.",
        ),
    ),
    right="The rest is work, and with sixteen clients there is little of it.",
)
def queue_share(before: dict, after: dict) -> float:
    """Return the share of requests' time that was spent in the queue."""
    return _added(before, after, "queue") / _added(before, after, "success")


def _windows(random: np.random.Generator) -> list[tuple]:
    base = float(random.uniform(20, 400))
    tenth, quarter = [base, 1.08 * base, 1.03 * base], [base, 1.25 * base, 1.1 * base]
    return [
        (tenth, 10),
        (quarter, 10),
        ([0.5 * base, *tenth], 10),
        ([*tenth, 1.3 * base], 10),
        (tenth[:2], 10),
        (quarter, 30),
        ([base, 1.15 * base, 1.07 * base], 10),
        ([base, 40 * base, 2 * base], 999),
        ([base, 5 * base, 2 * base], 999),
    ]


@function_question(
    "s.queue.stable",
    points=2,
    title="Say whether rates are stable by perf_analyzer's rule",
    hints=(
        "`rates[-3:]` are the last three; `-s 10` means that 110 beside 100 still passes.",
        "`max(last) <= (1 + percent / 100) * min(last)`, and three of them at least.",
    ),
    cases=_windows,
    needs=(_SIXTEEN,),
    mistakes=(
        Mistake(
            "all windows",
            lambda rates, percent: len(rates) >= 3 and max(rates) <= (1 + percent / 100) * min(rates),
            "Only the last three count: it forgets how the run began.",
        ),
        Mistake(
            "two are enough",
            lambda rates, percent: max(rates[-3:]) <= (1 + percent / 100) * min(rates[-3:]),
            "Fewer than three windows are never stable.",
        ),
        Mistake(
            "around the mean",
            lambda rates, percent: (
                len(rates) >= 3 and all(abs(one / mean(rates[-3:]) - 1) <= percent / 100 for one in rates[-3:])
            ),
            "This measures from the mean; perf_analyzer holds the largest against the smallest.",
        ),
        Mistake(
            "share",
            lambda rates, percent: len(rates) >= 3 and max(rates[-3:]) <= (1 + percent) * min(rates[-3:]),
            "10 is percent: 0.1 as a share.",
        ),
    ),
    right="So a report that says nothing of its `-s` says little.",
)
def stable(rates: list, percent: float) -> bool:
    """Return whether the last three windows are alike enough."""
    last = rates[-3:]
    return len(last) == 3 and max(last) <= (1 + percent / 100) * min(last)


def _loops(random: np.random.Generator) -> list[tuple]:
    cases = []
    for clients, share in ((1, 1.01), (8, 0.97), (16, 0.57), (16, 1.04), (4, 1.3), (32, 0.93)):
        rate = float(random.uniform(20, 300))
        cases.append((rate, share * clients / rate, clients))
    return cases


def _own_loops(records: Records) -> list[tuple]:
    runs = [records.latest(kind="load", option=option) for option in _RUNS]
    return [(answered_per_s(run), mean(run.samples), run.concurrency) for run in runs]


@function_question(
    "s.queue.little",
    points=2,
    title="Check a measurement with Little's law",
    hints=(
        "Answers a second times seconds has no unit: it counts requests.",
        "`inside = rate_rps * latency_s`; it holds where `abs(inside - clients) <= 0.1 * clients`.",
    ),
    cases=_loops,
    own=_own_loops,
    needs=(_SIXTEEN,),
    mistakes=(
        Mistake(
            "milliseconds",
            lambda rate_rps, latency_s, clients: {"inside": 1e3 * rate_rps * latency_s, "holds": False},
            "Seconds are handed in: nothing is to be converted.",
        ),
        Mistake(
            "always",
            lambda rate_rps, latency_s, clients: {"inside": rate_rps * latency_s, "holds": True},
            "It says that the law holds whatever comes out. 9 inside with 16 clients is a measurement that failed.",
        ),
        Mistake(
            "one side",
            lambda rate_rps, latency_s, clients: {
                "inside": rate_rps * latency_s,
                "holds": rate_rps * latency_s <= 1.1 * clients,
            },
            "Too few inside is as wrong as too many: take the difference on both sides.",
        ),
        Mistake(
            "one request",
            lambda rate_rps, latency_s, clients: {
                "inside": rate_rps * latency_s,
                "holds": abs(rate_rps * latency_s - clients) <= 0.1,
            },
            "10 percent of the clients, not a tenth of a request.",
        ),
    ),
    right="One line, and it finds measurements that are wrong before anybody believes them.",
)
def little(rate_rps: float, latency_s: float, clients: int) -> dict:
    """Return the requests inside by Little's law, and whether they agree with the clients."""
    inside = rate_rps * latency_s
    return {"inside": inside, "holds": abs(inside - clients) <= 0.1 * clients}
