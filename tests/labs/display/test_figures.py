"""Figures take their style from one place, and their words from what is written on them."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib import rc_params_from_file

from grading.builder.sources import sources
from labs.display.figures import STYLE_PATH, in_words, label_lines
from labs.display.theme import GREY, PALE_BLUE, PALE_ORANGE, SERIES
from tests.labs.widgets.test_widgets import contrast

#: What lessons leave to the style: legends, layouts, colours by number or by matplotlib's names.
OWN_STYLE = re.compile(
    r"tab:|silver|lightblue|\.legend\(|legend=True|layout=\"constrained\"|\"#[0-9a-f]{6}\""
)


@pytest.fixture
def axes():
    """Yield the axes of a new figure in the course's style."""
    with mpl.rc_context(fname=STYLE_PATH):
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


def test_matplotlib_reads_every_line_of_the_style():
    """It only warns about a key that it does not know."""
    style = rc_params_from_file(STYLE_PATH, fail_on_error=True, use_default_template=False)
    cycle = style["axes.prop_cycle"].by_key()["color"]
    assert cycle == list(SERIES)


def test_no_lesson_has_a_style_of_its_own():
    """A change of the style would not reach it."""
    own = {}
    for lesson in sources():
        text = (lesson.folder / "lesson.py").read_text(encoding="utf-8")
        own[lesson.id] = OWN_STYLE.findall(text)
    assert {id: words for id, words in own.items() if words} == {}


def test_neutral_parts_are_seen_on_both_grounds_and_letters_on_tints():
    """WCAG asks for a contrast of 3 for graphics and of 4.5 for letters."""
    assert contrast(GREY, "#ffffff") >= 3
    assert contrast(GREY, "#111111") >= 3
    for tint in (PALE_BLUE, PALE_ORANGE):
        assert contrast("#010101", tint) >= 4.5


def test_a_figure_has_no_box(axes):
    """Only the two lines that carry ticks are drawn."""
    drawn = {name for name, spine in axes.spines.items() if spine.get_visible()}
    assert drawn == {"left", "bottom"}


def test_labels_stand_at_the_ends_of_their_lines(axes):
    """Beside the last shown point, without covering each other."""
    axes.plot([0, 1, 2], [0, 5, 10], label="rises")
    axes.plot([0, 1, 2], [10, 10, 10], label="stays")
    axes.plot([0, 1, 2], [0, 4, 400], label="leaves")
    axes.plot([0, 2], [1, 1])
    axes.set_ylim(0, 12)
    label_lines(axes)
    places = {text.get_text(): text.xy for text in axes.texts}
    assert list(places) == ["leaves", "rises", "stays"]
    (x_leaves, y_leaves), (x_rises, y_rises), (x_stays, y_stays) = places.values()
    assert x_leaves < x_rises == x_stays
    assert y_leaves == pytest.approx(4 / 12)
    assert y_rises == pytest.approx(10 / 12)
    height_points = axes.get_window_extent().height * 72 / axes.figure.dpi
    assert (y_stays - y_rises) * height_points == pytest.approx(12)


def test_a_figure_says_its_claim_its_axes_and_its_lines(axes):
    """Readers who cannot see it get what is written on it, once."""
    axes.plot([0, 1], [0, 1], label="CPU")
    axes.plot([0, 1], [0, 2], label="GPU")
    axes.set(title="The GPU costs more", xlabel="photos", ylabel="dollars")
    label_lines(axes)
    assert in_words(axes.figure) == "The GPU costs more; dollars by photos; CPU, GPU"


def test_boxes_and_arrows_are_read_out(axes):
    """Such a figure has no axes' labels, and says what its boxes say."""
    axes.set_title("A photo passes two models")
    axes.text(0, 0, "decode")
    axes.text(1, 0, "network")
    axes.annotate("", (1, 0), (0, 0), arrowprops={"arrowstyle": "->"})
    assert in_words(axes.figure) == "A photo passes two models; decode, network"
