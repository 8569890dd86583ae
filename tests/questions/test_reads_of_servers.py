"""What is read of Dockerfiles and configurations: other words for the same count as well, and faults are named."""

import re
import tomllib
from pathlib import Path

import pytest

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.checkpoints.reads.http import dockerfile
from labs.checkpoints.reads.triton_configs import config
from labs.course.question import all_questions
from labs.course.rules import fault
from labs.workspace import STUB

#: Dockerfiles with what is told of each; without a sentence, it is right.
DOCKERFILES = tomllib.loads(Path(__file__).with_name("dockerfiles.toml").read_text("utf-8"))["dockerfile"]


@pytest.mark.parametrize(("says", "text"), [(one["says"], one["text"]) for one in DOCKERFILES])
def test_a_dockerfile_is_read_by_its_commands(says: str, text: str, tmp_path: Path) -> None:
    """Stages, arguments, here-documents, list forms, shells that give way; nonsense in any line is told."""
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    told = fault(all_questions()["http.dockerfile"].rules, dockerfile(path))
    assert re.search(says, told) if says else not told, told


def test_the_dockerfile_that_is_handed_out_has_three_faults_and_each_is_named(tmp_path: Path) -> None:
    """Mended one after the other in the order in which they are told, and then it is the solution."""
    (http,) = (lesson for lesson in sources() if lesson.id == "http")
    cells = [cell for solved in (False, True) for cell in build(http, solved=solved).cells]
    text, right = (one.source.split('"""')[1] for one in cells if one.metadata.get("question") == "http.dockerfile")
    path, copies, installs = tmp_path / "Dockerfile", *text.splitlines()[4:6]
    for says, old, new in [
        ("copied before", f"{copies}\n{installs}", f"{installs}\n{copies}"),
        ("runs as root", "CMD", "USER 1000\nCMD"),
        ("nothing outside", "127.0.0.1", "0.0.0.0"),
    ]:
        path.write_text(text)
        assert says in fault(all_questions()["http.dockerfile"].rules, dockerfile(path))
        text = text.replace(old, new)
    assert text == right


def test_a_configuration_is_read_by_tritons_own_grammar(tmp_path: Path) -> None:
    """A platform is a backend by its older name, messages may be written in two ways, and a typing error is told."""
    path = tmp_path / "config.pbtxt"
    path.write_text(
        'platform: "onnxruntime_onnx" input { name: "input" data_type: TYPE_FP32 dims: [ 3, 224 ] }\n'
        "dynamic_batching: { preferred_batch_size: 8 preferred_batch_size: 4 } instance_group { count: 2 }"
    )
    facts = config(path)
    assert (facts["backend"], facts["inputs"]) == ("onnxruntime", ["input TYPE_FP32 [3, 224]"])
    assert (facts["instances"], facts["fault"]) == (2, "")
    assert (
        "should not use it"
        in all_questions()["batching.config"].by_rules(facts | {"delay_us": 5000, "instances": 1}).message
    )
    path.write_text("dynamic_batching { prefered_batch_size: 8 }")
    assert re.search(r"line:column 1:\d+ .*prefered_batch_size.*misspelt", config(path)["fault"], re.DOTALL)


def test_what_still_holds_the_stub_is_not_judged(tmp_path: Path) -> None:
    """It is open, and not wrong."""
    (tmp_path / "Dockerfile").write_text(f"# {STUB}\n")
    with pytest.raises(NotImplementedError):
        dockerfile(tmp_path / "Dockerfile")
