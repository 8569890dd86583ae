"""Two ways to run a command on a machine: SSH to a server, and the container service's execute."""

import io
import math
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from provisioning.setup.jobs import script
from provisioning.testbed import Completed, Way, errors

#: The container service limits the size of an upload, but does not publish the limit: start here,
#: and halve after a refusal.
UPLOAD_PART_BYTES = 4 * 2**20
SMALLEST_PART_BYTES = 64 * 2**10

#: Seconds that one execute may wait. Chameleon's Zun gives up after 5 s by its source
#: (``execute_timeout``, ``archive_timeout`` of zun/conf/k8s.py at ChameleonCloud/zun), and then
#: answers without an exit code; what a site of theirs sets is published nowhere.
TURN_S = 2
#: Seconds between two turns, so that a service that answers at once is not flooded.
PAUSE_S = 0.2
#: Seconds that a command's last turn may be late: the service's own limit, and the way there.
LATE_S = 15.0
_PREFIX = "labs-turns-"


class SshShell:
    """Commands over SSH, one connection each, because the steps run side by side and must not share
    a connection.
    """

    def __init__(self, way: Way):
        self._way = way

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        """Return how the command ended.

        Raises:
            NoKeyError: the machine does not accept the key.
            NotReachableError: no connection.
            ConnectionLostError: it broke off before the command's end was heard.
            StepTimeoutError: the command did not end in time.
        """
        output = io.StringIO()
        with self._connection() as connection:
            # Not the login shell's choice: the scripts are sh, whatever the account has.
            result = connection.run(
                f"sh -c {shlex.quote(self._way.inside(command))}",
                timeout=timeout_s,
                hide=False,
                warn=True,
                in_stream=False,
                out_stream=output,
                err_stream=output,
            )
        # Paramiko's code for a channel that closed without one.
        if result.exited == -1:
            raise errors.ConnectionLostError(f"the SSH connection to {self._way.host} broke off")
        return Completed(result.exited, output.getvalue())

    def put(self, source: Path, target: str) -> None:
        with self._connection() as connection:
            # A relative path is below the account's home, where SFTP begins.
            connection.put(str(source), str(PurePosixPath(self._way.folder, target)))

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        from fabric import Connection
        from paramiko import AutoAddPolicy, RejectPolicy

        way = self._way
        host = way.host
        key = {"key_filename": way.key} if way.key else {}
        opened = False
        try:
            with Connection(
                host, user=way.user, port=way.port, connect_timeout=20, connect_kwargs=key
            ) as connection:
                policy = RejectPolicy if way.known_hosts else AutoAddPolicy
                connection.client.set_missing_host_key_policy(policy)
                if way.known_hosts and Path(way.known_hosts).exists():
                    connection.client.load_host_keys(way.known_hosts)
                connection.open()
                opened = True
                yield connection
        except errors.ProvisioningError:
            raise
        except Exception as error:
            name = type(error).__name__
            if name == "BadHostKeyException" or "not found in known_hosts" in str(error):
                raise errors.HostKeyError(f"{host}: {error}") from error
            if name in {
                "AuthenticationException",
                "PasswordRequiredException",
                "BadAuthenticationType",
            }:
                what = f"{host} does not accept the SSH key ({error})"
                if way.known_hosts:
                    raise errors.NoKeyError(
                        what,
                        likely="The account has another public key, or the key has a passphrase.",
                        way_out="See that `ssh` signs in without asking; --key names another key.",
                    ) from error
                raise errors.NoKeyError(what) from error
            if name == "CommandTimedOut":
                raise errors.StepTimeoutError(f"a command on {host} did not end in time") from error
            if isinstance(error, OSError | EOFError) or name in {
                "SSHException",
                "NoValidConnectionsError",
            }:
                if opened:
                    raise errors.ConnectionLostError(
                        f"the SSH connection to {host} broke off: {error}"
                    ) from error
                raise errors.NotReachableError(f"no SSH connection to {host}: {error}") from error
            raise


class ContainerShell:
    """Commands through the container service, whose execute is brief.

    A command is uploaded as a file, for a line of execute travels in the address of a request. It
    runs apart from the call that starts it, and each turn (``shell/turn.sh``) asks how it stands.

    Args:
        execute: runs one command line in the container; returns its output and its exit code as
            text or number, or None when the service did not wait for it.
        upload: copies a local file or folder into an existing folder of the container.
    """

    def __init__(
        self, execute: Callable[[str], tuple[str, object]], upload: Callable[[str, str], None]
    ):
        self._execute = execute
        self._upload = upload

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        """Return how the command ended; exit code 124 means that it did not end in time.

        Raises:
            ServiceBusyError: no turn got a clear answer, or the container lost the command.
        """
        limit_s = math.ceil(timeout_s)
        turn = self._uploaded(command, limit_s)
        give_up_s = time.monotonic() + limit_s + LATE_S
        while True:
            output, exit_code = self._execute(f"sh {turn}")
            state, _, text = output.partition("\n")
            if _is_clear(exit_code):
                if state.startswith("ended "):
                    return Completed(int(state.removeprefix("ended ")), text)
                if state != "running":
                    raise errors.ServiceBusyError(
                        f"the container does not run a command that was sent (exit code "
                        f"{exit_code}): {output.strip()[:200]}",
                        likely="The container was restarted, or its image has no sh and tar.",
                    )
            if time.monotonic() > give_up_s:
                break
            time.sleep(PAUSE_S)
        if _is_clear(exit_code):
            return Completed(124, "")
        raise errors.ServiceBusyError(
            f"the container service gave no exit code for {limit_s} s",
            likely="The device is too busy to answer within the service's few seconds.",
        )

    def _uploaded(self, command: str, limit_s: int) -> str:
        """Put a command and its turns into a folder of the container; return the turns' path."""
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as local:
            folder = Path(local)
            (folder / "command").write_text(command, encoding="utf-8")
            turns = script("turn", limit_s=limit_s, turn_s=TURN_S, prefix=_PREFIX)
            (folder / "turn.sh").write_text(turns, encoding="utf-8")
            # Where the home lies differs from image to image.
            self._upload(local, "/tmp")
            return f"/tmp/{folder.name}/turn.sh"

    def put(self, source: Path, target: str) -> None:
        """Copy one file to a path under the home, in parts where it is larger than the service
        takes at once.
        """
        part_bytes = UPLOAD_PART_BYTES
        while True:
            try:
                return self._put_parts(source, target, part_bytes)
            except Exception as error:
                message = str(error).lower()
                too_large = "413" in message or "too large" in message
                if not too_large or part_bytes <= SMALLEST_PART_BYTES:
                    raise
                part_bytes //= 2

    def _put_parts(self, source: Path, target: str, part_bytes: int) -> None:
        count = max(1, math.ceil(source.stat().st_size / part_bytes))
        # They arrive beside the folder that the command runs from.
        parts = f'"${{0%/*}}"/../{shlex.quote(source.name)}.*.part'
        # Parts of an earlier try with another size must not be joined in.
        self.run(f"rm -f {parts}")
        with tempfile.TemporaryDirectory() as local, source.open("rb") as stream:
            for number in range(count):
                part = Path(local) / f"{source.name}.{number:05d}.part"
                part.write_bytes(stream.read(part_bytes))
                self._upload(str(part), "/tmp")
                part.unlink()
        join = f"cat {parts} > {shlex.quote(target)} && rm -f {parts}"
        joined = self.run(join, timeout_s=120)
        if joined.exit_code != 0:
            output = joined.output.strip()
            raise errors.CommandFailedError(f"joining the parts of {target} failed: {output}")


def _is_clear(exit_code: object) -> bool:
    """Return whether the service waited for the command: without a code, it has to be asked
    again.
    """
    return str(exit_code).lstrip("-").isdigit()
