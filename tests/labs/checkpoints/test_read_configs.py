"""Facts about Serve configs and about stanzas of instances, from texts as students write them."""

import json
from pathlib import Path

import pytest

from labs.checkpoints.reads.instances import stanzas
from labs.checkpoints.reads.serve_configs import team_template
from labs.serve.triton.groups import groups_of, in_words

WHOLE = """
- name: $team
  route_prefix: /$team
  import_path: app:build
  args: {model: $model}
  deployments:
    - name: Food
      ray_actor_options: {num_cpus: 0.5}
      max_queued_requests: $queued
      autoscaling_config: {min_replicas: $least, max_replicas: $most, target_ongoing_requests: 2, upscale_delay_s: 1}
"""


def test_a_template_is_filled_in_and_read(tmp_path: Path):
    """Each placeholder arrives where it belongs; what is not said has Ray's default."""
    path = tmp_path / "team.yaml"
    path.write_text(WHOLE)
    assert team_template(path) == {
        "name": "noodles",
        "route": "/noodles",
        "program": "app:build",
        "model": "/models/noodles.onnx",
        "deployment": "Food",
        "num_cpus": 0.5,
        "queued": 7,
        "least": 0,
        "most": 3,
        "target": 2,
        "delay_s": 1,
    }
    path.write_text("- name: menu\n  deployments: [{name: Food}]\n")
    bare = team_template(path)
    assert (bare["name"], bare["route"], bare["num_cpus"], bare["queued"], bare["most"]) == ("menu", "/", 1, -1, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]", "1 on GPU 0"),
        ("instance_group: [{kind: KIND_GPU, gpus: [0, 1], count: 2}]", "2 on GPU 0, 2 on GPU 1"),
        ("instance_group [ { count: 1 kind: KIND_GPU } ]", "1 on every GPU"),
        ("instance_group [ { count: 1 } ]", "1 on any device"),
        (
            "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] }, { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } ]",
            "3 on GPU 0, 2 on GPU 1",
        ),
    ],
)
def test_a_stanza_says_what_it_makes(text: str, words: str):
    """However it is written."""
    assert in_words(groups_of(text)) == words


@pytest.mark.parametrize("text", ["", "instance_group", "{ count: 1 }", "instance_group [ ]", "instance_group [ 1 ]"])
def test_what_is_no_stanza_is_an_error(text: str, tmp_path: Path):
    """And so is a file of them that lacks one."""
    with pytest.raises(ValueError, match=r"no stanza|line:column"):
        groups_of(text)
    path = tmp_path / "stanzas.json"
    path.write_text(json.dumps({"one": "instance_group [ { count: 1 kind: KIND_CPU } ]"}))
    with pytest.raises(KeyError):
        stanzas(path)
