"""Ports that are known beforehand, and services that answer to this computer's own names only."""

from collections.abc import Iterator

import pytest

from labs.runtimes.loopback import (
    ANY_PORT_VARIABLE,
    LINKS_VARIABLE,
    PortsTakenError,
    is_own_host,
    link,
    listen,
)


@pytest.fixture
def two_taken() -> Iterator[list[int]]:
    """Two occupied ports, and a free one."""
    with listen() as first, listen() as second, listen() as third:
        ports = [socket.getsockname()[1] for socket in (first, second, third)]
        third.close()
        yield ports


def test_the_next_known_port_is_taken_where_the_first_is_not_free(two_taken, monkeypatch) -> None:
    """A lesson's second service, or a second notebook, gets a port that the tunnel knows as
    well.
    """
    monkeypatch.delenv(ANY_PORT_VARIABLE)
    with listen(ports=two_taken) as socket:
        assert socket.getsockname() == ("127.0.0.1", two_taken[2])
    with pytest.raises(PortsTakenError, match="shut that kernel down"):
        listen(ports=two_taken[:2])
    with pytest.raises(PortsTakenError, match=f"port {two_taken[0]} is taken"):
        listen(ports=two_taken[0])


def test_many_lessons_at_once_may_take_any_port(two_taken, monkeypatch) -> None:
    """The variable is for tests and rehearsals; one port that was asked for stays what it is."""
    monkeypatch.setenv(ANY_PORT_VARIABLE, "1")
    with listen(ports=two_taken[:2]) as socket:
        assert socket.getsockname()[1] not in two_taken[:2]
    with pytest.raises(PortsTakenError):
        listen(ports=two_taken[0])
    # The cause is not a port, so the message does not advise looking for kernels.
    with pytest.raises(OSError, match="assign"):
        listen("192.0.2.1", [8090, 8091])


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


OWN = [
    "127.0.0.1:8080",
    "localhost",
    "LOCALHOST:1",
    "[::1]:80",
    "192.0.2.7:8000",
    "jupyter.chameleoncloud.org",
    "",
]
FOREIGN = [
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "[::1",
    "evil@x",
]


@pytest.mark.parametrize("host", [*OWN, *FOREIGN])
def test_numbers_and_own_names_are_answered_and_foreign_ones_are_not(host: str) -> None:
    """No name server can make another machine of a number."""
    assert is_own_host(host) is (host in OWN)
