"""What axe finds on a page, in lines that name the rule, the element and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest


def serious(page: object, *within: str, without: Sequence[str] = ()) -> list[str]:
    """Return what axe calls serious or critical; nothing where the page can be used by everybody, as far as it sees.

    Args:
        page: Of playwright.
        within: Selectors of the elements to look at; the whole page when there are none.
        without: Selectors of elements in them to leave out.
    """
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    for selector in within:
        assert page.locator(selector).count(), f"{selector} is not there to be looked at"
    context = {"include": [[one] for one in within]} if within else {}
    context |= {"exclude": [[one] for one in without]} if without else {}
    # An iframe is another page, with another author.
    found = sync.Axe().run(page, context or None, {"resultTypes": ["violations"], "iframes": False})
    return [
        f"{one['id']}: {' '.join(node['target'])}: {node['html'][:300]}: {node['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
