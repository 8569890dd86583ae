"""The base of every chart and widget: a rich form for a notebook, and the same as text."""

from collections.abc import Mapping
from typing import Any


class Shown:
    """An object to look at, with a text equivalent.

    A notebook shows the live widget or, without one, the HTML; a terminal, a screen reader's plain
    view and ``print`` get the text. A subclass that changes while it is looked at gives ``text``
    and ``html`` as properties of its present state.
    """

    #: An ipywidgets widget that shows the same and answers to mouse and keyboard; None once the
    #: still form is left.
    live: Any = None
    #: Text that a notebook stores as text/plain; without measured numbers, which differ in each
    #: run.
    plain: str | None = None

    def __init__(
        self, html: str, text: str, *, plain: str | None = None, live: object | None = None
    ) -> None:
        """Keep the forms of one object."""
        self._html = html
        self._text = text
        self.live = live
        self.plain = plain

    @property
    def text(self) -> str:
        """The same content in words and columns."""
        return self._text

    @property
    def html(self) -> str:
        """The still form, which replaces the live widget if widgets do not run."""
        return self._html

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        """Return the forms that a front-end chooses from."""
        bundle: dict[str, object] = {}
        # A closed widget has no view any more; its still form stays.
        view = getattr(self.live, "_repr_mimebundle_", None)
        if view is not None:
            output = view()
            # Some ipywidgets versions return (data, metadata).
            bundle.update(output if isinstance(output, Mapping) else output[0])
        bundle["text/html"] = self.html
        bundle["text/plain"] = repr(self)
        return bundle

    def __repr__(self) -> str:
        return self.text if self.plain is None else self.plain

    def __str__(self) -> str:
        return self.text
