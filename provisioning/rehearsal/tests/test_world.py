"""Clock, store, expressions, catalogue and other people's calendar: the parts without HTTP."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon_rehearsal import catalogue as catalogues
from chameleon_rehearsal.catalogue import catalogue
from chameleon_rehearsal.services import requirements
from chameleon_rehearsal.world.bookings import bookings
from chameleon_rehearsal.world.clock import Clock

DAY_S = 86_400.0
SHIPPED = Path(catalogues.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
#: The page's own example of a site.
MORE = (
    Path(__file__)
    .parents[1]
    .joinpath("README.md")
    .read_text(encoding="utf-8")
    .split("```toml\n")[1]
    .split("```")[0]
)


def test_speed_shortens_waits_and_the_calendar_only_moves_forward(world, hand) -> None:
    assert Clock(speed=120.0).shortened(600.0) == 5.0
    world.advance(50.0)
    assert world.clock.now() == hand.now_s + 50.0
    with pytest.raises(ValueError, match="only moves forward"):
        world.advance(-1.0)


LIQID = ["==", "$node_type", "compute_liqid"]


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("", True),
        ([], True),
        (LIQID, True),
        (["=", "$node_type", "compute_liqid"], True),
        (["==", "$node_type", "gpu_p100"], False),
        (["!=", "$node_type", "gpu_p100"], True),
        (["and", LIQID, ["==", "$gpu.gpu_model", "A100"]], True),
        (["and", LIQID, ["==", "$architecture.smt_size", "1"]], False),
        ([">=", "$gpu.gpu_count", "1"], True),
        (["<=", "$gpu.gpu_count", "1"], True),
        ([">", "$gpu.gpu_count", "1"], False),
        (["<", "$gpu.gpu_count", "1"], False),
        # 256 threads: as texts, "256" is less than "96".
        (["<", "$architecture.smt_size", "96"], True),
        # Of an inner `and`, Blazar keeps the first requirement alone.
        (["and", ["and", LIQID, ["==", "$node_type", "gpu_p100"]]], True),
    ],
)
def test_an_expression_chooses_as_chameleons_blazar_does(expression, verdict) -> None:
    node = next(r for r in catalogue().at("tacc", "host") if r.group.type == "compute_liqid")
    wanted = requirements.parse(expression)
    assert all(requirement.holds(node.properties()) for requirement in wanted) is verdict


@pytest.mark.parametrize(
    "expression",
    [
        "{",
        "{}",
        None,
        7,
        ["or", LIQID, ["==", "$node_type", "gpu_p100"]],
        ["not", LIQID],
        ["and"],
        ["and", []],
        ["and", LIQID, []],
        ["==", "node_type", "compute_liqid"],
        ["==", "$node_type", ""],
        ["==", "$", "x"],
        ["==", "$gpu.gpu_count", 1],
        ["in", "$node_type", "compute_liqid"],
        [LIQID],
    ],
)
def test_an_expression_that_chameleons_blazar_does_not_read_is_refused(expression) -> None:
    with pytest.raises(ValueError, match="Malformed requirements"):
        requirements.parse(expression)


def test_a_property_that_no_resource_has_is_an_error_and_not_an_empty_list() -> None:
    wanted = requirements.parse(["==", "$no_such_property", "x"])
    resources = [(node, node.properties()) for node in catalogue().at("tacc", "host")]
    with pytest.raises(requirements.UnknownPropertyError, match="no_such_property"):
        requirements.fitting(wanted, resources)


@settings(max_examples=40, deadline=None)
@given(st.recursive(st.text() | st.integers(), st.lists))
def test_an_expression_is_answered_or_refused(expression) -> None:
    """Whatever a client sends: never another exception."""
    with contextlib.suppress(ValueError):
        wanted = requirements.parse(expression)
        assert all(r.holds({"node_type": "x", "size": 3}) in (True, False) for r in wanted)


@given(
    st.text(min_size=1),
    st.integers(0, 20),
    st.integers(1, 20),
    st.floats(0, 2e9),
    st.floats(0, 40 * DAY_S),
)
def test_a_calendar_is_the_same_for_everybody_and_never_overlaps_itself(
    name, rank, peers, start_s, span_s
) -> None:
    booked = bookings(name, rank, peers, start_s, start_s + span_s)
    assert booked == bookings(name, rank, peers, start_s, start_s + span_s)
    assert all(b["start_s"] < start_s + span_s and b["end_s"] > start_s for b in booked)
    assert all(a["start_s"] < a["end_s"] <= b["start_s"] for a, b in itertools.pairwise(booked))


@pytest.mark.parametrize("kind", ["host", "device", "flavor"])
def test_of_every_type_something_is_free_for_a_lesson_at_any_hour_and_something_is_taken(
    kind: str,
) -> None:
    for site in catalogue().sites:
        resources = catalogue().at(site, kind)
        for wanted in {r.group.type for r in resources}:
            peers = [r for r in resources if r.group.type == wanted]
            for hour in range(0, 24 * 30, 5):
                span = (hour * 3600.0, (hour + 3) * 3600.0)
                assert any(not bookings(r.name, r.rank, len(peers), *span) for r in peers), (
                    wanted,
                    hour,
                )
            month = [
                b for r in peers for b in bookings(r.name, r.rank, len(peers), 0.0, 30 * DAY_S)
            ]
            assert month or len(peers) <= 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MORE.replace("count = 4\n", ""), r"nodes\.\d+\.count\n +Field required"),
        (
            MORE.replace("memory_gib = 384", "memory = 384"),
            r"nodes\.\d+\.memory\n +Extra inputs are not permitted",
        ),
        (MORE.replace("l40s-{:02d}", "l40s"), r"nodes\.\d+\.names\n +String should match"),
        (MORE + MORE[MORE.index("[[nodes]]") :], "'gpu_l40s' of site 'mycampus' is listed twice"),
        (MORE[MORE.index("[[nodes]]") :], "'mycampus' is no site that is listed"),
        (MORE.replace('"127.77.9"', '"127.77.1"'), "two sites have the same floating"),
        (MORE.replace('"baremetal"', '"edge"'), "python-chi knows one edge site"),
        (MORE.replace('"Here"', "Here"), r"Invalid value \(at line "),
    ],
)
def test_a_mistake_is_told_with_file_field_and_what_is_wrong(
    tmp_path: Path, text: str, says: str
) -> None:
    """An instructor finds the place without reading our code."""
    own = tmp_path / "my.toml"
    own.write_text(SHIPPED + text)
    with pytest.raises(ValueError, match=says) as raised:
        catalogue(own)
    assert str(raised.value).startswith(f"{own}: ")
