"""A testbed in memory, whose machines are folders of this computer, and a clock that tests
drive.
"""

import dataclasses
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chameleon_rehearsal.testing import offer
from labs.sites.images import commands
from labs.sites.spec import PARTS, load_spec
from provisioning.setup.context import Settings
from provisioning.setup.record import Record
from provisioning.setup.run import SetupRun
from provisioning.setup.steps import steps_for
from provisioning.testbed import (
    Address,
    Completed,
    Lease,
    Machine,
    Reservation,
    SecurityGroup,
    Volume,
    Way,
)
from provisioning.testbed.errors import (
    NoAddressError,
    NoKeyError,
    NotReachableError,
    ServiceBusyError,
)
from tests.provisioning.pythons import chi_python  # noqa: F401 - a fixture
from tests.provisioning.rehearsed import BEGIN, Rehearsal, rehearsal_beside, small_course

OPTIONS = [option for part in PARTS for option in load_spec(part).options]
#: What is sent to any machine has to do with the commands that all images have, and with the
#: driver's on those of part 1.
COMMANDS = frozenset.intersection(*(commands(option.image) for option in OPTIONS)) | {"nvidia-smi"}
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class DrivenClock:
    """Sleeping moves it on at once; a little real time passes too, for real processes to get on."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self) -> float:
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.elapsed_s += seconds
        time.sleep(min(seconds, 0.005))


def facts_of(run: SetupRun) -> dict[str, dict]:
    run.go()
    return {name: run.record.facts(name) for name in run.rows}


def changed(items: list, id: str, **changes) -> list:
    return [dataclasses.replace(item, **changes) if item.id == id else item for item in items]


class FolderShell:
    """Runs commands for real, with a folder as home and on PATH what every image brings."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.offered = home.parent / f"{home.name}-commands"
        offer(self.offered, COMMANDS)
        self.commands: list[str] = []
        #: More variables, as a container has them.
        self.environment: dict[str, str] = {}

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        self.commands.append(command)
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:{self.offered}",
            "REHEARSAL_MACHINE": "folder",
            **self.environment,
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        line = ["/bin/sh", "-c", command]
        done = subprocess.run(
            line, cwd=self.home, env=environment, **pipes, timeout=timeout_s, check=False
        )
        return Completed(done.returncode, done.stdout)

    def put(self, source: Path, target: str) -> None:
        (self.home / target).write_bytes(source.read_bytes())


class MemoryTestbed:
    """One site. Statuses change by looking: each look takes the next of the prepared ones and then
    stays.
    """

    def __init__(self, home: Path, site: str = "CHI@TACC") -> None:
        self.site = site
        self.folder_shell = FolderShell(home)
        self.lease_list: list[Lease] = []
        self.machine_list: list[Machine] = []
        self.address_list: list[Address] = []
        self.group_list: list[SecurityGroup] = []
        self.volume_list: list[Volume] = []
        #: Statuses that the next volume goes through.
        self.volume_fate: list[str] = ["downloading", "available"]
        #: Statuses that the next machine goes through.
        self.fate: list[str] = ["BUILD", "ACTIVE"]
        #: Connections until port 22 answers, and sign-ins until the key is accepted.
        self.deaf_looks = 0
        self.locked_looks = 0
        self.pool = 3
        #: Called before each request with its name; a test raises from it.
        self.before: Callable[[str], None] = lambda _request: None
        self.requests: list[str] = []
        self._numbers = itertools.count(1)
        self._fates: dict[str, list[str]] = {}

    def _note(self, request: str) -> None:
        self.requests.append(request)
        self.before(request)

    def leases(self):
        self._note("leases")
        return list(self.lease_list)

    def refuse(self, request: str, *outcomes: Exception | None) -> None:
        """Let the next requests of a name end like this, None being none of it; those after them
        are answered.
        """
        left = list(outcomes)

        def before(asked: str) -> None:
            if asked == request and left and (error := left.pop(0)) is not None:
                raise error

        self.before = before

    def reserve(self, request):
        self._note("reserve")
        kind = {"node": "physical:host", "device": "device", "flavor": "flavor:instance"}[
            request.resource
        ]
        named = json.dumps(["==", "$node_name", request.node]) if request.node else ""
        on = (Reservation(f"reservation-{next(self._numbers)}", kind, named),)
        dates = {"start": request.start or NOON, "end": request.end, "created": NOON}
        return self.give_lease(request.name, "PENDING", reservations=on, **dates)

    def extend_lease(self, lease_id, end):
        self._note("extend_lease")
        self.lease_list = changed(self.lease_list, lease_id, end=end)
        return next(lease for lease in self.lease_list if lease.id == lease_id)

    def delete_lease(self, lease_id):
        self._note("delete_lease")
        self.lease_list = [lease for lease in self.lease_list if lease.id != lease_id]

    def machines(self):
        self._note("machines")
        for index, machine in enumerate(self.machine_list):
            fate = self._fates.get(machine.id, [])
            if fate:
                self.machine_list[index] = dataclasses.replace(machine, status=fate.pop(0))
        return list(self.machine_list)

    def make(self, name: str, kind: str) -> None:
        """Put a machine there that goes through the prepared statuses."""
        machine = Machine(f"{kind}-{next(self._numbers)}", name, kind, self.fate[0], created=NOON)
        self._fates[machine.id] = self.fate[1:]
        self.machine_list.append(machine)

    def boot(self, name, reservation_id, image, flavor, volume_id=""):
        self._note("boot")
        self.make(name, "server")
        if volume_id:
            self.volume_list = changed(self.volume_list, volume_id, status="in-use")

    def volumes(self):
        self._note("volumes")
        for index, volume in enumerate(self.volume_list):
            fate = self._fates.get(volume.id, [])
            if fate:
                self.volume_list[index] = dataclasses.replace(volume, status=fate.pop(0))
        return list(self.volume_list)

    def make_volume(self, name, image, size_gb):
        self._note("make_volume")
        volume = Volume(f"volume-{next(self._numbers)}", name, "creating", NOON)
        self._fates[volume.id] = list(self.volume_fate)
        self.volume_list.append(volume)

    def delete_volume(self, volume_id):
        self._note("delete_volume")
        self.volume_list = [volume for volume in self.volume_list if volume.id != volume_id]

    def launch(self, name, reservation_id, image, ports, environment):
        self._note("launch")
        self.folder_shell.environment = dict(environment)
        self.make(name, "container")

    def delete_machine(self, machine):
        self._note("delete_machine")
        self.machine_list = [other for other in self.machine_list if other.id != machine.id]
        for address in self.address_list:
            if address.port_id == machine.id:
                self.address_list = changed(self.address_list, address.id, port_id=None)

    def addresses(self):
        self._note("addresses")
        return list(self.address_list)

    def allocate_address(self, label):
        self._note("allocate_address")
        if self.pool == 0:
            raise NoAddressError("the pool is empty")
        self.pool -= 1
        number = next(self._numbers)
        self.address_list.append(
            Address(f"address-{number}", f"192.0.2.{number}", None, label, NOON)
        )
        return self.address_list[-1]

    def attach_address(self, address, machine):
        self._note("attach_address")
        if not any(other.id == machine.id for other in self.machine_list):
            raise ServiceBusyError("no port")
        self.address_list = changed(self.address_list, address.id, port_id=machine.id)
        self.machine_list = changed(self.machine_list, machine.id, addresses=(address.address,))

    def delete_address(self, address_id):
        self._note("delete_address")
        self.address_list = [a for a in self.address_list if a.id != address_id]

    def let_in(self, name, port, machine):
        self._note("let_in")
        self.group_list = [SecurityGroup(f"group-{name}", name)]

    def groups(self):
        return list(self.group_list)

    def delete_group(self, group_id):
        self._note("delete_group")
        self.group_list = [group for group in self.group_list if group.id != group_id]

    def shell(self, machine):
        self.deaf_looks -= 1
        if self.deaf_looks >= 0:
            raise NotReachableError("no SSH connection")
        self.locked_looks -= 1
        if self.locked_looks >= 0:
            raise NoKeyError("key refused")
        return self.folder_shell

    def way(self, machine):
        return (
            None
            if machine.kind == "container"
            else Way(machine.addresses[0], "/home/ada/.ssh/chameleon")
        )

    def resources(self, kind, type_name):
        return []

    def give_lease(
        self, name: str, status: str = "ACTIVE", kind: str = "physical:host", **changes
    ) -> Lease:
        """Put a lease there, as if it had been made before."""
        number = next(self._numbers)
        on = (Reservation(f"reservation-{number}", kind),)
        usual = {
            "start": NOON - timedelta(minutes=5),
            "end": NOON + timedelta(hours=3),
            "reservations": on,
        }
        usual["created"] = NOON - timedelta(hours=1)
        self.lease_list.append(Lease(f"lease-{number}", name, status, **usual | changes))
        return self.lease_list[-1]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep records, zone and refusals in the test's own folder; the student is Ada."""
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LABS_OWNER", "ada")


@pytest.fixture
def rehearsal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rehearsal]:
    """A rehearsal for the flows beside the test, in a new world, which no other test has moved or
    used. A parameter is the moment at which it begins.
    """
    room = tmp_path_factory.mktemp("rehearsal")
    with rehearsal_beside(request.path, room, getattr(request, "param", BEGIN)) as running:
        yield running


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def memory(tmp_path: Path) -> MemoryTestbed:
    home = tmp_path / "home"
    home.mkdir()
    return MemoryTestbed(home)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course: the real scripts, a few modules, two pictures."""
    root = small_course(tmp_path / "course", "a100", "edge")
    (root / "assets" / "picture.jpg").write_bytes(b"\xff\xd8" * 500)
    (root / "README.md").write_text("A course.\n")
    return root


@pytest.fixture
def make_run(memory: MemoryTestbed, clock: DrivenClock, course: Path, tmp_path: Path):
    """Return a function that makes a run of a part on the memory testbed; further calls share the
    state file.
    """

    def make(
        part: str = "model", only: tuple[str, ...] = (), testbed=None, type="", **settings
    ) -> SetupRun:
        spec = load_spec(part)
        option = next(option for option in spec.options if type in ("", option.type))
        steps = [s for s in steps_for(spec, option) if not only or s.name in only]
        settings.setdefault("clock", clock)
        settings.setdefault("stand_in", Path(sys.executable))
        chosen = Settings(spec, option, f"serve-{part}-ada", course, **settings)
        return SetupRun(steps, chosen, testbed or memory, Record.for_name(f"serve-{part}-ada"))

    return make
