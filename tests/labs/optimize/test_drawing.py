"""A graph can be looked at in a frame, as a drawing and as text."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from xml.etree import ElementTree

import pytest

from labs.optimize.drawing import draw_graph, show_graph


def test_netron_answers_on_loopback_until_it_is_stopped(exported) -> None:
    """The frame's address serves the viewer and the model, from this machine only, and stops."""
    view = show_graph(exported)
    assert view.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(view.url, timeout=10) as answer:
        page = answer.read()
    assert b"etron" in page
    assert f'src="{view.url}"' in view._repr_html_()
    view.stop()
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(view.url, timeout=2)


def test_the_viewer_talks_to_nobody_and_shows_one_file(exported, tmp_path) -> None:
    """The model comes back whole; no date, version or foreign address, and nothing that lies beside the model."""
    path = tmp_path / "model.onnx"
    path.write_bytes(exported.read_bytes())
    (tmp_path / "secret.txt").write_text("private")
    view = show_graph(path)
    try:
        with urllib.request.urlopen(f"{view.url}/data/model.onnx", timeout=10) as answer:
            assert answer.read() == exported.read_bytes()
        with urllib.request.urlopen(view.url, timeout=10) as answer:
            page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
        assert "connect-src 'self'" in policy
        assert 'name="version"' not in page
        assert 'name="date"' not in page
        assert page.index("quiet.js") < page.index("index.js")
        for hidden in ("/data/secret.txt", "/../secret.txt", "/__pycache__/"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(view.url + hidden, timeout=10)
    finally:
        view.stop()


def test_logging_is_left_alone(exported, monkeypatch) -> None:
    """Opening a view does not give the process's root logger handlers or another level."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    show_graph(exported).stop()
    assert root.handlers == []
    assert root.level == level


def test_the_text_says_how_to_reach_it_from_elsewhere(exported, monkeypatch) -> None:
    """Node counts, the command that brings its port, and the proxy's address where a JupyterHub runs the notebook."""
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    view = show_graph(exported)
    view.stop()
    port = view.url.rsplit(":", 1)[1]
    assert "Conv" in view.text
    assert f"/user/ada/proxy/{port}/" in view.text
    assert f'src="/user/ada/proxy/{port}/"' in view._repr_html_()
    assert "msl lease forward model" in view.text


def test_a_drawing_shows_each_node_and_the_shortcut(as_written) -> None:
    """One box a node, and the residual value drawn as a line that skips the block."""
    drawing = draw_graph(as_written, contains="features.3")
    picture = ElementTree.fromstring(drawing.svg)
    space = "{http://www.w3.org/2000/svg}"
    lines = drawing.text.splitlines()
    assert len(picture.findall(f"{space}rect")) == len(lines)
    assert lines[0].startswith("1. value")
    add = next(line for line in lines if ". Add" in line)
    assert "← 1, " in add
    arcs = [path.get("d") for path in picture.findall(f"{space}path") if " C" in path.get("d")]
    assert len(arcs) == 1


def test_markup_in_names_is_harmless(as_written) -> None:
    """Names from a file are text, not markup; an empty selection says so."""
    drawing = draw_graph(as_written, contains="<script>")
    assert "No node's name holds" in drawing.text
    assert "<script>" not in drawing._repr_html_()
