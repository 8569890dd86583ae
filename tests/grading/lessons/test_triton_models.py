"""What the real Triton says of ensembles, caches and versions: facts that lessons 37 and 38 are judged by."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints
from grading.checkpoints.artefacts import SUBJECT
from grading.checkpoints.system.lesson_37 import inspect_cache, inspect_versions
from grading.checkpoints.system.lesson_38 import inspect_ensemble, inspect_preprocess

from grading.builder.solve import AnswerKey
from labs.serve.models import fp32_model
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelRepository
from tests.grading.entries import Entries

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """Return a repository of the course's own models, which the lessons have students write."""
    folder = tmp_path_factory.mktemp("repository")
    network = catalogue.food_classifier_onnx(fp32_model(folder))
    steps = [catalogue.food_preprocess(), network, catalogue.food_label(), catalogue.food_ensemble()]
    ModelRepository(folder).write([*steps, catalogue.food_palette()])
    return folder


def changed(repository: Path, model: str, old: str, new: str) -> Path:
    """Return a model's folder after a change of its configuration's text."""
    path = repository / model / "config.pbtxt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path.parent


def test_an_ensemble_answers_by_way_of_its_steps_or_says_what_is_wrong(repository: Path) -> None:
    """The course's own is whole; with a misspelt wire it is not loaded, in Triton's own words."""
    facts = inspect_ensemble(repository / "food_classifier_ensemble")
    assert facts["right"] >= facts["asked"] - 1
    assert facts["steps"] == facts["ran"]
    right, wrong = 'input_map { key: "input" value: "pixels"', 'input_map { key: "input" value: "pixles"'
    facts = inspect_ensemble(changed(repository, "food_classifier_ensemble", right, wrong))
    assert not facts["loaded"]
    assert facts["reason"]
    changed(repository, "food_classifier_ensemble", wrong, right)


def test_the_first_step_makes_the_networks_inputs_and_refuses_what_is_no_image(repository: Path) -> None:
    """Row by row as the course prepares them."""
    made = inspect_preprocess(repository / "food_preprocess")
    assert (made["shape"], made["rows"], made["refused"]) == ([1, 3, 224, 224], 6, True)
    assert made["wide_apart"] == 0.0


def test_a_first_step_that_squashes_a_wide_photo_is_told_so(repository: Path, tmp_path: Path) -> None:
    """Square photos come out alike either way; records from before the wide photo are judged without it."""
    folder = shutil.copytree(repository / "food_preprocess", tmp_path / "food_preprocess")
    given: dict[str, str] = {}
    exec(AnswerKey.read().answers["s.ensemble.preprocess"], given)
    one, fit, facts, found = all_checkpoints()["s.ensemble.preprocess"], "ImageOps.fit(image, (224, 224), ", {}, {}
    assert fit in given["model_py"]
    for what, new in {
        "cropped": fit,
        "squashed": "image.resize((224, 224), ",
        "not square": "ImageOps.cover(image, (224, 224), ",
    }.items():
        (folder / "1" / "model.py").write_text(given["model_py"].replace(fit, new))
        facts[what] = inspect_preprocess(folder)
        found[what] = one.verdict(Entries().observed(SUBJECT + "s.ensemble.preprocess", facts[what]))
    assert found["cropped"].ok
    assert [found[what].mistake for what in ("squashed", "not square")] == ["squashed", "not square"]
    older = {name: value for name, value in facts["squashed"].items() if name != "wide_apart"}
    assert one.verdict(Entries().observed(SUBJECT + "s.ensemble.preprocess", older)).ok


def test_a_cache_is_used_where_the_configuration_asks_for_it(repository: Path) -> None:
    """Without the stanza nothing is kept; with it, three of four equal requests are answered without the model."""
    assert inspect_cache(repository / "food_palette")["hits"] == 0
    folder = repository / "food_palette"
    with (folder / "config.pbtxt").open("a") as file:
        file.write("response_cache { enable: true }\n")
    facts = inspect_cache(folder)
    assert (facts["hits"], facts["misses"], facts["same"], facts["told_apart"]) == (3, 2, True, True)


def test_a_second_version_is_served_alone_unless_both_are_named(repository: Path) -> None:
    """Triton's default is the latest one."""
    folder = repository / "food_classifier_onnx"
    (folder / "2").mkdir()
    (folder / "2" / "model.onnx").write_bytes((folder / "1" / "model.onnx").read_bytes())
    assert inspect_versions(folder)["served"] == ["2"]
    with (folder / "config.pbtxt").open("a") as file:
        file.write("version_policy: { specific { versions: [ 1, 2 ] } }\n")
    facts = inspect_versions(folder)
    assert (facts["served"], facts["apart"]) == (["1", "2"], 0.0)
