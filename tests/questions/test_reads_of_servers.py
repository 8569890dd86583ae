"""Reading configurations: other spellings of the same settings count too, and faults are named."""

import re
from pathlib import Path

import pytest

from labs.checkpoints.reads.triton_configs import config
from labs.course.question import all_questions
from labs.workspace import STUB


def test_a_configuration_is_read_by_tritons_own_grammar(tmp_path: Path) -> None:
    """A platform is a backend by its older name, messages may be written in two ways, a typing
    error is reported, and only right configurations get advice.
    """
    path = tmp_path / "config.pbtxt"
    path.write_text(
        'platform: "onnxruntime_onnx"\n'
        'input { name: "input" data_type: TYPE_FP32 dims: [ 3, 224 ] }\n'
        "dynamic_batching: { preferred_batch_size: 8 preferred_batch_size: 4 }\n"
        "instance_group { count: 2 }"
    )
    facts = config(path)
    assert (facts["backend"], facts["inputs"]) == ("onnxruntime", ["input TYPE_FP32 [3, 224]"])
    assert (facts["instances"], facts["fault"]) == (2, "")
    question = all_questions()["batching.config"]
    verdict = question.by_rules(facts | {"delay_us": 5000})
    assert "`name` is '' instead of 'food_classifier'" in verdict.message
    right = {fact: value for fact, value, _ in question.rules}
    assert "should not use it" in question.by_rules(facts | right).message
    path.write_text("dynamic_batching { prefered_batch_size: 8 }")
    fault = config(path)["fault"]
    assert re.search(r"line:column 1:\d+ .*prefered_batch_size.*misspelt", fault, re.DOTALL)


def test_what_still_holds_the_stub_is_not_judged(tmp_path: Path) -> None:
    """It is open rather than wrong."""
    (tmp_path / "config.pbtxt").write_text(f"# {STUB}\n")
    with pytest.raises(NotImplementedError):
        config(tmp_path / "config.pbtxt")
