"""What the trial of a student's folder finds out, with the course's own model and two spoilt ones."""

import pytest

from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelRepository
from labs.serve.triton.trial import tried
from labs.workspace import WORKSPACE_VARIABLE

pytestmark = pytest.mark.xdist_group("triton")


@pytest.fixture
def folder(tmp_path, weights, monkeypatch):
    """Return the folder of a model that does everything right."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    ModelRepository(tmp_path / "models").write([catalogue.food_classifier(weights)])
    return tmp_path / "models" / "food_classifier"


def test_a_good_model_answers_alone_in_rows_and_in_a_crowd(folder):
    """Every answer is its own request's, a bad one is refused alone, and the folder stays as it is."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    facts = tried(folder)
    assert facts == {
        "loaded": True, "reason": "", "right": 6, "rows": 6, "burst": 48, "refused": True, "said": ""
    }  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_model_that_answers_the_first_request_only_is_found_out(folder):
    """Alone it is right; several requests in one `execute` get no answer, and Triton says why."""
    code = folder / "1" / "model.py"
    code.write_text(code.read_text().replace("return responses", "return responses[:1]"))
    facts = tried(folder)
    assert facts["right"] == 6
    assert facts["burst"] < 48
    assert "do not match the number of InferenceRequest" in facts["said"]


def test_a_configuration_that_is_none_is_explained(folder):
    """Line and column, as Triton's own grammar finds them."""
    config = folder / "config.pbtxt"
    config.write_text(config.read_text().replace("max_batch_size", "max_batch_sise"))
    facts = tried(folder)
    assert facts["loaded"] is False
    assert "max_batch_sise" in facts["reason"]
