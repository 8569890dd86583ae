"""Packs are fetched, checked and rendered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.recipes.drawings import SourceError, drawings_of, fetch, render
from assets.recipes.sources import Source

pytest.importorskip("resvg_py", reason="needs the `recipes` extra")

MakePack = Callable[..., Source]


def test_drawings_are_complete_and_know_their_class(tmp_path: Path, make_pack: MakePack) -> None:
    """All glyphs come, ordered by name; foods carry their class, others none."""
    drawings = drawings_of(make_pack(), tmp_path)
    assert [drawing.glyph for drawing in drawings] == sorted(drawing.glyph for drawing in drawings)
    labels = {drawing.glyph: drawing.label for drawing in drawings}
    assert (labels["bread"], labels["lemon"], labels["airplane"]) == (0, 10, None)


def test_a_rendering_is_cropped_to_what_is_drawn(tmp_path: Path, make_pack: MakePack) -> None:
    """A circle of 40 in a square of 64, rendered at 128, is 80 pixels wide with clear corners."""
    image = render(drawings_of(make_pack(), tmp_path)[0], 128)
    assert image.mode == "RGBA"
    assert abs(image.width - 80) <= 2
    alpha = np.asarray(image.getchannel("A"))
    assert alpha[0, 0] == 0
    assert alpha[40, 40] == 255


def test_a_changed_pack_is_refused(tmp_path: Path, make_pack: MakePack) -> None:
    """A tarball with another hash than the pinned one is not used."""
    source = replace(make_pack(), sha256="0" * 64)
    with pytest.raises(SourceError, match="is pinned; delete the file"):
        fetch(source, tmp_path)


def test_without_npm_the_way_out_is_named(tmp_path: Path, make_pack: MakePack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing cached and no npm: the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(SourceError, match="npm is missing"):
        fetch(make_pack(), tmp_path / "elsewhere")
