"""LitServe and Ray Serve under the contract; the table is printed with ``-rP``."""

from pathlib import Path

import pytest

from labs.deeper.whole.contract import SERVICES
from labs.serve.contract.cases import rows
from labs.serve.models import fp32_model
from labs.workspace import WORKSPACE_VARIABLE


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SERVICES)
def test_servers_of_other_makers_hold_every_case(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ray's proxy collects a body before a replica hears of it, and LitServe takes SIGTERM for
    Ctrl+C.
    """
    model = fp32_model()
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("labs.deeper.whole.contract.fp32_model", lambda: model)
    fell = []
    for row in rows(SERVICES[name]):
        print(f"{row.case:<22}{row.verdict:<11}{row.seen}")
        if row.held is not True:
            fell.append(row)
    assert fell == []
