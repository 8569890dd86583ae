"""Commands in a container whose service waits some seconds for each, as Chameleon's Zun does."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from provisioning.chameleon import shells
from provisioning.chameleon.shells import ContainerShell
from provisioning.testbed.errors import ServiceBusyError


class Service:
    """A container service: a folder plays the container's root, and a turn may take ``limit_s``."""

    def __init__(self, root: Path, limit_s: float) -> None:
        self.root = root
        self.limit_s = limit_s
        self.lines: list[str] = []
        #: Exit codes of the answers.
        self.codes: list[int | None] = []
        for folder in ("tmp", "home"):
            (root / folder).mkdir()

    def execute(self, line: str) -> tuple[str, int | None]:
        self.lines.append(line)
        command = shlex.split(line.replace("/tmp/", f"{self.root}/tmp/"))
        environment = {"HOME": str(self.root / "home"), "PATH": "/usr/bin:/bin"}
        try:
            done = subprocess.run(
                command,
                env=environment,
                cwd="/",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=self.limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as cut:
            self.codes.append(None)
            return (cut.output or b"").decode(), None
        self.codes.append(done.returncode)
        return done.stdout, done.returncode

    def upload(self, source: str, folder: str) -> None:
        shutil.copytree(source, self.root / folder.lstrip("/") / Path(source).name)

    @property
    def shell(self) -> ContainerShell:
        return ContainerShell(self.execute, self.upload)


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that are shorter than on a site, in the same proportions."""
    monkeypatch.setattr(shells, "TURN_S", 1)
    monkeypatch.setattr(shells, "PAUSE_S", 0.05)


@pytest.fixture(params=[5.0, 0.3], ids=["the service waits long enough", "every turn is cut"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Service:
    return Service(tmp_path, request.param)


def test_a_command_longer_than_any_turn_runs_once_and_ends_with_its_own_code(service: Service):
    """A missing exit code means 'ask again', not a failure and not a second start."""
    command = "echo begun >> begun; echo one; sleep 2.2; echo two >&2; exit 3"
    done = service.shell.run(command, timeout_s=20)
    assert (done.exit_code, done.output.split()) == (3, ["one", "two"])
    assert (service.root / "home" / "begun").read_text().split() == ["begun"]
    assert len(service.lines) >= 2
    assert (None in service.codes) == (service.limit_s < 1)


def test_no_script_travels_in_the_address(service: Service):
    """A line of execute stays brief, however long the command is and whatever it contains."""
    text = "'quoted' \"twice\" $HOME \\ %d\n" * 500
    done = service.shell.run(f"cat << 'END'\n{text}END")
    assert (done.exit_code, done.output) == (0, text)
    assert max(len(line) for line in service.lines) < 100


def test_a_command_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch):
    """By `timeout` in the container, or by its turns where the image has none."""
    service = Service(tmp_path, 5.0)
    assert service.shell.run("sleep 30", timeout_s=1).exit_code == 124
    monkeypatch.setattr(shells, "LATE_S", 0.2)
    never = ContainerShell(lambda _line: ("running\n", 0), service.upload)
    assert never.run("sleep 30", timeout_s=1).exit_code == 124


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (("", None), "gave no exit code for 1 s"),
        (("sh: 0: cannot open /tmp/labs-turns-x/turn.sh", 2), "does not run a command"),
        (("Malformed command, or binary not found in container", -1), "binary not found"),
    ],
)
def test_a_service_that_never_answers_clearly_is_busy(tmp_path: Path, monkeypatch, answer, says):
    """The step may be tried again: `transient` says so."""
    monkeypatch.setattr(shells, "LATE_S", 0.0)
    service = Service(tmp_path, 5.0)
    with pytest.raises(ServiceBusyError, match=says) as busy:
        ContainerShell(lambda _line: answer, service.upload).run("true", timeout_s=1)
    assert busy.value.transient


def test_a_large_file_travels_in_parts_and_arrives_whole(service: Service, monkeypatch):
    """The service refuses what is too large; joining is a command like any other."""
    source = service.root / "model.bin"
    source.write_bytes(bytes(range(256)) * 1000)
    monkeypatch.setattr(shells, "SMALLEST_PART_BYTES", 2**15)
    monkeypatch.setattr(shells, "UPLOAD_PART_BYTES", 2**17)

    def upload(path: str, folder: str) -> None:
        if Path(path).is_dir():
            return service.upload(path, folder)
        if Path(path).stat().st_size > 2**16:
            raise RuntimeError("Request is too large. (HTTP 413)")
        shutil.copy(path, service.root / folder.lstrip("/"))
        return None

    ContainerShell(service.execute, upload).put(source, "there.bin")
    assert (service.root / "home" / "there.bin").read_bytes() == source.read_bytes()
