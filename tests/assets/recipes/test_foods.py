"""The table of foods and the table of packs keep their own rules."""

from assets.recipes.foods import FOODS, SPELLINGS, food_of, label_of_glyph
from assets.recipes.sources import SOURCES, sources_of
from labs.labels import CLASS_NAMES, NUM_CLASSES


def test_every_class_has_foods_and_no_food_has_two_classes() -> None:
    """The table covers Food-11's classes, and a name stands in one of them only."""
    assert tuple(FOODS) == CLASS_NAMES
    names = [name for row in FOODS.values() for name in row.split()]
    assert len(names) == len(set(names))
    assert {label_of_glyph(name) for name in names} == set(range(NUM_CLASSES))


def test_other_spellings_lead_to_foods() -> None:
    """A pack's own spelling and numbered variants reach the same class; what is no food reaches none."""
    assert all(label_of_glyph(spelling) is not None for spelling in SPELLINGS)
    assert food_of("sliceofpizza") == food_of("pizza-2") == "pizza"
    assert label_of_glyph("airplane") is None


def test_drawings_that_do_not_show_food_are_out() -> None:
    """Empty vessels and coin tosses have no class."""
    assert [label_of_glyph(name) for name in ("bowl-with-spoon", "baby-bottle", "babybottle", "taco")] == [None] * 4


def test_no_publisher_is_both_learnt_from_and_judged_by() -> None:
    """Training shares no artist and no place of publication with validation and evaluation."""

    def publishers(*splits: str) -> set[str]:
        return {source.artist.split()[0] for split in splits for source in sources_of(split)}

    assert publishers("training").isdisjoint(publishers("validation", "evaluation", "unused"))
    homes = {source.homepage for source in sources_of("training")}
    assert homes.isdisjoint(source.homepage for source in SOURCES if source.split != "training")


def test_every_pack_is_pinned_and_openly_licensed() -> None:
    """A version, a full hash, and a licence without share-alike."""
    assert len(SOURCES) == 8
    for source in SOURCES:
        assert len(source.sha256) == 64
        assert source.version.count(".") == 2
        assert source.licence in {"MIT", "Apache-2.0", "CC-BY-4.0"}
