"""What every widget of this room returns: one object with a picture, a live form, and the same content as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Shown:
    """Something to look at, with a text equivalent.

    Subclasses give ``text`` and ``html`` as properties of their present state, and ``live``, an ipywidgets widget. A
    notebook shows the richest form that its front-end knows; a terminal and ``print`` get the text.
    """

    #: The widget that answers to the mouse and the keyboard; None once only the still picture is left.
    live: Any = None

    @property
    def text(self) -> str:
        """The same content in words and columns."""
        raise NotImplementedError

    @property
    def html(self) -> str:
        """The still picture, for wherever widgets do not run."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """Return the forms that a front-end chooses from."""
        bundle: dict[str, object] = {}
        view = getattr(self.live, "_repr_mimebundle_", None)
        if view is not None:
            made = view()
            # Some ipywidgets versions return (data, metadata).
            bundle.update(made if isinstance(made, Mapping) else made[0])
        bundle["text/html"] = self.html
        bundle["text/plain"] = self.text
        return bundle

    def __repr__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


class Still(Shown):
    """A picture that stays as it is, for what is over."""

    def __init__(self, html: str, text: str) -> None:
        """Keep both forms."""
        self._html, self._text = html, text

    @property
    def text(self) -> str:
        """The content in words."""
        return self._text

    @property
    def html(self) -> str:
        """The picture."""
        return self._html
