"""Quantizing within an accuracy budget: keep the fewest layers in float32 that bring the accuracy back.

The search is ONNX Runtime's quantizer in a greedy loop: quantize everything, and while the loss exceeds the budget give
the most sensitive layer back its float32 weights. Tried beside it: NNCF 3.4's ``quantize_with_accuracy_control`` on the
same ONNX model. Its files run well in OpenVINO, but ONNX Runtime 1.32 fuses only 13 of their 52 convolutions and runs
them 2.5 times slower than float32, since NNCF keeps the Clip nodes and mixes signed with unsigned activations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labs.optimize.calibrate import Calibration
from labs.optimize.forms import Form
from labs.optimize.predict import logits_of, top1
from labs.optimize.quantize import QuantizedModel, quantize_static, weighted_nodes
from labs.optimize.sensitivity import layer_sensitivity
from labs.progress import OnProgress, part, silent


@dataclass(frozen=True)
class BudgetStep:
    """One trial of the search."""

    #: Layer that this step gave back to float32; '' for the first step, where all layers are quantized.
    reverted: str
    #: Whether that helped, so that the layer stays float.
    kept: bool
    #: All layers that are float after this step.
    kept_float: tuple[str, ...]
    #: Top-1 accuracy on the tuning pictures, 0 to 1.
    accuracy: float
    #: Accuracy lost against the float model, 0 to 1; negative when the quantized model did better.
    loss: float
    #: Share of the layers that run in INT8, 0 to 1.
    int8_share: float
    #: Size of the file in bytes.
    size_bytes: int


@dataclass(frozen=True)
class BudgetResult:
    """The smallest loss or the fewest float layers that the search found."""

    #: The file.
    model: QuantizedModel
    #: Largest loss that was allowed, 0 to 1.
    max_loss: float
    #: Accuracy of the float model on the tuning pictures.
    float_accuracy: float
    #: Pictures that the accuracy was measured on; one picture is 1/N of accuracy, so a budget below that asks for none.
    image_count: int
    #: What was tried, in order.
    steps: tuple[BudgetStep, ...]

    @property
    def accepted(self) -> BudgetStep:
        """The step whose model was written."""
        return next(step for step in self.steps if step.kept and step.kept_float == self.model.kept_float)

    @property
    def within_budget(self) -> bool:
        """Whether the model that was written keeps the budget."""
        return self.accepted.loss <= self.max_loss

    def table(self) -> pd.DataFrame:
        """Return one row a step: what was given back, what it brought and what it cost."""
        return pd.DataFrame([{"step": i, **asdict(step)} for i, step in enumerate(self.steps)]).drop(
            columns="kept_float"
        )

    def to_json(self) -> dict:
        """Return plain JSON values."""
        return {**asdict(self), "model": self.model.to_json(), "within_budget": self.within_budget}


def quantize_within_budget(
    path: str | Path,
    quantized_path: str | Path,
    calibration: Calibration,
    form: Form,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    max_loss: float,
    max_reverted: int | None = None,
    ranking: Sequence[str] | None = None,
    state_path: str | Path | None = None,
    on_progress: OnProgress = silent,
) -> BudgetResult:
    """Write a quantized model that loses no more accuracy than allowed, with as few float32 layers as the search finds.

    Args:
        path: The prepared float model.
        quantized_path: Where to write.
        calibration: Ranges of its activations.
        form: How integers are written.
        images: float32 (N, 3, H, W), tuning pictures from the validation split. Not evaluation: the search looks at
            their labels, so accuracy on them is no longer an honest estimate.
        labels: int (N,), their classes.
        max_loss: Allowed loss of top-1 accuracy, 0 to 1: 0.01 is one point.
        max_reverted: Give back this many layers at most; any number when None.
        ranking: Names of layers in the order in which they are given back, the most sensitive first, as in
            ``layer_sensitivity(…)["node"]``; worked out on a few of the tuning pictures when None.
        state_path: JSON file that keeps the steps. A search that was cancelled goes on from it, and one with a tighter
            budget starts where the looser one ended. It is ignored when anything that matters has changed.
        on_progress: Told before each trial; raising from it cancels, with the steps so far kept.

    Returns:
        The result; ``within_budget`` is False when ``max_reverted`` or the layers ran out first.
    """
    memory = _Memory(state_path, path, calibration, form, images, labels)
    on_progress(0.0, "accuracy of the float model")
    target = memory.recall("float_accuracy", lambda: top1(logits_of(path, images), labels))
    total = len(weighted_nodes(path))
    limit = total if max_reverted is None else min(max_reverted, total)
    quantized_path = Path(quantized_path)

    def attempt(kept_float: tuple[str, ...]) -> tuple[float, int]:
        model = quantize_static(path, quantized_path, calibration, form, keep_float=kept_float)
        return top1(logits_of(model.path, images), labels), model.size_bytes

    def ranked() -> list[str]:
        few = images[:: max(1, len(images) // 32)][:32]
        listener = part(on_progress, 0.05, 0.4)
        return layer_sensitivity(path, calibration, form, few, on_progress=listener)["node"].tolist()

    def search() -> Iterator[BudgetStep]:
        accuracy, size = memory.recall("", lambda: attempt(()))
        best, kept = accuracy, ()
        yield BudgetStep("", True, kept, accuracy, target - accuracy, 1.0, size)
        if limit == 0:
            return  # the ranking would be made for nothing
        for index, name in enumerate(memory.recall("ranking", ranked) if ranking is None else ranking):
            if len(kept) >= limit:
                return
            on_progress(0.4 + 0.6 * index / total, f"loss {target - best:.3f}: trying {name} in float32")
            trial = (*kept, name)
            accuracy, size = memory.recall("|".join(trial), lambda trial=trial: attempt(trial))
            helped = accuracy >= best
            if helped:
                best, kept = accuracy, trial
            yield BudgetStep(name, helped, kept, accuracy, target - accuracy, 1 - len(kept) / total, size)

    steps = []
    for step in search():
        steps.append(step)
        if step.kept and step.loss <= max_loss:
            break
    accepted = max((step for step in steps if step.kept), key=lambda step: step.accuracy)
    if steps[-1].kept and steps[-1].loss <= max_loss:
        accepted = steps[-1]
    model = quantize_static(path, quantized_path, calibration, form, keep_float=accepted.kept_float)
    on_progress(1.0, f"loss {accepted.loss:.3f} with {len(accepted.kept_float)} layers in float32")
    return BudgetResult(model, max_loss, target, len(images), tuple(steps))


class _Memory:
    """Results of trials by name, kept in a JSON file between runs."""

    def __init__(self, state_path, path, calibration: Calibration, form: Form, images, labels) -> None:
        """Read what is known about exactly this search."""
        stamp = hashlib.sha256(Path(path).read_bytes())
        stamp.update(json.dumps([calibration.to_json(), form.name], sort_keys=True).encode())
        stamp.update(np.ascontiguousarray(images).tobytes() + np.asarray(labels, np.int64).tobytes())
        self._path = Path(state_path) if state_path else None
        self._key = stamp.hexdigest()
        self._known: dict = {}
        if self._path and self._path.is_file():
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._known = stored["results"] if stored.get("key") == self._key else {}

    def recall(self, name: str, compute):
        """Return a result from memory, or compute it and remember it at once."""
        if name not in self._known:
            self._known[name] = compute()
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                partial = self._path.with_suffix(".partial")
                partial.write_text(json.dumps({"key": self._key, "results": self._known}), encoding="utf-8")
                partial.replace(self._path)
        return self._known[name]
