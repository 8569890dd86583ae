"""The editor of a model's Triton settings: checked at every turn, and applied only when it can be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.serve.triton.catalogue import food_classifier_onnx
from labs.widgets.settings_editor import ConfigEditor, config_editor


@pytest.fixture
def applied() -> list:
    """Return what was given to the server."""
    return []


@pytest.fixture
def editor(applied) -> ConfigEditor:
    """Return an editor of the simplest settings."""
    return config_editor(food_classifier_onnx(Path("model.onnx")).settings, applied.append)


def test_nothing_turned_changes_nothing(editor, applied) -> None:
    """The knobs begin where the server is; there is no diff and nothing to press."""
    assert (editor.diff, editor.error, editor.button.disabled) == ("", "", True)
    assert "nothing to change" in editor.text


def test_a_turn_shows_its_diff_and_is_applied(editor, applied) -> None:
    """Copies and batching appear in the diff and reach the server; what was applied is the new 'before'."""
    editor.copies.value, editor.batching.value, editor.delay.value, editor.preferred.value = 2, True, 2000, "4, 8"
    assert "+  { count: 2 kind: KIND_CPU }" in editor.diff
    assert "+  preferred_batch_size: [ 4, 8 ]" in editor.text
    editor.apply()
    (settings,) = applied
    assert (settings.copies, settings.dynamic_batching.max_queue_delay_us) == (2, 2000)
    assert editor.diff == ""
    assert "applied" in editor.outcome.value


@pytest.mark.parametrize(("typed", "said"), [("32", "can never be reached"), ("four", "whole numbers")])
def test_what_cannot_be_is_explained_and_not_applied(editor, applied, typed, said) -> None:
    """A mistake is named where it is made, and the server never sees it."""
    editor.batching.value, editor.preferred.value = True, typed
    assert said in editor.error
    assert said in editor.text
    assert editor.button.disabled
    editor.apply()
    assert applied == []


def test_a_servers_refusal_is_shown() -> None:
    """Where the server refuses, its reason stands below the button, and the old settings remain the 'before'."""

    def refuse(settings: object) -> None:
        raise RuntimeError("no room for this copy")

    editor = config_editor(food_classifier_onnx(Path("model.onnx")).settings, refuse)
    editor.copies.value = 3
    editor.apply()
    assert "no room for this copy" in editor.outcome.value
    assert "count: 3" in editor.diff
