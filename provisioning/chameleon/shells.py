"""Two ways to run a command on a machine: SSH to a server, and the container service's execute."""

import io
import math
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provisioning.testbed import Completed, Way, errors

#: What the container service takes in one upload is limited, and the limit is not published: start here, and halve
#: when it is refused.
UPLOAD_PART_BYTES = 4 * 2**20
SMALLEST_PART_BYTES = 64 * 2**10

#: The service splits a command line into words and starts no shell. A small image may lack `timeout`. By the source of
#: Chameleon's Zun, its `execute` waits 5 s for a command and then gives no exit code.
_WITH_LIMIT = "if command -v timeout >/dev/null; then exec timeout {limit_s} sh -c {inner}; else exec sh -c {inner}; fi"


class SshShell:
    """Commands over SSH, one connection each: the steps run side by side, and a connection is not to be shared."""

    def __init__(self, way: Way):
        self._way = way

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        """Return how the command ended.

        Raises:
            NoKeyError: the machine does not accept the key.
            NotReachableError: no connection.
            StepTimeoutError: the command did not end in time.
        """
        said = io.StringIO()
        how = {
            "hide": False,
            "warn": True,
            "in_stream": False,
            "out_stream": said,
            "err_stream": said,
        }
        with self._connection() as connection:
            # Not the login shell's choice: the scripts are sh, whatever the account has.
            result = connection.run(f"sh -c {shlex.quote(command)}", timeout=timeout_s, **how)
        return Completed(result.exited, said.getvalue())

    def put(self, source: Path, target: str) -> None:
        with self._connection() as connection:
            connection.put(str(source), target)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        from fabric import Connection
        from paramiko import AutoAddPolicy

        host = self._way.host
        key = {"key_filename": self._way.key} if self._way.key else {}
        try:
            with Connection(
                host, user=self._way.user, connect_timeout=20, connect_kwargs=key
            ) as connection:
                # Addresses go from lease to lease, so an unknown host key is the rule: accept it.
                connection.client.set_missing_host_key_policy(AutoAddPolicy)
                connection.open()
                yield connection
        except Exception as error:
            name = type(error).__name__
            if name in {
                "AuthenticationException",
                "PasswordRequiredException",
                "BadAuthenticationType",
            }:
                raise errors.NoKeyError(f"{host} does not accept the SSH key ({error})") from error
            if name == "CommandTimedOut":
                raise errors.StepTimeoutError(f"a command on {host} did not end in time") from error
            if isinstance(error, OSError | EOFError) or name in {
                "SSHException",
                "NoValidConnectionsError",
            }:
                raise errors.NotReachableError(f"no SSH connection to {host}: {error}") from error
            raise


class ContainerShell:
    """Commands through the container service.

    Args:
        execute: runs one command line in the container; returns its output and its exit code as text or number.
        upload: copies a local file into an existing folder of the container.
    """

    def __init__(
        self, execute: Callable[[str], tuple[str, object]], upload: Callable[[str, str], None]
    ):
        self._execute = execute
        self._upload = upload

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        """Return how the command ended; exit code 124 means that it did not end in time."""
        # The image may start in a subfolder; SSH starts in the home, and the steps count on it.
        inner = shlex.quote(f'cd "$HOME" && {{ {command.strip()}\n}}')
        limited = _WITH_LIMIT.format(limit_s=math.ceil(timeout_s), inner=inner)
        output, exit_code = self._execute(f"sh -c {shlex.quote(limited)}")
        try:
            return Completed(int(str(exit_code)), output)
        except ValueError as error:
            raise errors.ServiceBusyError(
                f"the container service gave no exit code for a command: {exit_code!r}"
            ) from error

    def put(self, source: Path, target: str) -> None:
        """Copy one file to a path under the home, in parts where it is larger than the service takes at once."""
        part_bytes = UPLOAD_PART_BYTES
        while True:
            try:
                return self._put_parts(source, target, part_bytes)
            except Exception as error:
                too_large = "413" in str(error) or "too large" in str(error).lower()
                if not too_large or part_bytes <= SMALLEST_PART_BYTES:
                    raise
                part_bytes //= 2

    def _put_parts(self, source: Path, target: str, part_bytes: int) -> None:
        count = max(1, math.ceil(source.stat().st_size / part_bytes))
        parts = f'"${{TMPDIR:-/tmp}}"/{shlex.quote(source.name)}.*.part'
        # Parts of an earlier try with another size must not be joined in.
        self.run(f"rm -f {parts}")
        with tempfile.TemporaryDirectory() as local, source.open("rb") as stream:
            for number in range(count):
                part = Path(local) / f"{source.name}.{number:05d}.part"
                part.write_bytes(stream.read(part_bytes))
                # The upload wants a folder that is there, and where the home lies differs from image to image.
                self._upload(str(part), "/tmp")
                part.unlink()
        joined = self.run(f"cat {parts} > {shlex.quote(target)} && rm -f {parts}", timeout_s=120)
        if joined.exit_code != 0:
            raise errors.CommandFailedError(
                f"joining the parts of {target} failed: {joined.output.strip()}"
            )
