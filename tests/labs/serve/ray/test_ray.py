"""The real Ray on this machine: where it listens, who may ask, and that nothing is left."""

import json
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import RayCluster, start_ray
from labs.workspace import WORKSPACE_VARIABLE, programs_dir
from tests.test_other_users import Server, assert_closed_to_others, only_root

# Ray's environment has 490 MB, and a cluster takes half a minute of two processors.
pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """Return a cluster that serves two replicas at ``/menu``: one for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(tmp_path_factory.mktemp("workspace")))
        folder = programs_dir() / "ray"
        folder.mkdir()
        shutil.copy(Path(__file__).with_name("teams.py"), folder)
        food = {"name": "Food", "num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5}}
        arguments = {"model": str(fp32_model())}
        menu = {
            "name": "menu",
            "route_prefix": "/menu",
            "import_path": "teams:build",
            "deployments": [food],
            "args": arguments,
        }
        config = folder / "menu.json"  # JSON is YAML
        config.write_text(json.dumps({"applications": [menu]}))
        with start_ray() as cluster:
            cluster.deploy(config)
            yield cluster
            processes = psutil.Process(*cluster.pids).children(recursive=True)
        assert psutil.wait_procs(processes, 20)[1] == []


def test_every_port_is_on_loopback(cluster: RayCluster):
    """Nobody in the network reaches a cluster, which runs whatever it is sent."""
    addresses = set()
    for process in psutil.Process(*cluster.pids).children(recursive=True):
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                addresses.add(connection.laddr.ip)
    assert "127.0.0.1" in addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


@only_root
def test_another_user_gets_nothing(cluster: RayCluster):
    """Another user gets no file, no socket and no job of it, though Ray opens its folder to all
    users.
    """
    requests = [
        ("GET", "/api/serve/applications/"),
        ("POST", "/api/jobs/", None, '{"entrypoint": "id"}'),
    ]
    refused = [(request, 401) for request in requests]
    server = Server(cluster.dashboard_url, [cluster.token], [cluster.folder.parent], refused)
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        assert cluster.folder.stat().st_mode & 0o777 == 0o777
        assert_closed_to_others(server, Path(name))


def test_nobody_without_the_token_is_answered(cluster: RayCluster):
    """The dashboard takes applications, which is code: it answers 401; predictions are for
    everybody here.
    """
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{cluster.dashboard_url}/api/serve/applications/", timeout=30)
    assert cluster.applications()["menu"]["status"] == "RUNNING"
    answer = httpx.post(f"{cluster.url}/menu/predict/raw", content=photo(0), timeout=60)
    assert (answer.status_code, list(answer.json())) == (200, ["class"])
