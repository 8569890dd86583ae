"""Ports that are known beforehand, and services that answer to this computer's own names only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest

from labs.runtimes.loopback import (
    ANY_PORT_VARIABLE,
    HOSTS_VARIABLE,
    LINKS_VARIABLE,
    PortsTakenError,
    is_own_host,
    link,
    listen,
)
from labs.serve.page.app import create_page


@pytest.fixture
def two_taken() -> Iterator[list[int]]:
    """Two ports at which somebody listens, and a free one."""
    with listen() as first, listen() as second, listen() as third:
        ports = [one.getsockname()[1] for one in (first, second, third)]
        third.close()
        yield ports


def test_the_next_known_port_is_taken_where_the_first_is_not_free(two_taken, monkeypatch) -> None:
    """A lesson's second service, or a second notebook, gets a port that the tunnel knows as well."""
    monkeypatch.delenv(ANY_PORT_VARIABLE)
    with listen(ports=two_taken) as found:
        assert found.getsockname() == ("127.0.0.1", two_taken[2])


def test_when_all_known_ports_are_taken_the_message_says_what_to_do(two_taken, monkeypatch) -> None:
    """Not another port in silence, at which no browser would find it."""
    monkeypatch.delenv(ANY_PORT_VARIABLE)
    with pytest.raises(PortsTakenError, match="shut that kernel down"):
        listen(ports=two_taken[:2])
    with pytest.raises(PortsTakenError, match=f"port {two_taken[0]} is taken"):
        listen(ports=two_taken[0])


def test_many_lessons_at_once_may_take_any_port(two_taken, monkeypatch) -> None:
    """The variable is for tests and rehearsals; one port that was asked for stays what it is."""
    monkeypatch.setenv(ANY_PORT_VARIABLE, "1")
    with listen(ports=two_taken[:2]) as found:
        assert found.getsockname()[1] not in two_taken[:2]
    with pytest.raises(PortsTakenError):
        listen(ports=two_taken[0])


def test_an_address_of_another_machine_is_no_matter_of_ports() -> None:
    """The message must not send anybody to look for kernels."""
    with pytest.raises(OSError, match="assign") as refused:
        listen("192.0.2.1", [8090, 8091])
    assert not isinstance(refused.value, PortsTakenError)


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, "http://127.0.0.1:8090/docs"),
        ({LINKS_VARIABLE: "http://127.0.0.1:1{port}/"}, "http://127.0.0.1:18090/docs"),
        ({LINKS_VARIABLE: "/user/ada/proxy/1{port}/"}, "/user/ada/proxy/18090/docs"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, "/user/ada/proxy/8090/docs"),
    ],
    ids=["here", "a leased machine", "one that the Hub leased", "the Hub"],
)
def test_a_link_is_what_the_readers_browser_opens(variables, shown, monkeypatch) -> None:
    """Wherever the kernel runs, the lesson prints what can be clicked."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert link("http://127.0.0.1:8090/docs") == shown


OWN = ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:80", "192.0.2.7:8000", "jupyter.chameleoncloud.org", ""]
FOREIGN = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "evil@x"]


@pytest.mark.parametrize("host", OWN)
def test_numbers_and_own_names_are_answered(host) -> None:
    """No name server can make another machine of a number."""
    assert is_own_host(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_names_are_not(host, monkeypatch) -> None:
    """Unless somebody says so, for a container's name, say."""
    assert not is_own_host(host)
    monkeypatch.setenv(HOSTS_VARIABLE, "app, Evil.Example")
    assert is_own_host("evil.example:8080")


@pytest.mark.parametrize(("host", "refused"), [("evil.example", True), ("127.0.0.1:8080", False)])
def test_a_page_that_rebinds_its_name_gets_nothing(host: str, refused: bool) -> None:
    """DNS rebinding: the browser takes the page and the service for one origin, but sends the page's name."""

    async def status() -> int:
        transport = httpx.ASGITransport(create_page("http://127.0.0.1:9"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return (await client.get("/healthz", headers={"Host": host})).status_code

    assert (asyncio.run(status()) == 421) == refused


def test_what_listens_is_reached_from_here_only() -> None:
    """Loopback unless another address is asked for."""
    with listen() as found, socket.socket() as guest:
        assert found.getsockname()[0] == "127.0.0.1"
        guest.connect(found.getsockname())
