"""A check accepts all that its lesson's table allows, and a message never shows a figure within its
limit.

The lessons' own cells make the tables here, from records that are drawn near the limits.
"""

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from grading.builder.notebook import build
from grading.builder.questions import written
from grading.builder.solve import guesses
from grading.builder.sources import sources
from labs import stats
from labs.checkpoints.reads.gpus import ARRANGEMENTS
from labs.course import rules
from labs.course.question import Verdict, question
from labs.records.ledger import ledger
from labs.records.load import MOST_IDLE
from labs.records.reference import published_imagenet
from labs.records.targets import NETWORK_LIMITS, target
from labs.serve.triton.groups import in_words
from tests.entries import Entries

SOURCES = {lesson.id: lesson for lesson in sources()}
#: For each rule with a limit, a right answer's facts and the rule.
RULES = {}
for _lesson in SOURCES.values():
    for _id, _asked in written(_lesson).items():
        for _place, _rule in enumerate(_asked.values.get("rules", ())):
            _name, _wanted, _ = _rule
            if isinstance(_wanted, dict) and {"at least", "at most"} & _wanted.keys():
                RULES[f"{_id} {_name} {_place}"] = (_asked.good, _rule)

mpl.use("Agg")

#: How far from a limit figures are drawn, in its last shown decimals: a table shows the middle ones
#: as the limit.
STEPS = (-2.0, -1.4, -0.6, -0.4, -0.1, 0.0, 0.1, 0.4, 0.6, 1.4, 2.0)

SIDE_BY_SIDE = {"comparison_id": "1", "block_calls": 10}
GPU = {
    "name": "NVIDIA P100",
    "uuid": "GPU",
    "memory_bytes": 1 << 34,
    "compute_capability": "6.0",
    "driver": "570",
}


def formats_of(sentence: str) -> dict[str, str]:
    """Return the format of each figure in a sentence, by the fact's name."""
    return {name: spec or "" for _, name, spec, _ in Formatter().parse(sentence) if name}


def figure(text: str) -> float:
    """Return the number that a text shows; per cent become a share."""
    number = float(text.replace(",", "").removesuffix("%"))
    return round(number / 100, 12) if text.endswith("%") else number


@pytest.mark.parametrize("place", RULES)
def test_no_message_shows_a_figure_that_keeps_its_limit(place: str):
    """A rule near its limit is broken if the shown figure breaks it, and kept if the shown figure
    keeps it.
    """
    good, (name, wanted, sentence) = RULES[place]
    ((test, limit),) = wanted.items()
    spec = formats_of(sentence).get(name)
    for unit in (1.0, 0.1, 0.01, 0.001, 1e-4):
        for step in STEPS:
            value = limit + step * unit
            broken = rules.fault([(name, wanted, sentence)], {**good, name: value})
            if spec is None:
                assert bool(broken) != rules.TESTS[test](value, limit)
            elif broken:
                assert not rules.TESTS[test](figure(format(value, spec)), limit), broken
            else:
                assert rules.TESTS[test](figure(format(value, spec)), limit) or rules.TESTS[test](
                    value, limit
                )


def test_a_sentence_s_figures_are_read_as_they_are_shown():
    """Per cent, thousands, signs and exponents; whole numbers, texts and figures without a format
    stay exact.
    """
    facts = {
        "share": 0.04996,
        "times": 20.004,
        "count": 7,
        "large": 12345.678,
        "small": 0.00123456,
        "free": 1 / 3,
    }
    sentence = "{share:.1%} {times:.2f} {count} {large:,.0f} {small:.3g} {free} {name!r} {{braces}}"
    shown = rules.as_shown(sentence, {**facts, "name": "x"})
    expected = {
        "share": 0.05,
        "times": 20.0,
        "count": 7,
        "large": 12346.0,
        "small": 0.00123,
        "free": 1 / 3,
    }
    assert shown == {**expected, "name": "x"}


@functools.cache
def solved(lesson: str) -> list:
    """Return the cells of a solved lesson."""
    return build(SOURCES[lesson], solved=True).cells


def cell(lesson: str, text: str, *, begin: str = "") -> str:
    """Return the solved lesson's code cell that holds a text, from a line on that begins so."""
    (source,) = (cell.source for cell in solved(lesson) if text in cell.source)
    if not begin:
        return source
    lines = source.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith(begin))
    return "\n".join(lines[first:])


def run(source: str, scope: dict[str, Any]) -> Any:
    """Run a cell as a notebook does, and return its last expression's value."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), scope)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), scope) if last else None


def shown(table: Any) -> dict[str, dict[str, str]]:
    """Return a table's cells as a student sees them: by row, then by column."""
    if isinstance(table, pd.DataFrame):
        names = [
            " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
            for name in table.index
        ]
        table = table.set_axis(names).style.format(precision=2)
    head, *lines = table.to_string(delimiter="|").splitlines()
    return {
        row: dict(zip(head.split("|")[1:], cells, strict=True))
        for row, *cells in (x.split("|") for x in lines)
    }


def keep(entries: Entries, lesson: str) -> None:
    """Write a ledger with these entries, behind predictions for the lesson's boxes."""
    predicted = Entries()
    for id, asked in written(SOURCES[lesson]).items():
        if asked.values["kind"] == "prediction":
            predicted.predicted(id, guesses(asked))
    path = ledger().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(predicted.text + entries.text)


def verdict(id: str, answer: object) -> Verdict:
    """Return how an answer stands by the ledger as it is."""
    entries = ledger().read().to_json()
    return question(id).verdict(Entries(entries).answered(id, answer).records)


def rounds_of(
    random: np.random.Generator, times: float, baseline: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return 20 rounds whose ratio to the baseline's is a number; their median over the baseline's
    is another one.
    """
    slower = [
        block * random.lognormal(0, 0.1) * random.lognormal(0, 0.02, len(block))
        for block in baseline
    ]
    ratio = stats.ratio_of_medians(slower, baseline).interval.value
    return [block * times / ratio for block in slower]


@pytest.mark.parametrize("seed", range(len(STEPS)))
def test_the_network_that_the_table_allows_is_accepted(seed: int):
    """Both networks with the highest shown accuracy among those whose shown figures keep the
    limits.
    """
    random, table = np.random.default_rng(seed), published_imagenet()
    table["million multiply-adds"] = 300.0
    baseline = [4.0 * random.lognormal(0, 0.3) * random.lognormal(0, 0.02, 3) for _ in range(20)]
    rounds = {}
    for place, name in enumerate(table.index):
        limit = (NETWORK_LIMITS["server"].times, NETWORK_LIMITS["device"].times)[place % 2]
        step = 0.01 * STEPS[(seed + place) % len(STEPS)]
        rounds[name] = rounds_of(random, limit + step, baseline)
    rounds["mobilenetv2_100"] = baseline
    keep(Entries(), "architecture")
    scope = {"rounds": rounds, "table": table, "guesses": {"half": 1, "transformer": 1}}
    scope |= {"np": np, "pd": pd, "stats": stats, "ledger": ledger, "check": lambda *_: None}
    rows = shown(run(cell("architecture", 'table["ms"] = pd.Series'), scope))
    choice = {}
    for place, limit in NETWORK_LIMITS.items():
        allowed = {
            name: float(row["top-1 %"])
            for name, row in rows.items()
            if float(row["times as long"]) <= limit.times
            and float(row["million weights"]) <= limit.million_weights
        }
        choice[place] = max(allowed, key=allowed.__getitem__)
    assert verdict("architecture.choice", choice).ok, verdict("architecture.choice", choice).message
    run(cell("architecture", "in_time ="), scope)
    assert verdict("architecture.choice", scope["choice"]).ok


def test_the_lesson_s_text_states_the_limits():
    """The question's text contains the limits by which both networks are judged."""
    (text,) = (
        cell.source
        for cell in build(SOURCES["architecture"]).cells
        if "\n## Choose\n" in cell.source
    )
    text = " ".join(text.split())
    assert f"at most {NETWORK_LIMITS['server'].times:g} times" in text
    assert f"at most {NETWORK_LIMITS['device'].million_weights:g} million weights" in text
    assert (NETWORK_LIMITS["device"].times, "no slower than the MobileNetV2" in text) == (1, True)


def near(random: np.random.Generator, limit: float, unit: float) -> float:
    """Return a number near a limit, drawn in its last shown decimals."""
    return limit + unit * float(random.choice(STEPS))


@pytest.mark.parametrize("seed", range(12))
def test_a_recommendation_that_the_server_s_table_allows_is_accepted(seed: int):
    """Its option by the shown figures, and the figures quoted as shown: 0.20 ms is right of 0.204
    ms.
    """
    random, server = np.random.default_rng(seed), target("server-cpu")
    entries = Entries().in_full("food11", 0.00331, 81, 530, 9_000_000, 1000)
    for option in ("int8-quick", "int8-many", "int8-both"):
        quick_s = (
            near(random, server.p50_s, 1e-5)
            if option == "int8-quick"
            else float(random.uniform(1e-4, 5e-4))
        )
        fps = (
            near(random, server.batch_fps or 0, 0.01)
            if option == "int8-many"
            else 900 + 200 * random.random()
        )
        entries.in_full(option, quick_s, 81, fps, 2_000_000, 1000)
    # A board that measured float32 later is no server: the first table shows the machine that
    # measured `food11`.
    entries.in_full(
        "edge-fp32", 0.011, 81, 90, 9_000_000, 1000, machine={"cpu_model": "Cortex-A76"}
    )
    entries.measured(
        "latency", "torch-eager", [0.02] * 40, machine={"cpu_model": "another processor"}
    )
    keep(entries, "defend")
    scope: dict[str, Any] = {}
    table = None
    for cell in solved("defend"):
        if cell.cell_type == "code" and not cell.source.startswith(
            ("predict(", "from labs.checkpoints import begin")
        ):
            value = run(cell.source, scope)
            table = value if 'observe("defend.options"' in cell.source else table
    rows = shown(table)
    assert set(rows) == {"food11", "int8-quick", "int8-many", "int8-both"}
    as_accurate = {name: row for name, row in rows.items() if row["accuracy"] == "kept"}
    allowed = {
        name
        for name, row in as_accurate.items()
        if float(row["one photo, ms"]) < 1e3 * server.p50_s
        and float(row["32 at once, photos/s"]) >= (server.batch_fps or 0)
    }
    # Nobody has optimized `food11`.
    for name in set(allowed or as_accurate) - {"food11"}:
        evidence = {"p50_ms": float(rows[name]["one photo, ms"]), "right": int(rows[name]["right"])}
        choice = scope["choice"] | {"option": name, "evidence": evidence}
        assert verdict("defend.choice", choice).ok, (
            rows[name],
            verdict("defend.choice", choice).message,
        )
    assert verdict("defend.choice", scope["choice"]).ok


@pytest.mark.parametrize("seed", range(12))
def test_a_recommendation_that_the_device_s_table_allows_is_accepted(seed: int):
    """Options outside the table are ignored, although the same machine has measured them."""
    random, device = np.random.default_rng(seed), target("device")
    board = {"cpu_model": "Cortex-A76", "architecture": "aarch64"}
    entries = Entries().in_full("edge-fp32", 0.011, 81, 90, 9_000_000, 1000, machine=board)
    for option in ("edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8"):
        p50_s, size_bytes = (
            near(random, device.p50_s, 1e-5),
            near(random, device.size_bytes or 0, 1e4),
        )
        entries.in_full(option, p50_s, 81, 250, round(size_bytes), 1000, machine=board)
    entries.in_full("int8-static-s8s8", 0.001, 81, 250, 2_000_000, 1000, machine=board)
    keep(entries, "target")
    scope: dict[str, Any] = {}
    imports = cell("target", "from labs.records.decision import")
    run(imports, scope)
    rows = shown(run(cell("target", "judged = decide("), scope))
    assert all(name.startswith("edge-") for name in rows)
    allowed = []
    for name, row in rows.items():
        is_fast = float(row["one photo, ms"]) < 1e3 * device.p50_s
        is_small = float(row["MB"]) < (device.size_bytes or 0) / 1e6
        if is_fast and is_small and float(row["points, low"]) > -3:
            allowed.append(name)
    run(cell("target", "best = next(row.option for row in judged"), scope)
    for name in allowed:
        evidence = {"p50_ms": float(rows[name]["one photo, ms"]), "right": int(rows[name]["right"])}
        choice = scope["choice"] | {"option": name, "evidence": evidence}
        assert verdict("target.choice", choice).ok, (
            rows[name],
            verdict("target.choice", choice).message,
        )
    assert verdict("target.choice", scope["choice"]).ok
    unseen = scope["choice"] | {"option": "int8-static-s8s8"}
    assert "not measured completely" in verdict("target.choice", unseen).message


@pytest.mark.parametrize("executions", [4, 15, 31, 32, 33, 64])
def test_the_batches_of_the_table_are_judged_and_not_those_of_the_race(executions: int):
    """The race has shorter runs of the same options; each of them may form other batches."""
    entries, scope = Entries(), {"pd": pd, "rows": {}, "runs": {}}
    sizes = np.diff(np.linspace(0, 64, executions + 1).round().astype(int))
    batches = {
        str(size): int(count)
        for size, count in zip(*np.unique(sizes, return_counts=True), strict=True)
    }
    for name, counted in (("batching-on", batches), ("batching-off", {"1": 64})):
        load = {
            "offsets_s": [0.01] * 64,
            "duration_s": 2.0,
            "server": {"executions": 1, "batches": counted},
        }
        entries.measured("load", f"{name}-16", [0.1] * 64, load=load)
        scope["runs"][name, 16] = entries.records.measurements()[-1]
    for name, counted in (("batching-on", {"1": 32}), ("batching-off", {"2": 16})):
        load = {
            "offsets_s": [0.01] * 32,
            "duration_s": 2.0,
            "server": {"executions": 1, "batches": counted},
        }
        entries.measured(
            "load", f"{name}-16", [0.1] * 32, load=load, details={"race_id": "1", "round": 0}
        )
    rows = shown(
        run(
            cell("batching", "measure(name, clients)\nfor", begin="for (name, clients), run"), scope
        )
    )
    texts = {
        next(part for part in row.split() if "batching" in part): text
        for row, text in _per_execution(rows)
    }
    verdict = question("batching.formed").verdict(entries.records)
    assert verdict.ok == (float(texts["batching-on"]) >= 2)
    assert verdict.ok or texts["batching-on"] in verdict.message


def _per_execution(rows: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for row, columns in rows.items():
        yield row, columns["photos per execution"]


@pytest.mark.parametrize("seed", range(12))
def test_a_gpu_is_idle_as_the_table_shows_it(seed: int):
    """The figures of the row with one instance, in whole per cent."""
    random, entries = np.random.default_rng(seed), Entries()
    groups = {
        name: [{"count": 1 + name.startswith("two"), "kind": "KIND_GPU"}] for name in ARRANGEMENTS
    }
    busy = float(random.uniform(0.02, 1))
    for name, group in groups.items():
        group[0]["gpus"] = [0, 1] if name.endswith("each") else [0]
        gpus = [[busy], [max(0.0, near(random, MOST_IDLE * busy, 0.01))]]
        server = {"executions": 1, "batches": {"1": 1}}
        usage = {"gpu": gpus, "gpu_memory_bytes": [[1], [1]]}
        load = {"duration_s": 1.0, "usage": usage, "server": server}
        details = {"instance_group": group}
        entries.measured(
            "load",
            f"gpus-{name}",
            [0.1] * 9,
            load=load,
            details=details,
            machine={"gpus": [GPU, GPU]},
        )
    scope = {
        "records": entries.records,
        "rows": {},
        "stanzas": dict.fromkeys(ARRANGEMENTS),
        "np": np,
        "pd": pd,
    }
    scope |= {"guesses": {"batches": 1, "second": 1, "each": 1}, "in_words": in_words}
    rows = shown(run(cell("gpus", 'table["times one"]', begin="def row_of"), scope))
    first, second = (int(text.strip(" %")) for text in rows["one"]["GPUs busy"].split(","))
    verdict = question("gpus.placed").verdict(entries.records)
    assert verdict.ok == (second <= MOST_IDLE * first), (first, second, verdict.message)
    assert verdict.ok or f"{second} %" in verdict.message
