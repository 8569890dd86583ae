"""Shared by all tests: marks by folder, and a workspace that is never the developer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.workspace import WORKSPACE_VARIABLE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in a folder that is named like a marker, and keep together what must run on one worker.

    A file's tests share fixtures. All of provisioning shares more: testbeds claim ports and addresses of this machine.
    """
    for item in items:
        group = "provisioning" if "provisioning" in Path(item.path).parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
        for folder in ("browser", "triton", "emulation"):
            if folder in Path(item.path).parts:
                item.add_marker(getattr(pytest.mark, folder))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty workspace of its own."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(folder))
    return folder
