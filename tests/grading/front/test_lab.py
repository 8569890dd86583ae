"""Starting JupyterLab: as root, without a screen, with options of one's own."""

from __future__ import annotations

import pytest

from grading.front.lab import command, is_headless
from labs.course import lesson

WITH_SCREEN = {"DISPLAY": ":0"}


def test_root_is_let_in_and_told():
    """JupyterLab itself would refuse."""
    said: list[str] = []
    assert "--allow-root" in command(environ=WITH_SCREEN, is_root=True, say=said.append)
    assert any("root" in one for one in said)
    assert "--allow-root" not in command(environ=WITH_SCREEN, is_root=False, say=said.append)


def test_options_reach_jupyterlab_and_win():
    """What a person says comes after what the course says, and traitlets take the last."""
    line = command(["--port", "0", "--no-browser", "--ip=::1"], environ={}, is_root=False, say=print)
    assert line[-4:] == ["--port", "0", "--no-browser", "--ip=::1"]
    assert line.count("--no-browser") == 1


def test_a_lesson_is_opened_in_place_of_the_front_page():
    """By its number."""
    line = command(lesson=lesson("11"), environ=WITH_SCREEN, is_root=False, say=print)
    assert "--LabApp.default_url=/lab/tree/notebooks/1_model/11_measure_the_torch_model.ipynb" in line
    assert "--LabApp.default_url=/lab" in command(environ=WITH_SCREEN, is_root=False, say=print)


def test_a_server_without_a_screen_says_the_ssh_line():
    """JupyterLab prints the address."""
    said: list[str] = []
    assert "--no-browser" in command(environ={}, is_root=False, say=said.append)
    assert any("ssh -N -L 8888:127.0.0.1:8888" in one for one in said)


@pytest.mark.parametrize(
    ("environ", "expected"), [({}, True), (WITH_SCREEN, False), ({"WSL_DISTRO_NAME": "Debian"}, False)]
)
def test_a_screen_is_looked_for_where_linux_says_so(environ: dict[str, str], expected: bool):
    """Windows' browser opens from its Linux."""
    assert is_headless(environ) is expected
