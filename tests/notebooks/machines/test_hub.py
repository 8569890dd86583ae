"""Chameleon's Jupyter gives a user 512 MB for everything."""

from __future__ import annotations

import sys

import pytest

from provisioning.trovi import STORAGE_LIMIT_BYTES
from tests.notebooks.machines.conftest import Hub


@pytest.mark.machine
def test_course_and_packages_fit_into_the_users_storage(hub: Hub):
    """Although most of these packages are in Chameleon's image already."""
    folders = (hub.work, hub.python.parents[1])
    size_bytes = sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    print(f"work folder and packages: {size_bytes / 2**20:.0f} MB", file=sys.stderr)
    assert size_bytes < STORAGE_LIMIT_BYTES
