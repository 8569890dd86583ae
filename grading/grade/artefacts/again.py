"""Files that questions ask for, opened again: parsed, imported, run, or measured, and judged by what was found there.

A ledger's word for a file counts for nothing: what is read is the text that was handed over, or the model that was
handed in under the hash that was checked. Programs are asked what nobody has seen, in an order that nobody knows.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grading.grade.artefacts import drawn, python_backend, servers
from grading.grade.artefacts.measured import MEMORY_BYTES, Facts
from grading.grade.intake import StrictJsonError, loads
from grading.grade.sandbox import Limits, Sandbox, abilities
from labs.checkpoints.reads import streams, web_apps
from labs.course.cases import Verdict
from labs.course.question import STUMBLES, SUBJECT, Question, State, handed_over
from labs.course.rules import fault
from labs.data.intake import open_photo, to_input
from labs.records import Records
from labs.serve.triton.models import food
from labs.shell import python
from labs.workspace import PROJECT_DIR

#: Seconds for one program, on half of a busy processor; honest ones take three of a whole one.
_WITHIN_S = 40

#: A grader on which nothing but Python's start takes longer than this many seconds is too slow to say who hangs.
_SLOW_S = 10

_READS = "labs.checkpoints.reads"

#: Read by what stands in for a server that the grader has not.
_IN_PLACE_OF = {
    f"{_READS}.triton_models:ensemble": f"{_READS}.triton_models:wired",
    f"{_READS}.prometheus:scraped": f"{_READS}.scrape_configs:configured",
}

#: Packages without which a reader cannot work.
_NEEDS = {
    f"{_READS}.triton_models": ("tritonclient",),
    f"{_READS}.serve_configs": ("yaml",),
    f"{_READS}.prometheus": ("yaml",),
    f"{_READS}.web_apps": ("fastapi", "fastapi_offline", "httpx"),
    f"{_READS}.kernels": ("numba",),
    f"{_READS}.streams": ("fastapi",),
}

#: ONNX files, which the grader measures again; how well they agree with the float model is seen there.
_MODELS = (f"{_READS}.onnx_files", f"{_READS}.weights")
_NOT_IN_A_GRAPH = "agreement"


@dataclass(frozen=True)
class Opened:
    """What came of opening a question's file."""

    #: None where this grader could not open it.
    verdict: Verdict | None
    #: Why it could not, in words for staff.
    fault: str = ""


class _TooLongError(Exception):
    """What was asked did not come to its end in time."""


def _failed(message: str) -> Opened:
    return Opened(Verdict(State.FAILED, message))


_READER = "grading.grade.artefacts.readings"

#: How writing a file ends whose name is a folder's too.
_ODD_NAMES = (FileExistsError, NotADirectoryError, IsADirectoryError)

_WITHOUT_END = "Opened again, the file cannot be read, or does not come to its end."
_ABSENT = "The file that was checked is not in the hand-in: run its check again, and hand in again."


def reader(question: Question) -> str:
    """Return what reads a question's evidence here, as 'module:function'."""
    return _IN_PLACE_OF.get(question.reads, question.reads)


def is_model(question: Question) -> bool:
    """Return whether a question's file is an ONNX model, which is measured again."""
    return question.reads.partition(":")[0] in _MODELS


def hashes(records: Records, questions: Iterable[Question]) -> list[str]:
    """Return the sha256s of the models that questions about files were checked with."""
    found = [one.get("sha256") for question in questions for one in _handed(records, question).values()]
    return [one for one in found if isinstance(one, str)]


def _handed(records: Records, question: Question) -> dict[str, Mapping]:
    return handed_over(records.seen(SUBJECT + question.id) or {})


def fault_of(error: Exception) -> str:
    """Return what went wrong in the grader itself, and where, for staff."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"


def _at_its_own_cost(open_file: Callable[..., Opened]) -> Callable[..., Opened]:
    """Return the same function of a question, which no error ends: one that is the grader's leaves this file unopened,
    and every other one as it is."""

    @functools.wraps(open_file)
    def opened(question: Question, *given: object) -> Opened:
        try:
            return open_file(question, *given)
        except Exception as error:
            return Opened(None, f"{question.id} could not be opened: {fault_of(error)}")

    return opened


@_at_its_own_cost
def judge_model(
    question: Question, records: Records, facts: Mapping[str, Facts], unfit: Callable[[Facts], str]
) -> Opened:
    """Return what was found when the model of a question was measured again.

    Args:
        question: One of ``is_model``.
        records: Evidence.
        facts: Of handed-in models, by sha256.
        unfit: Why a file is no model of pictures, in a sentence; an empty text where it is one.
    """
    wanted = hashes(records, [question])
    found = [facts[one] for one in wanted if one in facts]
    if not wanted or len(found) < len(wanted):
        return _failed(_ABSENT)
    faults = list(filter(None, map(unfit, found)))
    return _failed(faults[0]) if faults else _by_rules(question, found[0].graph)


def open_again(questions: Sequence[Question], records: Records) -> dict[str, Opened]:
    """Return by question what was found in the texts and programs that were handed over.

    Args:
        questions: Those about files that are no models, and that the ledger passes.
        records: Evidence.
    """
    if not abilities().apart:
        return {one.id: Opened(None, "files cannot be opened apart from the grader's own here") for one in questions}
    return {one.id: _opened(one, records) for one in questions}


#: What was found in this process, by question and texts: right configurations are the same in most of a class.
_OPENED: dict[tuple[str, str], Opened] = {}


@_at_its_own_cost
def _opened(question: Question, records: Records) -> Opened:
    """Return what was found in one question's texts."""
    handed = _handed(records, question).items()
    texts = {name: file["text"] for name, file in handed if isinstance(file.get("text"), str)}
    known = question.id, json.dumps(texts)
    opened = _OPENED.get(known) or _opened_anew(question, texts)
    if opened.verdict:
        _OPENED[known] = opened
    return opened


def _opened_anew(question: Question, texts: Mapping[str, str]) -> Opened:
    needs = _NEEDS.get(question.reads.partition(":")[0], ())
    if lacking := [name for name in needs if not importlib.util.find_spec(name)]:
        return Opened(None, f"{question.id} cannot be opened here: {python('pip install ' + ' '.join(lacking))}")
    if not texts or not all(map(_is_plain, texts)):
        return _failed(_ABSENT)
    try:
        return _by_rules(question, _PROGRAMS.get(question.reads, _read)(question, texts))
    except _TooLongError:
        return Opened(None, "this grader is too slow to open files") if _is_slow() else _failed(_WITHOUT_END)
    except (*STUMBLES, *_ODD_NAMES):  # replies and names that no honest file has
        return _failed(_WITHOUT_END)


def _is_slow() -> bool:
    """Return whether reading nothing at all takes this grader long, too."""
    begin_s = time.monotonic()
    with Sandbox() as sandbox:
        (sandbox.folder / "asked.json").write_text("[]")
        sandbox.run([sys.executable, "-m", _READER, "asked.json"], limits=_limits())
    return time.monotonic() - begin_s > _SLOW_S


def _is_plain(name: str) -> bool:
    """Return whether a name that a ledger gives leads to a place below its folder."""
    is_below = not Path(name).is_absolute() and ".." not in Path(name).parts
    return is_below and "\0" not in name and 0 < len(name.encode(errors="replace")) < 200


def _by_rules(question: Question, facts: object) -> Opened:
    """Return the verdict on facts that came out of a sandbox, and may be anything."""
    if not isinstance(facts, dict):
        return _failed(_WITHOUT_END)
    rules = [rule for rule in question.rules if rule[0] in facts or rule[0] != _NOT_IN_A_GRAPH]
    try:
        said = fault(rules, facts)
    except STUMBLES:
        said = "what it says makes no sense"
    return _failed(f"Opened again: {said[:400]}") if said else Opened(Verdict(State.PASSED, "Right, opened again too."))


def _read(question: Question, texts: Mapping[str, str], **more: object) -> object:
    """Return the facts that a question's reader finds in texts, with nothing beside them."""
    with Sandbox() as sandbox:
        folder = sandbox.folder / "handed"
        _write(folder, texts)
        path = folder if len(texts) > 1 or "/" in min(texts) else folder / min(texts)
        asked = [{"reads": reader(question), "path": str(path), "more": more}]
        (sandbox.folder / "asked.json").write_text(json.dumps(asked))
        said = _ran(sandbox, _READER, "asked.json")
    return said[-1].get("facts") if said else None


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _ran(sandbox: Sandbox, module: str, *arguments: str) -> list[dict]:
    """Return the JSON objects that a module prints in a sandbox, a line each.

    Raises:
        _TooLongError: It did not come to its end.
    """
    outcome = sandbox.run([sys.executable, "-m", module, *arguments], limits=_limits())
    if outcome.timed_out:
        raise _TooLongError
    found = []
    for line in outcome.output.splitlines():
        try:
            found.append(loads(line))
        except StrictJsonError:
            continue
    return [one for one in found if isinstance(one, dict)]


def _limits() -> Limits:
    return Limits(wall_s=_WITHIN_S, cpu_s=_WITHIN_S, memory_bytes=MEMORY_BYTES, output_bytes=4 << 20)


def _script(question: Question, texts: Mapping[str, str]) -> object:
    """Run a measuring script, with another number of calls than the notebook's."""
    return _read(question, texts, calls=int(drawn.dice().integers(31, 60)))


def _app(question: Question, texts: Mapping[str, str]) -> object:
    """Ask an app about three images that nobody has seen, with a network that nobody has seen."""
    dice = drawn.dice()
    asked = [one for image in drawn.images(dice, 3) for one in web_apps.requests(image)]
    # The largest one is the same of all.
    asked = [one for place, one in enumerate(asked) if one["case"] != "large" or place < len(asked) // 3]
    asked = [asked[int(place)] for place in dice.permutation(len(asked))]
    with Sandbox() as sandbox:
        _write(sandbox.folder, {Path(name).name: text for name, text in texts.items()})
        for beside in (PROJECT_DIR / "labs/serve/compared/classifier.py", PROJECT_DIR / "labs/data/intake.py"):
            (sandbox.folder / beside.name).write_bytes(beside.read_bytes())
        (sandbox.folder / "drawn.onnx").write_bytes(drawn.network(dice))
        (sandbox.folder / "asked.json").write_text(json.dumps(asked))
        command = [sys.executable, "-m", web_apps.__name__, Path(min(texts)).stem, "asked.json"]
        done = sandbox.run(command, limits=_limits(), variables={"MODEL": "drawn.onnx", "WORKERS": "1"})
    if done.timed_out:
        raise _TooLongError
    return web_apps.facts(asked, done.output, done.errors, loads)


def _python_model(question: Question, texts: Mapping[str, str]) -> object:
    """Call a model for Triton's Python backend as Triton does: one request, one of six images, eight at once."""
    dice = drawn.dice()
    photos, weights = drawn.images(dice, 6), drawn.weights(dice)
    images = [python_backend.encoded(one) for one in photos]
    rows = python_backend.network(weights)([to_input(open_photo(one)) for one in photos])
    truth = food.labelled(rows)["FOOD_LABEL"].ravel()
    order = dice.integers(0, 6, (6, 8))
    odd, mixed = int(dice.integers(0, 6)), list(images)
    mixed[odd] = python_backend.encoded(b"no image")
    calls = [[[one]] for one in images] + [[images]] + [[[images[at]] for at in some] for some in order]
    calls.append([[one] for one in mixed])
    with Sandbox() as sandbox:
        _write(sandbox.folder, {"model.py": texts.get("1/model.py", "")})
        np.save(sandbox.folder / "weights.npy", weights)
        (sandbox.folder / "asked.json").write_text(json.dumps(calls))
        said = _ran(sandbox, python_backend.__name__)
    if not said or "reason" in said[0]:
        reason = str(said[0].get("reason")) if said else "it does not come to its end"
        return {"loaded": False, "reason": reason}
    answers = [_labels(one.get("answers")) for one in said] + [[]] * (len(calls) - len(said))
    expected = [truth[at].decode() for at in range(6)]
    burst = zip(answers[7:13], order, strict=True)
    last = answers[13]
    return {
        "loaded": True,
        "reason": "",
        "said": "",
        "right": sum(one == [[label]] for one, label in zip(answers[:6], expected, strict=True)),
        "rows": sum(one == label for one, label in zip((answers[6] or [[]])[0], expected, strict=False)),
        "burst": sum(one == [expected[at]] for some, of in burst for one, at in zip(some, of, strict=False)),
        "refused": [one == [] for one in last] == [at == odd for at in range(6)],
    }


def _router(question: Question, texts: Mapping[str, str]) -> object:
    """Send sixty requests through a router, between two versions that only the grader knows."""
    dice = drawn.dice()
    salt, images = str(dice.integers(1 << 60)), [str(one) for one in dice.integers(1 << 60, size=60)]
    said = _asked("router", texts, {"salt": salt, "images": images, "share": 0.3})
    answers = [one if isinstance(one, list) and len(one) == 2 else [None, None] for one in said.get("answers", [])]
    versions = [version for _, version in answers]
    truth = [servers.class_of(salt, image.encode()) for image in images]
    return {
        "answered": sum(version is not None for version in versions),
        "named": versions.count("stable") + versions.count("canary"),
        "canary": versions.count("canary"),
        "right": [label for label, _ in answers] == truth,
    }


def _stream(question: Question, texts: Mapping[str, str]) -> object:
    """Ask an app that streams, with an engine whose words only the grader knows."""
    words = [f" {one}" for one in drawn.dice().integers(1 << 40, size=10)]
    bodies = [{"prompt": "hot soup", "max_tokens": 10}, {"max_tokens": 2}, {"prompt": "soup", "max_tokens": 100_000}]
    replies = _asked("stream", texts, {"words": words, "bodies": bodies}).get("replies", [])
    if len(replies) < len(bodies):
        return {"ended": "it cannot be imported, or does not come to its end"}
    reply, without, too_many = replies
    return {
        "ended": reply.get("error", ""),
        "status": reply["status"],
        "without_prompt": without["status"],
        "too_many": too_many["status"],
        **streams.facts_of(reply["type"], reply["pieces"], reply["at_s"], words, loads),
    }


def _asked(what: str, texts: Mapping[str, str], asked: Mapping) -> dict:
    """Return what an app answers that has no server around it; nothing where it says nothing."""
    with Sandbox() as sandbox:
        _write(sandbox.folder, {"app.py": min(texts.values()), "asked.json": json.dumps(asked)})
        said = _ran(sandbox, servers.__name__, what)
    return said[-1] if said else {}


def _labels(answers: object) -> list[list[str]]:
    """Return the classes of each response; an empty list where one holds an error."""
    some = answers if isinstance(answers, list) else []
    found = [one.get("FOOD_LABEL") if isinstance(one, dict) else None for one in some]
    return [one if isinstance(one, list) else [] for one in found]


#: What is asked more than a reader asks; all others are read by theirs.
_PROGRAMS: dict[str, Callable[[Question, Mapping[str, str]], object]] = {
    f"{_READS}.web_apps:app": _app,
    f"{_READS}.triton_models:served": _python_model,
    f"{_READS}.scripts:measuring_script": _script,
    f"{_READS}.routers:router": _router,
    f"{_READS}.streams:streaming_app": _stream,
}
