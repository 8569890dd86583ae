"""The real Ray on this machine: where it listens, who may ask, what a lost replica costs, and that nothing is left."""

from __future__ import annotations

import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from labs.serve.photos import photo
from labs.serve.ray import RayCluster, start_ray
from labs.workspace import WORKSPACE_VARIABLE
from tests.benchmarks.ray import policy, recovery, two_replicas
from tests.test_other_users import Server, assert_closed_to_others, only_root

# Ray's environment has 490 MB, and a cluster takes half a minute of two processors.
pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """Return a cluster that serves two replicas at ``/menu``: one for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(tmp_path_factory.mktemp("workspace")))
        config = two_replicas()
        with start_ray() as cluster:
            cluster.deploy(config)
            yield cluster
            processes = [one for node in cluster._nodes for one in node.processes()]
        assert psutil.wait_procs(processes, 20)[1] == []


def test_every_port_is_on_loopback_also_those_of_a_second_node(cluster: RayCluster):
    """Nobody in the network reaches a cluster, which runs whatever it is sent."""
    assert cluster.listening() <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    cluster.add_node(cpus=1)
    assert cluster.listening() <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    cluster.kill_node()


@only_root
def test_another_user_gets_nothing(cluster: RayCluster):
    """Neither a file nor a socket of it, though Ray opens the folder that it is given to everybody; and no job."""
    requests = [("GET", "/api/serve/applications/"), ("POST", "/api/jobs/", None, '{"entrypoint": "id"}')]
    server = Server(cluster.dashboard_url, [cluster.token], [cluster.folder.parent], [(one, 401) for one in requests])
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        assert cluster.folder.stat().st_mode & 0o777 == 0o777
        assert_closed_to_others(server, Path(name))


def test_nobody_without_the_token_is_answered(cluster: RayCluster):
    """The dashboard takes applications, which is code: it answers 401; predictions are for everybody here."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{cluster.dashboard_url}/api/serve/applications/", timeout=30)
    assert cluster.applications()["menu"]["status"] == "RUNNING"
    answer = httpx.post(f"{cluster.url}/menu/predict/raw", content=photo(0), timeout=60)
    assert (answer.status_code, list(answer.json())) == (200, ["class"])


def test_a_killed_replica_costs_no_request_that_a_retry_policy_covers(cluster: RayCluster):
    """No request is lost, with the policy of the platform's answer."""
    found, _ = recovery(cluster, policy())
    assert found.to_json()["lost"] == 0
