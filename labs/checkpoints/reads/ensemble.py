"""Facts about an ensemble: the real server's answers with a copy of it."""

import time
from pathlib import Path

from labs.checkpoints.reads.texts import written
from labs.machine.busy import slowdown

#: The steps of the ensemble, in the order in which they are loaded.
_STEPS = ("food_preprocess", "food_classifier_onnx", "food_label")

#: Seconds of an idle machine within which Triton answers, and has then counted its answer.
_ANSWERED_WITHIN_S, _COUNTED_WITHIN_S = 20.0, 2.0

#: Photos that an ensemble is asked about.
_PHOTOS = 6


def _nothing_yet() -> dict:
    """Return the facts of an ensemble that is not loaded."""
    return {
        "loaded": False,
        "reason": "",
        "max_batch_size": 0,
        "steps": [],
        "ran": [],
        "probability": False,
        "right": 0,
    }


def ensemble(folder: Path) -> dict:
    """Return what the real Triton answers with the ensemble of a folder, through which of the steps
    beside it.
    """
    from labs.serve.triton import trial

    folder = Path(folder)
    written(folder / "config.pbtxt")
    facts = _nothing_yet()
    texts, tensors = trial.photos(_PHOTOS)
    try:
        with trial.copied(folder.parent, *_STEPS, folder.name) as triton:
            config = triton.config(folder.name)
            steps = config.get("ensemble_scheduling", {}).get("step", [])
            facts |= {"loaded": True, "steps": sorted(step["model_name"] for step in steps)}
            facts["max_batch_size"] = config.get("max_batch_size", 0)
            outputs = triton.infer(
                folder.name, {"INPUT_IMAGE": texts}, within_s=_ANSWERED_WITHIN_S * slowdown()
            )
            # Triton counts a request once its answer has left: on a busy machine the last step's
            # may come later.
            ran: list[str] = []
            give_up_s = time.monotonic() + _COUNTED_WITHIN_S * slowdown()
            while len(ran) < len(_STEPS) and time.monotonic() < give_up_s:
                ran = sorted(name for name in _STEPS if triton.statistics(name).requests)
                time.sleep(0.05)
    except trial.ModelRefusedError as error:
        return facts | {"reason": str(error)}
    facts |= {"ran": ran, "probability": "PROBABILITY" in outputs}
    labels = []
    if "FOOD_LABEL" in outputs:
        labels = [label.decode() for label in outputs["FOOD_LABEL"].ravel()]
    expected_labels = trial.expected_classes(tensors)
    pairs = zip(labels, expected_labels, strict=False)
    return facts | {"right": sum(label == expected for label, expected in pairs)}
