"""Sliders redraw a picture, and a sentence states what it shows."""

import re

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from grading.builder.site import still_form
from labs.widgets import explore


def draw(axis, bits: int):
    """Draw as many points as there are marks."""
    axis.plot(range(2**bits), "o")
    axis.set_title(f"{2**bits} marks")
    return f"With {bits} bits there are {2**bits} marks: 4 < 8."


@pytest.fixture
def explorer():
    """Return a widget with one slider."""
    bits = ipywidgets.IntSlider(value=2, min=2, max=8, description="bits")
    return explore("Marks of a ruler", draw, bits=bits)


def test_a_slider_changes_picture_sentence_and_still_form(explorer):
    """All three show the same value."""
    assert "4 marks</text>" in explorer.picture.value
    explorer.sliders["bits"].value = 3
    assert "8 marks</text>" in explorer.picture.value
    assert explorer.sentence.value == "With 3 bits there are 8 marks: 4 &lt; 8."
    assert explorer.text == "Marks of a ruler: With 3 bits there are 8 marks: 4 < 8."
    assert explorer.sentence.value in explorer.html
    assert "8 marks</text>" in explorer.html


def test_its_figure_is_none_of_pyplots():
    """The end of a cell that runs meanwhile would show it, in the middle of being drawn."""

    def is_registered(axis) -> str:
        return f"{len(plt.get_fignums())} figures"

    assert explore("A figure", is_registered).sentence.value == "0 figures"


def test_its_sentence_is_announced_and_its_picture_has_a_name(explorer):
    """The element that screen readers listen to stays, and its text changes."""
    assert "msl-spoken" in explorer.sentence._dom_classes
    assert ".msl-spoken" in explorer.live.children[-1].value
    assert 'role="img" aria-label="Marks of a ruler"' in explorer.picture.value


def test_a_page_without_a_kernel_shows_the_first_picture(explorer, tmp_path):
    """The site gets the still form, which names the sliders that it lacks."""
    from nbformat.v4 import new_output

    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "Marks of a ruler"
    still = still_form(new_output("display_data", bundle), tmp_path)
    assert set(still["data"]) == {"text/html", "text/plain"}
    html = still["data"]["text/html"]
    assert "With 2 bits there are 4 marks" in html
    assert "sliders change the picture: bits." in html
    assert len(re.findall("<svg", html)) == 1
