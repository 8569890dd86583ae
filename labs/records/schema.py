"""The published schema of a ledger line: does an entry fit, and if not, what is the first thing wrong with it?"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jsonschema
    from jsonschema.exceptions import ValidationError

#: The schema.
SCHEMA_PATH = Path(__file__).with_name("schema.json")


def first_problem(entry: object) -> ValidationError | None:
    """Return the first way in which an entry does not fit the schema, or None.

    Honest entries are only asked for a yes, by functions that the schema was compiled to: that takes a tenth of what
    looking for a fault does, and no second to import. Whatever they refuse is looked at for the words, and those have
    the last say.

    Args:
        entry: Plain JSON values.
    """
    if isinstance(entry, dict) and (fits := _compiled().get(str(entry.get("type")))):
        # All that fastjsonschema raises about an entry is a ValueError.
        with contextlib.suppress(ValueError):
            fits(entry)
            return None
    return next(validator().iter_errors(entry), None)


@functools.lru_cache(maxsize=1)
def validator() -> jsonschema.Draft202012Validator:
    """Return the validator that has the words for what is wrong."""
    # Imported on first use: with all that belongs to it, it takes a second.
    import jsonschema

    return jsonschema.Draft202012Validator(_schema())


@functools.lru_cache(maxsize=1)
def _compiled() -> dict[str, Callable[[dict], object]]:
    """Return, by type of entry, a function that raises when an entry does not fit.

    The schema's choice between types is made by the caller. It is written in the words that all drafts since 7 share.
    An execution provider's own environment does without fastjsonschema: there, the validator says yes too.
    """
    try:
        import fastjsonschema
    except ImportError:
        return {}
    definitions = _schema()["$defs"]
    return {
        name: fastjsonschema.compile({**definitions[name], "$defs": definitions}, use_default=False, use_formats=False)
        for name in _schema()["properties"]["type"]["enum"]
    }


@functools.lru_cache(maxsize=1)
def _schema() -> dict:
    return json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
