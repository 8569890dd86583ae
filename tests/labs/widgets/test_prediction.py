"""A prediction is stored once, in the unit of records, and an unusable one is refused with a sentence."""

from __future__ import annotations

import pytest

from labs.widgets import prediction_card


@pytest.fixture
def kept() -> list:
    """Return what was stored."""
    return []


@pytest.fixture
def card(kept):
    """Return a card that asks for milliseconds and stores seconds."""
    return prediction_card("m.predict.x", "How long?", kept.append, unit="ms", scale=1e-3)


def test_the_button_stores_what_was_typed_in_the_unit_of_records(card, kept):
    """12.5 typed in milliseconds is stored as 0.0125 seconds."""
    card.input.value = "12.5"
    card.button.click()
    assert kept == [pytest.approx(0.0125)]
    assert card.value == pytest.approx(0.0125)


def test_a_comma_is_a_decimal_point_too(card, kept):
    """People type numbers as at home."""
    card.lock("12,5")
    assert kept == [pytest.approx(0.0125)]


def test_a_prediction_is_locked_after_the_first_time(card, kept):
    """A second press changes nothing: what was expected first is what counts."""
    card.lock("12")
    card.lock("3")
    assert kept == [pytest.approx(0.012)]
    assert card.button.disabled
    assert card.input.disabled


@pytest.mark.parametrize("typed", ["", "fast", "..."])
def test_what_is_no_number_is_refused_and_may_be_corrected(card, kept, typed):
    """A slip stores nothing, says what is wanted, and leaves the field open."""
    card.lock(typed)
    assert kept == []
    assert "Type a number" in card._message.value
    assert not card.button.disabled


def test_what_the_store_refuses_is_shown(kept):
    """A ValueError from the callback is a sentence for the person and not a traceback."""

    def refuse(value: float) -> None:
        raise ValueError("look at the unit")

    card = prediction_card("m.predict.x", "How long?", refuse)
    card.lock("12")
    assert "look at the unit" in card._message.value
    assert card.value is None


def test_choices_are_stored_as_words(kept):
    """One of the words offered, and only one of those."""
    card = prediction_card("m.predict.y", "Which?", kept.append, choices=["eager", "compiled"])
    card.lock("neither")
    assert "Choose one" in card._message.value
    card.input.value = "compiled"
    card.button.click()
    assert kept == ["compiled"]


def test_the_text_names_the_line_of_code_that_does_the_same(card):
    """Without widgets, the plain twin is one line to type."""
    assert 'predict("m.predict.x", … / 1000)' in card.text


def test_an_earlier_prediction_is_only_shown(kept):
    """Opened again, the card shows what was locked in and asks nothing."""
    card = prediction_card("m.predict.x", "How long?", kept.append, unit="ms", scale=1e-3, locked=0.0125)
    card.lock("1")
    assert kept == []
    assert "12.5 ms" in card.text


def test_stored_text_is_the_question_alone(card):
    """What a student expects differs from student to student and stays out of text/plain."""
    before = repr(card)
    card.lock("12")
    assert repr(card) == before == "How long? (in ms)"
