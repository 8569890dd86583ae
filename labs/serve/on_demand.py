"""A service that exists only while somebody uses it: started by the first connection, stopped when it has been idle.

The socket stays open all the time. Whoever connects while nothing runs waits in its queue until the service is up, and
gets an answer, only later. This is what serverless platforms call scaling to zero.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
import urllib.request

from labs.loopback import listen
from labs.serve.running import Service, start
from labs.serve.settings import Settings

#: Seconds between two looks at a running service.
_LOOK_EVERY_S = 0.1


class OnDemand:
    """Keeps an address, and a service behind it while there is work."""

    def __init__(self, settings: Settings, *, idle_s: float) -> None:
        """Open the address; nothing runs yet.

        Args:
            settings: What is served.
            idle_s: Seconds without a request after which the service is stopped.
        """
        self.settings = settings.model_copy(update={"wait_for_model": True})
        self.idle_s = idle_s
        #: How often it was started.
        self.starts = 0
        self._service: Service | None = None
        self._over = threading.Event()
        self._socket = listen()
        self.url = "http://{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._watch, name="on-demand", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there is a process right now."""
        return self._service is not None

    def memory_bytes(self) -> int:
        """Return the memory that it holds right now; 0 while nothing runs."""
        service = self._service
        return service.memory_bytes() if service else 0

    def wait_until_idle(self, within_s: float = 60.0) -> None:
        """Return when nothing runs any more.

        Raises:
            TimeoutError: It still runs; somebody keeps asking.
        """
        until_s = time.monotonic() + within_s
        while self.running:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{self.url} still runs after {within_s:g} s")
            time.sleep(_LOOK_EVERY_S / 2)

    def close(self) -> None:
        """Stop what runs, and give the address back."""
        self._over.set()
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> OnDemand:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._over.is_set():
            # Readable means that somebody has connected; the connection is left for the service to accept.
            if not select.select([self._socket], [], [], _LOOK_EVERY_S)[0]:
                continue
            self.starts += 1
            self._service = start(self.settings, listening=self._socket)
            try:
                self._until_idle(self._service)
            finally:
                self._service.stop()
                self._service = None

    def _until_idle(self, service: Service) -> None:
        answered, since_s = -1.0, time.monotonic()
        while service.alive and not self._over.wait(_LOOK_EVERY_S):
            now = self._answered()
            if now != answered or now == 0:
                answered, since_s = now, time.monotonic()
            elif time.monotonic() - since_s >= self.idle_s:
                return

    def _answered(self) -> float:
        """Return how many predictions the service has answered; asking for it is no work in this sense."""
        with contextlib.suppress(OSError), urllib.request.urlopen(self.url + "/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
            return sum(float(one.rpartition(" ")[2]) for one in lines if one.startswith(_COUNTED))
        return 0.0


#: What counts as work: replies to predictions, good or bad.
_COUNTED = 'serving_requests_total{path="/predict'
