"""Show a lesson's figures in one style and the theme's colours, with alternative text.

An output holds the SVG itself, not an image of it. Black parts take the colour of the page's text,
and white parts the colour of its background, in JupyterLab's light and dark themes and on any other
page. In an untrusted notebook, a picture on white replaces the SVG.
"""

import base64
import io
import os
import re
from html import escape
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.display import display

#: The style of all figures; matplotlib reads it when it is imported.
STYLE_PATH = Path(__file__).with_name("matplotlibrc")

#: Least distance between two labels of lines, in points.
_LABEL_GAP = 12

#: Inherited by all elements without a style, because matplotlib does not write a black fill.
_INK = (
    'style="color:var(--jp-content-font-color1,CanvasText);fill:currentColor;stroke-linejoin:round;max-width:100%;'
    "height:auto;font-family:'DejaVu Sans',Verdana,sans-serif\""
)
#: In a notebook that is not trusted, JupyterLab takes SVG's elements and this style away: letters
#: stay hidden, and the image is drawn, which the style suppresses.
_EITHER = (
    '<div hidden="hidden" style="display:contents!important">{drawing}</div>'
    '<img style="display:contents" alt="{words}" src="data:image/png;base64,{picture}">'
)
#: Differences of a file's SVG from one in a page, as patterns with their replacements.
_FOR_A_PAGE = {
    # It would apply to the whole page, like its ids: every figure has an axes_1.
    r"<style.*?</style>": "",
    r'<g id="[^"]*"': "<g",
    r": #000000": ": currentColor",
    r": #ffffff": ": var(--jp-layout-color0,Canvas)",
    # Two thirds of its size: blanks, fonts by name in each text, and millionths of a point.
    r"<!--.*?-->|(?<=>)\s+(?=<)": "",
    r" font-family: 'DejaVu Sans',[^;\"]*;?": "",
    r'(?<=[ "\n])(-?[1-9]\d*\.\d\d)\d+(?=[ "\n][^<>]*>)': r"\1",
}


def use_theme() -> None:
    """Show every figure of this kernel this way, without importing matplotlib.

    Without a kernel nothing changes.
    """
    if shell := get_ipython():
        os.environ["MATPLOTLIBRC"] = str(STYLE_PATH)
        # This formatter's output takes the place of all others, the PNG among them.
        by_itself = shell.display_formatter.ipython_display_formatter
        by_itself.for_type_by_name("matplotlib.figure", "Figure", show)


def show(figure: Any) -> None:
    """Display a figure as SVG; as a picture or in words where a front-end shows only those."""
    words = in_words(figure)
    display({"text/html": for_page(figure, words), "text/plain": words}, raw=True)


def for_page(figure: Any, words: str) -> str:
    """Return a figure as HTML: SVG, and a picture for pages that strip SVG; both named by words."""
    file = io.BytesIO()
    figure.savefig(file, dpi=72, bbox_inches="tight", facecolor="white")
    picture = base64.b64encode(file.getvalue()).decode()
    return _EITHER.format(drawing=svg(figure, words), words=escape(words), picture=picture)


def in_words(figure: Any) -> str:
    """Return a figure's own sentence, if any, and each panel's title, axes and labels.

    ``figure.set_label`` gives the sentence.
    """
    parts = [str(figure.get_label()), figure.get_suptitle()]
    parts += [_axes_in_words(axes) for axes in figure.axes]
    sentences = []
    for part in dict.fromkeys(parts):
        if part:
            in_one_line = " ".join(part.split())
            sentences.append(in_one_line.rstrip("."))
    return ". ".join(sentences) or "No title"


def _axes_in_words(axes: Any) -> str:
    quantities = list(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
    _, labels = axes.get_legend_handles_labels()
    if not quantities:  # boxes and arrows
        labels += [text.get_text() for text in axes.texts]
    title = axes.get_title(loc="left") or axes.get_title()
    names = filter(None, dict.fromkeys(labels))
    words = (title, " by ".join(quantities), ", ".join(names))
    return "; ".join(filter(None, words))


def label_lines(axes: Any) -> None:
    """Write each line's label beside its last point that the axes show, in place of a legend.

    Call it last: labels stay where they are if limits or scales change later.
    """
    axes.autoscale_view()
    height = axes.get_window_extent().height * 72 / axes.figure.dpi
    to_share = axes.transData + axes.transAxes.inverted()
    ends = []
    for line in axes.get_lines():
        if line.get_label().startswith("_"):
            continue
        points = [point for point in to_share.transform(line.get_xydata()) if 0 <= point[1] <= 1]
        if points:
            ends.append((*points[-1], line))
    lowest = 0.0
    for x, y, line in sorted(ends, key=lambda end: end[1]):
        height_of_label = max(y, lowest)
        lowest = height_of_label + _LABEL_GAP / height
        beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(line.get_label(), (x, height_of_label), xycoords="axes fraction", **beside)


def svg(figure: Any, words: str) -> str:
    """Return a figure as an ``<svg>`` element for a page, named by the given words."""
    import matplotlib as mpl
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import to_hex
    from matplotlib.text import Text

    # Text on a light box or on light cells stays dark, because these stay light; from a thousand
    # cells on, they are stored as pixels.
    dark = [text for text in figure.findobj(Text) if _has_light_box(text)]
    for cells in figure.findobj(QuadMesh):
        cells.set_rasterized(True)
        dark += cells.axes.get_xgridlines() + cells.axes.get_ygridlines()
    for artist in dark:
        colour = artist.get_color()
        artist.set_color("#010101" if to_hex(colour) == "#000000" else colour)
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none"}):  # letters, not outlines of letters
        figure.savefig(
            file, format="svg", dpi=100, bbox_inches="tight", transparent=True, metadata=nothing
        )
    _, _, inside = file.getvalue().partition("<svg")
    drawing = f'<svg role="img" aria-label="{escape(words)}" {_INK}{inside}'
    for pattern, replacement in _FOR_A_PAGE.items():
        drawing = re.sub(pattern, replacement, drawing, flags=re.DOTALL)
    return drawing


def _has_light_box(text: Any) -> bool:
    """Return whether a text is on a box that is light but not white."""
    box = text.get_bbox_patch()
    # Three levels and the opacity, each up to 1.
    return box is not None and 2 < sum(box.get_facecolor()) < 4
