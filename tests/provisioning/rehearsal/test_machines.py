"""Nova, Neutron and Zun: servers, addresses and containers, never more lenient than the real ones."""

import base64
import io
import tarfile

import pytest

from provisioning.rehearsal.lifecycle import CONTAINER_START_S, LEASE_START_S, SERVER_BOOT_S


@pytest.fixture
def lease(student, hand):
    """An active lease of mary's at CHI@TACC."""
    found = student().reserve("compute_liqid").json()["lease"]
    hand.wait(LEASE_START_S)
    return found


def test_a_server_without_a_reservation_goes_to_error_and_has_no_port(student, hand) -> None:
    mary = student()
    server = mary.start_server(None)
    assert mary.server(server["id"])["status"] == "BUILD"
    hand.wait(SERVER_BOOT_S)
    shown = mary.server(server["id"])
    assert (shown["status"], shown["addresses"]) == ("ERROR", {})
    assert "No valid host" in shown["fault"]["message"]
    assert mary.send("GET", "network/v2.0/ports", device_id=server["id"]).json()["ports"] == []


def test_a_reservation_of_somebody_else_or_of_a_waiting_lease_gives_no_host(student, hand, lease) -> None:
    john = student("john")
    stolen = john.start_server(lease["reservations"][0]["id"])
    waiting = john.reserve("compute_liqid").json()["lease"]
    early = john.start_server(waiting["reservations"][0]["id"])
    hand.wait(SERVER_BOOT_S)
    assert {john.server(s["id"])["status"] for s in (stolen, early)} == {"ERROR"}


def test_one_reserved_node_runs_one_server(student, hand, lease) -> None:
    mary = student()
    first, second = (mary.start_server(lease["reservations"][0]["id"]) for _ in range(2))
    hand.wait(SERVER_BOOT_S)
    assert [mary.server(s["id"])["status"] for s in (first, second)] == ["ACTIVE", "ERROR"]
    assert mary.server(first["id"])["flavor"]["original_name"] == "baremetal"


def test_a_fixed_address_is_one_servers_at_a_time(student, hand) -> None:
    """Also where an earlier one was given back."""
    mary, servers = student(), []
    for _ in range(2):
        lease = mary.reserve("compute_liqid").json()["lease"]
        hand.wait(LEASE_START_S)
        servers.append(mary.start_server(lease["reservations"][0]["id"])["id"])
    mary.send("DELETE", f"compute/v2.1/servers/{servers[0]}")
    lease = mary.reserve("compute_liqid").json()["lease"]
    hand.wait(LEASE_START_S)
    servers.append(mary.start_server(lease["reservations"][0]["id"])["id"])
    ports = mary.send("GET", "network/v2.0/ports").json()["ports"]
    assert len({port["fixed_ips"][0]["ip_address"] for port in ports}) == len(ports) == 2


def test_what_nova_refuses_at_once(student) -> None:
    mary = student()
    flavor = mary.send("GET", "compute/v2.1/flavors/detail").json()["flavors"][0]["id"]
    image = mary.send("GET", "image/v2/images").json()["images"][0]["id"]
    good = {"name": "x", "imageRef": image, "flavorRef": flavor}
    for bad in ({"imageRef": "x"}, {"flavorRef": "x"}, {"key_name": "nobody's"}):
        assert mary.send("POST", "compute/v2.1/servers", {"server": good | bad}).status_code == 400
    edge = student(site="edge")
    assert edge.send("GET", "compute/v2.1/flavors/detail").json()["flavors"] == []


def test_a_floating_ip_is_bound_to_one_port_and_survives_its_server(student, hand, lease) -> None:
    mary, john = student(), student("john")
    server = mary.start_server(lease["reservations"][0]["id"])
    hand.wait(SERVER_BOOT_S)
    public = mary.send("GET", "network/v2.0/networks", name="public").json()["networks"][0]
    made = mary.send("POST", "network/v2.0/floatingips", {"floatingip": {"floating_network_id": public["id"]}})
    address = made.json()["floatingip"]
    port = mary.send("GET", "network/v2.0/ports", device_id=server["id"]).json()["ports"][0]
    path = f"network/v2.0/floatingips/{address['id']}"
    assert john.send("PUT", path, {"floatingip": {"port_id": port["id"]}}).status_code == 404
    bound = mary.send("PUT", path, {"floatingip": {"port_id": port["id"]}}).json()["floatingip"]
    assert bound["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    kinds = [a["OS-EXT-IPS:type"] for a in mary.server(server["id"])["addresses"]["sharednet1"]]
    assert kinds == ["fixed", "floating"]
    second = mary.send("POST", "network/v2.0/floatingips", {"floatingip": {"floating_network_id": public["id"]}})
    again = {"floatingip": {"port_id": port["id"]}}
    assert mary.send("PUT", f"network/v2.0/floatingips/{second.json()['floatingip']['id']}", again).status_code == 409
    assert mary.send("DELETE", f"compute/v2.1/servers/{server['id']}").status_code == 204
    left = mary.send("GET", "network/v2.0/floatingips").json()["floatingips"]
    assert [f["port_id"] for f in left] == [None, None]
    assert john.send("GET", "network/v2.0/floatingips").json()["floatingips"] == []


def test_a_project_has_a_quota_of_floating_ips(student) -> None:
    mary = student()
    public = mary.send("GET", "network/v2.0/networks", name="public").json()["networks"][0]["id"]
    body = {"floatingip": {"floating_network_id": public}}
    answers = [mary.send("POST", "network/v2.0/floatingips", body) for _ in range(11)]
    assert [a.status_code for a in answers] == [201] * 10 + [409]
    assert answers[-1].json()["NeutronError"]["type"] == "OverQuota"


def test_a_key_pair_belongs_to_its_user_and_shows_the_fingerprint_python_chi_computes(student) -> None:
    mary, john = student(), student("john")
    public = "ssh-ed25519 " + base64.b64encode(b"not a key, but bytes").decode()
    body = {"keypair": {"name": "k", "public_key": public, "type": "ssh"}}
    made = mary.send("POST", "compute/v2.1/os-keypairs", body)
    assert made.json()["keypair"]["fingerprint"].count(":") == 15
    assert mary.send("POST", "compute/v2.1/os-keypairs", body).status_code == 409
    assert john.send("GET", "compute/v2.1/os-keypairs/k").status_code == 404
    broken = {"keypair": {"name": "b", "public_key": "nonsense"}}
    assert mary.send("POST", "compute/v2.1/os-keypairs", broken).status_code == 400


class TestContainers:
    """Zun at CHI@Edge."""

    @pytest.fixture
    def pi(self, student, hand):
        """Mary with an active lease of one Raspberry Pi, and the reservation's id."""
        mary = student(site="edge")
        lease = mary.reserve("raspberrypi5", hours=2).json()["lease"]
        hand.wait(LEASE_START_S)
        return mary, lease["reservations"][0]["id"]

    def create(self, who, reservation_id, **more):
        body = {"name": "c", "image": "quay.io/jupyter/minimal-notebook", "hints": {"reservation": reservation_id}}
        return who.send("POST", "container/v1/containers", body | more)

    def test_it_executes_only_when_it_runs(self, pi, hand) -> None:
        mary, reservation_id = pi
        made = self.create(mary, reservation_id)
        assert (made.status_code, made.json()["status"]) == (202, "Creating")
        execute = f"container/v1/containers/{made.json()['uuid']}/execute"
        assert mary.send("POST", execute, command="ls", run="True").status_code == 409
        hand.wait(CONTAINER_START_S)
        answer = mary.send("POST", execute, command="sh -c 'echo out; echo err >&2; exit 3'", run="True").json()
        assert (answer["output"], answer["exit_code"]) == ("out\nerr\n", 3)

    def test_no_shell_reads_the_command(self, pi, hand) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        answer = mary.send("POST", "container/v1/containers/c/execute", command="echo $HOME | wc").json()
        assert answer["output"] == "$HOME | wc\n"

    def test_what_cannot_run_here_is_said_and_recorded(self, pi, hand, client) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        answer = mary.send("POST", "container/v1/containers/c/execute", command="nvidia-smi -L").json()
        assert answer["output"] == "rehearsed, not run: nvidia-smi -L\n"
        journal = client.get("/_rehearsal/journal", headers={"X-Rehearsal-Secret": "secret"}).json()
        shims = [line for line in journal if line["event"] == "rehearsed, not run"]
        assert [(line["machine"], line["command"]) for line in shims] == [("c", "nvidia-smi -L")]

    def test_logs_show_jupyters_token_and_say_what_was_not_run(self, pi, hand) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        log = mary.send("GET", "container/v1/containers/c/logs").json()
        assert "http://127.0.0.1:8888/lab?token=" in log
        assert log.startswith("rehearsed, not run: image quay.io/jupyter/minimal-notebook")

    def test_an_archive_goes_up_and_comes_back(self, pi, hand) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        data = base64.b64encode(_archive("model.onnx", b"weights")).decode()
        put = "container/v1/containers/c/put_archive"
        assert mary.send("POST", put, {"data": data}, path="/home/jovyan/work").status_code == 200
        got = mary.send("GET", "container/v1/containers/c/get_archive", path="/home/jovyan/work/model.onnx").json()
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(got["data"]))) as archive:
            assert archive.extractfile("model.onnx").read() == b"weights"
        assert mary.send("POST", put, {"data": data}, path="/no/such/folder").status_code == 404
        assert mary.send("POST", put, {"data": "%%%"}, path="/root").status_code in (400, 404)

    def test_an_archive_cannot_leave_the_container(self, pi, hand, world) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        data = base64.b64encode(_archive("../../../../../../escaped", b"x")).decode()
        answer = mary.send("POST", "container/v1/containers/c/put_archive", {"data": data}, path="/tmp")
        assert answer.status_code == 400
        assert not list(world.folder.parent.rglob("escaped"))

    def test_an_upload_over_the_limit_is_413(self, pi, hand, monkeypatch) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        monkeypatch.setattr("provisioning.rehearsal.container.UPLOAD_LIMIT_BYTES", 1000)
        data = base64.b64encode(_archive("big", b"x" * 4000)).decode()
        answer = mary.send("POST", "container/v1/containers/c/put_archive", {"data": data}, path="/tmp")
        assert answer.status_code == 413

    def test_a_running_container_must_be_stopped_or_forced_to_be_deleted(self, pi, hand) -> None:
        mary, reservation_id = pi
        self.create(mary, reservation_id)
        hand.wait(CONTAINER_START_S)
        assert mary.send("DELETE", "container/v1/containers/c").status_code == 409
        assert mary.send("DELETE", "container/v1/containers/c", force="True").status_code == 204
        assert mary.send("GET", "container/v1/containers/c").status_code == 404

    def test_a_name_of_two_containers_is_409(self, pi, hand) -> None:
        mary, reservation_id = pi
        ids = [self.create(mary, reservation_id).json()["uuid"] for _ in range(2)]
        assert mary.send("GET", "container/v1/containers/c").status_code == 409
        assert mary.send("GET", f"container/v1/containers/{ids[0]}").status_code == 200

    def test_without_a_device_it_ends_in_error(self, pi, hand) -> None:
        mary, _ = pi
        self.create(mary, None)
        hand.wait(CONTAINER_START_S)
        shown = mary.send("GET", "container/v1/containers/c").json()
        assert (shown["status"], shown["addresses"]) == ("Error", {})
        assert mary.send("GET", "container/v1/containers/c/logs").status_code == 409

    def test_other_students_do_not_see_it(self, pi, student) -> None:
        mary, reservation_id = pi
        made = self.create(mary, reservation_id).json()
        john = student("john", site="edge")
        assert john.send("GET", f"container/v1/containers/{made['uuid']}").status_code == 404
        assert john.send("GET", "container/v1/containers").json()["containers"] == []


def _archive(name: str, content: bytes) -> bytes:
    """Return a tar archive with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
