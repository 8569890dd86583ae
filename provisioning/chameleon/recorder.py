"""Record a site's real answers: forms, headers, status and seconds of every call, without values.

The rehearsal answers in the forms of the services' published samples. A real site's answers outrank
them: a recording shows where they differ (`provisioning/rehearsal/tests/recorded`).
"""

import contextlib
import json
import re
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

#: Headers whose values say how a service speaks, and nothing about who asked.
_HEADERS = frozenset(
    {
        "allow",
        "content-type",
        "openstack-api-version",
        "retry-after",
        "server",
        "vary",
        "x-openstack-nova-api-version",
    }
)
#: Keys of bodies whose values are states and versions of the service's own.
_VALUES = frozenset(
    {
        "OS-EXT-STS:power_state",
        "OS-EXT-STS:task_state",
        "OS-EXT-STS:vm_state",
        "code",
        "exit_code",
        "max_version",
        "min_version",
        "status",
        "title",
    }
)
#: Keys of bodies below which users choose every key.
_OF_OWN_WORDS = frozenset(
    {"addresses", "environment", "extra_specs", "labels", "meta", "metadata", "properties"}
)
#: Words of paths that belong to the interface; all other words are identifiers or names.
_PATH_WORDS = """
    access actions action allocation allocations allocations-api auth availability chameleon
    clusters container containers detail devices execute extensions federation flavor-instances
    flavors floatingips get_archive hosts identity image images interface leases limits logs
    metadata networks nodes.json OS-FEDERATION os-hosts os-interface os-keypairs os-quota-sets
    os-security-groups ports projects put_archive reservation routers schemas security-group-rules
    security-groups servers services sites sites.json subnets tacc tags tokens uc users versions
    volumes
"""
_VERSION = re.compile(r"v\d+(\.\d+)?")
_OWN_WORD = "{name}"
_LARGEST_BODY_BYTES = 5 * 2**20


class Recorder:
    """Collects what services answer while it listens; several threads may ask."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note every answer that this process gets through ``requests``, as all clients of
        Chameleon's services do.
        """
        send = requests.Session.send

        def noted(
            session: requests.Session, request: requests.PreparedRequest, **options: Any
        ) -> requests.Response:
            began_s = time.monotonic()
            response = send(session, request, **options)
            self._note(request, response, time.monotonic() - began_s)
            return response

        requests.Session.send = noted  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            requests.Session.send = send  # type: ignore[method-assign]

    def calls(self) -> dict[str, dict[str, Any]]:
        """Return each call by method, port and path, with its answers by status."""
        with self._lock:
            recorded = {}
            for name, call in sorted(self._calls.items()):
                seconds = call["seconds"]
                spread = [min(seconds), statistics.median(seconds), max(seconds)]
                rounded = [round(value, 3) for value in spread]
                recorded[name] = {**call, "count": len(seconds), "seconds": rounded}
            return recorded

    def _note(
        self, request: requests.PreparedRequest, response: requests.Response, seconds: float
    ) -> None:
        url = urlsplit(str(request.url))
        name = f"{request.method} :{url.port or url.scheme} {path_form(url.path)}"
        new: dict[str, Any] = {"seconds": [], "query": [], "asked_headers": [], "asked": None}
        with self._lock:
            call = self._calls.setdefault(name, new | {"answers": {}})
            call["seconds"].append(seconds)
            queries = {key for key, _ in parse_qsl(url.query)}
            call["query"] = sorted({*call["query"], *queries})
            headers = {str(key).lower() for key in request.headers}
            call["asked_headers"] = sorted({*call["asked_headers"], *headers})
            call["asked"] = merged(call["asked"], _body_form(request.body))
            status = str(response.status_code)
            answer = call["answers"].setdefault(status, {"headers": {}, "form": None})
            for key, value in response.headers.items():
                known = key.lower() in _HEADERS
                answer["headers"][key.lower()] = value if known else ""
            answer["form"] = merged(answer["form"], _body_form(response.content))


def path_form(path: str) -> str:
    """Return a path in which every identifier and every name is ``{name}``."""
    known = _PATH_WORDS.split()
    words = []
    for word in path.split("/"):
        of_interface = not word or word in known or _VERSION.fullmatch(word)
        words.append(word if of_interface else _OWN_WORD)
    return "/".join(words)


def form_of(value: object, key: str = "") -> Any:
    """Return the form of a decoded body: keys, and in place of values their kinds.

    A list has the form of all its entries together. Values of a short list of keys stay.
    """
    if isinstance(value, Mapping):
        own_words = key in _OF_OWN_WORDS
        forms: dict[str, Any] = {}
        for name, content in value.items():
            shown = _OWN_WORD if own_words else str(name)
            forms[shown] = merged(forms.get(shown), form_of(content, str(name)))
        return forms
    if isinstance(value, list):
        entries: Any = None
        for content in value:
            entries = merged(entries, form_of(content, key))
        return [] if entries is None else [entries]
    if key in _VALUES and len(str(value)) <= 40:
        return f"={value}"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
    return kinds[type(value)]


def merged(first: Any, second: Any) -> Any:
    """Return a form that covers two; kinds that differ stand side by side, such as
    ``null|string``.
    """
    if first is None or second is None:
        return second if first is None else first
    if isinstance(first, dict) and isinstance(second, dict):
        both = dict(first)
        for key, form in second.items():
            both[key] = merged(both.get(key), form)
        return both
    if isinstance(first, list) and isinstance(second, list):
        entries = [*first, *second]
        if len(entries) < 2:
            return entries
        return [merged(entries[0], entries[1])]
    kinds: set[str] = set()
    for form in (first, second):
        kind = form if isinstance(form, str) else type(form).__name__
        kinds.update(kind.split("|"))
    return "|".join(sorted(kinds))


def _body_form(body: object) -> Any:
    """Return the form of a body in JSON; a file's stream is not read for it."""
    if not isinstance(body, bytes | str) or not 0 < len(body) <= _LARGEST_BODY_BYTES:
        return None
    try:
        return form_of(json.loads(body))
    except (ValueError, TypeError):
        return "text"
