"""Starting JupyterLab on the course: with options of one's own, at a lesson."""

from __future__ import annotations

from labs.course import lesson
from provisioning.front.lab import command


def test_options_reach_jupyterlab_and_win():
    """What a person says comes after what the course says, and traitlets take the last."""
    given = ["--port", "0", "--no-browser", "--allow-root"]
    assert command(given)[-4:] == given


def test_a_lesson_is_opened_in_place_of_the_front_page():
    """By its number."""
    url = "--LabApp.default_url=/lab"
    assert f"{url}/tree/notebooks/1_model/11_measure_the_torch_model.ipynb" in command(lesson=lesson("11"))
    assert url in command()
