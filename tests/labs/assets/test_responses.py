"""What an answer's head means, for the cases that loopback cannot play."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from labs.assets import UnsafeFileError
from labs.assets.responses import Position, position_of
from labs.assets.resume import Partial


def answer(*addresses: str) -> httpx.Response:
    """Return a 200 that was reached over these addresses."""
    *before, last = [httpx.Request("GET", address) for address in addresses]
    response = httpx.Response(200, headers={"Content-Length": "7"}, request=last)
    response.history = [httpx.Response(302, request=request) for request in before]
    return response


@pytest.mark.parametrize(
    "addresses",
    [("http://a/f", "https://a/f"), ("https://a/f", "https://b/f"), ("http://a/f", "http://b/f"), ("https://a/f",)],
)
def test_ways_that_do_not_leave_https_are_taken(tmp_path: Path, addresses) -> None:
    """Going to https, or staying with what was configured, is fine."""
    partial = Partial(tmp_path / "f", addresses[0])
    assert position_of(answer(*addresses), partial, 0, pinned=True) == Position(0, 7)


@pytest.mark.parametrize(
    "addresses", [("https://a/f", "http://a/f"), ("http://a", "https://a", "http://b", "https://b")]
)
def test_leaving_https_is_refused(tmp_path: Path, addresses) -> None:
    """Anybody between here and there could replace the file, also when the last step is safe again."""
    with pytest.raises(UnsafeFileError, match="from https to http"):
        position_of(answer(*addresses), Partial(tmp_path / "f", addresses[0]), 0, pinned=True)
