"""A recording has forms and no values; everything else in it belongs to the interface."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from provisioning.chameleon.recorder import Recorder, form_of, merged, path_form

SECRETS = ("ada", "9b1c8d7e", "129.114.1.20", "sharednet-of-ada")
SERVER = {
    "id": "9b1c8d7e",
    "name": "ada",
    "status": "ACTIVE",
    "addresses": {"sharednet-of-ada": [{"addr": "129.114.1.20", "version": 4}]},
    "fault": None,
}


class Site(BaseHTTPRequestHandler):
    """Answers every request with a server, or with 404."""

    def do_GET(self) -> None:
        there = not self.path.endswith("gone")
        body = json.dumps({"server": SERVER} if there else {"itemNotFound": {"code": 404}})
        self.send_response(200 if there else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Openstack-Request-Id", "req-9b1c8d7e")
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def site():
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_recording_has_forms_status_and_headers_and_no_values(site):
    """After it nothing is noted any more."""
    recorder = Recorder()
    send = requests.Session.send
    with recorder.listening():
        requests.get(f"{site}/v2.1/servers/9b1c8d7e?name=ada", headers={"X-Auth-Token": "ada"})
        requests.get(f"{site}/v2.1/servers/gone")
        requests.post(f"{site}/v2.1/servers", json={"server": {"name": "ada"}})
    assert requests.Session.send is send
    requests.get(f"{site}/v2.1/flavors")
    calls = recorder.calls()
    shown, creation = (call for name, call in sorted(calls.items()) if "servers" in name)
    assert (shown["count"], shown["query"], list(shown["answers"])) == (2, ["name"], ["200", "404"])
    assert "x-auth-token" in shown["asked_headers"]
    answer = shown["answers"]["200"]
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["x-openstack-request-id"] == ""
    addresses = {"{name}": [{"addr": "string", "version": "number"}]}
    form = {"id": "string", "name": "string", "status": "=ACTIVE", "addresses": addresses}
    assert answer["form"] == {"server": form | {"fault": "null"}}
    assert creation["asked"] == {"server": {"name": "string"}}
    assert not any("flavors" in name for name in calls)
    text = json.dumps(calls)
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_path_keeps_the_words_of_the_interface_alone():
    """A machine's name looks like any other word."""
    path = "/v1/containers/serve-edge-ada/execute"
    assert path_form(path) == "/v1/containers/{name}/execute"
    assert path_form("/v2.0/floatingips/9b1c8d7e/tags") == "/v2.0/floatingips/{name}/tags"


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


def lists_and_objects(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner)


JSON = st.recursive(LEAVES, lists_and_objects, max_leaves=8)


@given(JSON, JSON)
def test_merging_forms_forgets_nothing_and_does_not_depend_on_the_order(first, second):
    """The form of two answers covers each of them."""
    forms = form_of(first), form_of(second)
    both = merged(*forms)
    assert both == merged(*reversed(forms))
    assert merged(both, forms[0]) == both
