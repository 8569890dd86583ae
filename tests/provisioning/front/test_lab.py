"""Starting JupyterLab on the course: with options of one's own, at a lesson."""

from __future__ import annotations

from labs.course import lesson, lessons
from provisioning.front.lab import command


def test_options_reach_jupyterlab_and_win():
    """What a person says comes after what the course says, and traitlets take the last."""
    given = ["--port", "0", "--no-browser", "--allow-root"]
    assert command(given)[-4:] == given


def test_a_lesson_is_opened_in_place_of_the_front_page():
    """By its id."""
    url, one = "--LabApp.default_url=/lab", lessons()[0]
    assert f"{url}/tree/notebooks/{one.link}" in command(lesson=lesson(one.id))
    assert url in command()
