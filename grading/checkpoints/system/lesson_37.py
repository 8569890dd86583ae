"""Serve several models and cache answers: versions, what a neighbour costs, and what a share of hits is worth."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.data.labels import CLASS_NAMES
from labs.display.format import times
from labs.records import Records
from labs.stats import quotient

_BOTH = {"kind": "load", "option": "classifier-both"}
_CACHED = {"kind": "load", "option": "cache-1"}
_NEW = {"kind": "load", "option": "cache-0"}
_CLAIMS = ("put to use", "in each other's way", "cannot tell")
#: Words of a reason below which it says too little.
_FEWEST_WORDS = 6
#: Images that each version is asked about; requests with one photo, and with another, that a cache is asked.
_IMAGES, _AGAIN = 6, 4


@prediction(
    "s.several.slower_guess",
    about=_BOTH,
    title="Predict how many times as long the classifier takes beside another model",
    between=(0.05, 100),
    show=times,
)
def slowdown(records: Records) -> float | None:
    """Return the classifier's median beside the palette over its median alone; None while a run is missing."""
    runs = [records.latest(kind="load", option=f"classifier-{how}") for how in ("both", "alone")]
    return None if None in runs else runs[0].percentile(50) / runs[1].percentile(50)


@prediction(
    "s.several.cached_guess",
    about=_CACHED,
    title="Predict how many times as many answers come from the cache",
    between=(0.05, 1000),
    show=times,
)
def cached_gain(records: Records) -> float | None:
    """Return answers a second from the cache over those that were computed."""
    runs = [records.latest(**one) for one in (_CACHED, _NEW)]
    return None if None in runs else mean(runs[1].samples) / mean(runs[0].samples)


def inspect_versions(folder) -> dict:
    """Return which versions the real Triton serves of a folder, and how near each is to its own file."""
    from labs.serve.triton import trial

    folder = Path(folder)
    _, tensors = trial.photos(_IMAGES)
    try:
        with trial.copied(folder.parent, folder.name) as triton:
            served = sorted(trial.counted(triton, folder.name))
            said = {
                version: trial.ask(triton, folder.name, "input", tensors, version=version)["output"]
                for version in served
            }
    except trial.RefusedError as error:
        return {"loaded": False, "reason": str(error)}
    right = trial.expected_classes(tensors)
    classes = {version: [CLASS_NAMES[index] for index in rows.argmax(axis=1)] for version, rows in said.items()}
    return {
        "loaded": True,
        "reason": "",
        "served": served,
        "asked": _IMAGES,
        "right": {
            version: sum(one == other for one, other in zip(named, right, strict=True))
            for version, named in classes.items()
        },
        "apart": float(np.abs(said["1"] - said["2"]).max()) if {"1", "2"} <= set(said) else 0.0,
    }


_VERSIONS = {"loaded": True, "reason": "", "served": ["1", "2"], "asked": 6, "right": {"1": 6, "2": 6}, "apart": 0.4}


@artefact_question(
    "s.several.versions",
    points=3,
    title="Serve two named versions of one model",
    inspect=inspect_versions,
    hints=(
        "Lesson 36's text, and the stanza `version_policy` with `specific`.",
        "`version_policy: { specific { versions: [ 1, 2 ] } }`",
    ),
    mistakes={
        "not loaded": "Triton does not load this folder; its reason stands below.",
        "latest only": "Triton serves the latest version alone, which is its default: name both.",
        "other versions": "Triton serves other versions than 1 and 2.",
        "same file": "Both versions give the same numbers: is version 2 the INT8 file?",
        "other classes": "A version's classes are not those of the course's model.",
    },
    examples={
        "good": _VERSIONS,
        "not loaded": {
            "loaded": False,
            "reason": "config.pbtxt, line:column 9:1: Message type has no field 'versions'",
        },
        "latest only": {**_VERSIONS, "served": ["2"], "right": {"2": 6}, "apart": 0.0},
        "other versions": {**_VERSIONS, "served": ["1"], "right": {"1": 6}, "apart": 0.0},
        "same file": {**_VERSIONS, "apart": 0.0},
        "other classes": {**_VERSIONS, "right": {"1": 6, "2": 1}},
    },
)
def versions(facts: dict, records: Records) -> Verdict:
    """Judge that both versions are served, each from a file of its own."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if facts["served"] == ["2"]:
        return failed_as("latest only")
    if facts["served"] != ["1", "2"]:
        return failed_as("other versions", yours=", ".join(facts["served"]))
    if facts["apart"] == 0:
        return failed_as("same file")
    # INT8 may lose an image or two of six.
    if facts["right"]["1"] < facts["asked"] or facts["right"]["2"] < facts["asked"] - 2:
        return failed_as("other classes", yours=str(facts["right"]))
    return passed("Who names no version gets the highest that is served.")


@checkpoint(
    "s.several.shares",
    points=2,
    title="Say whether sharing used the machine better or divided it",
    form={"claim": _CLAIMS, "reason": str},
    needs=(_BOTH, {"kind": "load", "option": "palette-both"}),
    hints=(
        "Does the interval of the sum hold 1?",
        "Above 1 altogether: put to use. Below: in each other's way. Otherwise this run cannot tell.",
    ),
    mistakes={
        "claim": "Look at both ends of the printed interval of the sum: where is 1?",
        "no reason": "The reason says too little: which parts of the machine do the two share, and which not?",
    },
)
def shares(records: Records) -> Verdict:
    """Judge the claim by the interval of the sum of both shares; a person reads the reason."""
    given = records.answer("s.several.shares")
    pairs = [
        [records.latest(kind="load", option=f"{name}-{how}").throughput_rps for how in ("both", "alone")]
        for name in ("classifier", "palette")
    ]
    parts = [quotient(*pair) for pair in pairs]
    low, high = sum(one.low for one in parts), sum(one.high for one in parts)
    if given["claim"] != (_CLAIMS[0] if low > 1 else _CLAIMS[1] if high < 1 else _CLAIMS[2]):
        return failed_as("claim")
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    return passed("A person reads the reason.", f"together {low:.2f} to {high:.2f}")


def inspect_cache(folder) -> dict:
    """Return what the real Triton counts when a folder's model is asked about one photo again and again."""
    from labs.serve.triton import trial

    folder = Path(folder)
    texts, _ = trial.photos(2)
    try:
        with trial.copied(folder.parent, folder.name) as triton:
            said = [trial.ask(triton, folder.name, "INPUT_IMAGE", texts[:1]) for _ in range(_AGAIN)]
            other = trial.ask(triton, folder.name, "INPUT_IMAGE", texts[1:])
            counted = trial.counted(triton, folder.name)["1"]["inference_stats"]
    except trial.RefusedError as error:
        return {"loaded": False, "reason": str(error)}
    same = all(np.array_equal(one["COLOURS"], said[0]["COLOURS"]) for one in said)
    return {
        "loaded": True,
        "reason": "",
        "hits": int(counted["cache_hit"]["count"]),
        "misses": int(counted["cache_miss"]["count"]),
        "same": bool(same),
        "told_apart": not np.array_equal(other["COLOURS"], said[0]["COLOURS"]),
    }


_HITS = {"loaded": True, "reason": "", "hits": _AGAIN - 1, "misses": 2, "same": True, "told_apart": True}


@artefact_question(
    "s.several.cache",
    points=2,
    title="Let Triton answer from its cache what it has answered before",
    inspect=inspect_cache,
    hints=("One stanza more: `response_cache`.", "`PALETTE_CONFIG + 'response_cache { enable: true }'`"),
    mistakes={
        "not loaded": "Triton does not load this folder; its reason stands below.",
        "no cache": "Triton computed every answer: its configuration does not ask for the cache.",
        "other answers": "The same photo got other colours, or two photos the same: is this the palette's model?",
    },
    examples={
        "good": _HITS,
        "not loaded": {"loaded": False, "reason": "config.pbtxt, line:column 12:1: no field named 'cache'"},
        "no cache": {**_HITS, "hits": 0, "misses": 0},
        "other answers": {**_HITS, "told_apart": False},
    },
)
def cache(facts: dict, records: Records) -> Verdict:
    """Judge that a photo that was asked for before is answered from the cache."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if facts["hits"] < _AGAIN - 1:
        return failed_as("no cache", yours=f"{facts['hits']} hits of {_AGAIN - 1}")
    if not facts["same"] or not facts["told_apart"]:
        return failed_as("other answers")
    return passed(f"{facts['hits']} of {_AGAIN + 1} requests were answered without running the model.")


def _mixes(random: np.random.Generator) -> list[tuple]:
    made = []
    for share in (0.0, 1.0, 0.5, 0.9, float(random.uniform(0.1, 0.4))):
        hit_s = float(random.uniform(2e-4, 1e-3))
        made.append((share, hit_s, hit_s * float(random.uniform(5, 40))))
    return made


def _own_mixes(records: Records) -> list[tuple]:
    hit_s, miss_s = (mean(records.latest(**one).samples) for one in (_CACHED, _NEW))
    return [(0.5, hit_s, miss_s)]


@function_question(
    "s.several.rate",
    points=2,
    title="Write what a share of hits is worth",
    hints=(
        "What does a request take on average? One over that is the rate.",
        "`1 / (hit_share * hit_s + (1 - hit_share) * miss_s)`",
    ),
    cases=_mixes,
    own=_own_mixes,
    needs=(_CACHED, _NEW),
    mistakes=(
        Mistake(
            "rates averaged",
            lambda hit_share, hit_s, miss_s: hit_share / hit_s + (1 - hit_share) / miss_s,
            "This averages rates. The client spends most of its time on the slow answers: average times.",
        ),
        Mistake(
            "turned around",
            lambda hit_share, hit_s, miss_s: 1 / ((1 - hit_share) * hit_s + hit_share * miss_s),
            "Hits and misses are turned around.",
        ),
        Mistake(
            "seconds",
            lambda hit_share, hit_s, miss_s: hit_share * hit_s + (1 - hit_share) * miss_s,
            "These are the seconds of an answer; answers a second are asked for.",
        ),
        Mistake(
            "hits are free",
            lambda hit_share, hit_s, miss_s: 1 / max((1 - hit_share) * miss_s, hit_s),
            "A hit takes its time too.",
        ),
    ),
    right="A cache pays where nearly everything repeats.",
)
def answers_per_s(hit_share: float, hit_s: float, miss_s: float) -> float:
    """Return the answers a second that one client gets."""
    return 1 / (hit_share * hit_s + (1 - hit_share) * miss_s)
