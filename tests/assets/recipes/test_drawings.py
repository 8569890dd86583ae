"""Packs are pinned, fetched, checked and rendered, and the table of foods keeps its own rules."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.recipes.drawings import (
    FOODS,
    SOURCES,
    SPELLINGS,
    Source,
    SourceError,
    drawings_of,
    fetch,
    label_of_glyph,
    render,
    sources_of,
)
from labs.data.labels import CLASS_NAMES, NUM_CLASSES

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


def test_a_pack_that_is_another_or_cannot_come_is_said(
    tmp_path: Path, make_pack: MakePack, monkeypatch
) -> None:
    """A tarball with another hash than the pinned one is not used; without npm, the error says what
    to install.
    """
    with pytest.raises(SourceError, match="is pinned; delete the file"):
        fetch(replace(make_pack(), sha256="0" * 64), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(SourceError, match="npm is missing"):
        fetch(make_pack(), tmp_path / "elsewhere")


def test_every_class_has_foods_and_no_food_has_two_classes() -> None:
    """The table covers Food-11's classes, and each name is in only one of them."""
    assert tuple(FOODS) == CLASS_NAMES
    names = [name for row in FOODS.values() for name in row]
    assert len(names) == len(set(names))
    assert {label_of_glyph(name) for name in names} == set(range(NUM_CLASSES))


def test_other_spellings_lead_to_foods() -> None:
    """A pack's own spelling and numbered variants reach the same class; names of other things reach
    none.
    """
    assert all(label_of_glyph(spelling) is not None for spelling in SPELLINGS)
    assert (
        label_of_glyph("sliceofpizza") == label_of_glyph("pizza-2") == label_of_glyph("pizza") == 0
    )
    # Names without food, empty vessels, and names that could be of two classes.
    assert {
        label_of_glyph(name) for name in ("airplane", "bowl-with-spoon", "baby-bottle", "taco")
    } == {None}


def test_no_publisher_is_both_learnt_from_and_judged_by() -> None:
    """Training and the other two splits have different artists and places; share-alike licences are
    absent.
    """

    def publishers(*splits: str) -> set[str]:
        return {source.artist.split()[0] for split in splits for source in sources_of(split)}

    assert publishers("training").isdisjoint(publishers("validation", "evaluation"))
    homes = {source.homepage for source in sources_of("training")}
    assert homes.isdisjoint(source.homepage for source in SOURCES if source.split != "training")
    assert {source.licence for source in SOURCES} == {"MIT", "Apache-2.0", "CC-BY-4.0"}
