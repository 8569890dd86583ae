"""What every widget returns: one object with a rich picture and the same content as text."""

from __future__ import annotations

from collections.abc import Mapping


class Shown:
    """Something to look at, with a text equivalent.

    A notebook shows the HTML (or the live widget); a terminal, a screen reader's plain view and ``print`` get the text.
    """

    #: The same content in words and columns.
    text: str
    #: The still picture, which stands in for the live widget wherever widgets do not run.
    html: str

    def __init__(self, html: str, text: str, *, plain: str | None = None, live: object | None = None) -> None:
        """Keep the forms of one thing.

        Args:
            html: Still picture.
            text: Its text equivalent.
            plain: What a notebook stores as text/plain; ``text`` unless the text holds measured numbers in a cell
                whose stored output is compared.
            live: An ipywidgets widget that shows the same and answers to the mouse and the keyboard.
        """
        self.html, self.text, self.live = html, text, live
        self._plain = text if plain is None else plain

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """Return the forms that a front-end chooses from."""
        bundle: dict[str, object] = {}
        # A closed widget has no view any more; its still picture stays.
        view = getattr(self.live, "_repr_mimebundle_", None)
        if view is not None:
            made = view()
            # Some ipywidgets versions return (data, metadata).
            bundle.update(made if isinstance(made, Mapping) else made[0])
        bundle["text/html"] = self.html
        bundle["text/plain"] = self._plain
        return bundle

    def __repr__(self) -> str:
        return self._plain

    def __str__(self) -> str:
        return self.text
