"""Facts about an ensemble: what the real server makes of a copy of it, and where a photo goes by what it says."""

import time
from pathlib import Path

from labs.checkpoints.reads.texts import written
from labs.checkpoints.reads.triton_configs import parsed
from labs.machine.busy import slowdown

#: The steps of the ensemble, in the order in which they are loaded.
_STEPS = ("food_preprocess", "food_classifier_onnx", "food_label")

#: What each of them takes, and what it gives.
_WIRES = {
    "food_preprocess": ("INPUT_IMAGE", ("input",)),
    "food_classifier_onnx": ("input", ("output",)),
    "food_label": ("output", ("FOOD_LABEL", "PROBABILITY")),
}

#: Seconds of an idle machine within which Triton answers, and has then counted its answer.
_ANSWERED_WITHIN_S, _COUNTED_WITHIN_S = 20.0, 2.0

#: Photos that an ensemble is asked about.
_PHOTOS = 6


def ensemble(folder: Path) -> dict:
    """Return what the real Triton answers with the ensemble of a folder, through which of the steps beside it."""
    from labs.serve.triton import trial

    folder = Path(folder)
    written(folder / "config.pbtxt")
    facts = {
        "loaded": False,
        "reason": "",
        "steps": [],
        "ran": [],
        "probability": False,
        "right": 0,
    }
    texts, tensors = trial.photos(_PHOTOS)
    try:
        with trial.copied(folder.parent, *_STEPS, folder.name) as triton:
            steps = triton.config(folder.name).get("ensemble_scheduling", {}).get("step", [])
            facts |= {"loaded": True, "steps": sorted(step["model_name"] for step in steps)}
            said = triton.infer(
                folder.name, {"INPUT_IMAGE": texts}, within_s=_ANSWERED_WITHIN_S * slowdown()
            )
            # Triton counts a request once its answer has left: on a busy machine the last step's may come later.
            ran: list[str] = []
            give_up_s = time.monotonic() + _COUNTED_WITHIN_S * slowdown()
            while len(ran) < len(_STEPS) and time.monotonic() < give_up_s:
                ran = sorted(name for name in _STEPS if triton.statistics(name).requests)
                time.sleep(0.05)
    except trial.RefusedError as error:
        return facts | {"reason": str(error)}
    facts |= {"ran": ran, "probability": "PROBABILITY" in said}
    names = [one.decode() for one in said["FOOD_LABEL"].ravel()] if "FOOD_LABEL" in said else []
    right = zip(names, trial.expected_classes(tensors), strict=False)
    return facts | {"right": sum(one == other for one, other in right)}


def wired(path: Path) -> dict:
    """Return the facts of ``ensemble`` without a server: where a photo goes by what a ``config.pbtxt`` says."""
    path = Path(path)
    facts = {
        "loaded": False,
        "reason": "",
        "steps": [],
        "ran": [],
        "probability": False,
        "right": 0,
    }
    config, fault = parsed(path / "config.pbtxt" if path.is_dir() else path)
    if fault:
        return facts | {"reason": fault}
    steps = list(config.ensemble_scheduling.step)
    known, ran = {tensor.name: ("request", tensor.name) for tensor in config.input}, []
    for _ in steps:  # each may make ready what another one waits for
        for step in steps:
            takes, gives = _WIRES.get(step.model_name, ("", ()))
            given = known.get(step.input_map.get(takes, ""), ("", ""))
            # The step before gives what this one takes, under the same name.
            if step.model_name not in ran and given[1] == takes and set(step.input_map) == {takes}:
                ran.append(step.model_name)
                known |= {
                    step.output_map[name]: (step.model_name, name)
                    for name in gives
                    if name in step.output_map
                }
    answers = {
        output.name
        for output in config.output
        if known.get(output.name) == ("food_label", output.name)
    }
    return facts | {
        "loaded": True,
        "steps": sorted(step.model_name for step in steps),
        "ran": sorted(ran),
        "probability": "PROBABILITY" in answers,
        "right": _PHOTOS if "FOOD_LABEL" in answers else 0,
    }
