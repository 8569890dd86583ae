"""Shared by all tests: marks by folder, and a workspace that is never the developer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.workspace import WORKSPACE_VARIABLE

#: Folders whose tests take minutes and mostly wait, for clocks or for a kernel: begun first, the rest fills the gaps.
_LONG = ("notebooks", "provisioning")


# First, because xdist reads the groups in a hook of the same name: what is marked after it has no effect.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in a folder that is named like a marker, and keep together what must run on one worker.

    A file's tests share fixtures. All of provisioning shares more: testbeds claim ports and addresses of this machine.
    """
    rooms = {item: item.path.relative_to(Path(__file__).parent).parts for item in items}
    items.sort(key=lambda item: _LONG.index(rooms[item][0]) if rooms[item][0] in _LONG else len(_LONG))
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "provisioning" if "provisioning" in rooms[item] else "/".join(rooms[item])
            item.add_marker(pytest.mark.xdist_group(group))
        for folder in ("browser", "triton", "emulation"):
            if folder in rooms[item]:
                item.add_marker(getattr(pytest.mark, folder))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty workspace of its own."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(folder))
    return folder
