"""Clock, store, expressions, catalogue and other people's calendar: the parts without HTTP."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.rehearsal import catalogue as catalogues
from provisioning.rehearsal.catalogue import catalogue
from provisioning.rehearsal.services.reservation import matches
from provisioning.rehearsal.world.bookings import bookings
from provisioning.rehearsal.world.clock import Clock
from provisioning.rehearsal.world.world import Store

DAY_S = 86_400.0
SHIPPED = Path(catalogues.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
MORE = """
[[sites]]
where = "mycampus"
name = "CHI@MyCampus"
site_class = "baremetal"
location = "Here"
network = "sharednet1"
floating = "127.77.9"

[[nodes]]
site = "mycampus"
type = "gpu_l40s"
names = "l40s-{:02d}"
count = 2
cpu = { vendor = "AMD", model = "AMD EPYC 9354", sockets = 2, threads = 128, ghz = 3.25 }
memory_gib = 384
storage_gb = 960
gpu = { vendor = "NVIDIA", model = "L40S", count = 4, memory_gib = 48 }
"""


def test_speed_shortens_waits_and_the_calendar_only_moves_forward(world, hand) -> None:
    assert Clock(speed=120.0).shortened(600.0) == 5.0
    world.advance(50.0)
    assert world.now() == hand.now_s + 50.0
    with pytest.raises(ValueError, match="only moves forward"):
        world.advance(-1.0)


def test_a_store_opened_again_remembers_documents_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite3")
    for name in ("b", "a", "c"):
        store.put("thing", {"id": name, "even": name != "a"})
    store.put("thing", {"id": "b", "even": True, "changed": 1})
    store.close()
    again = Store(tmp_path / "s.sqlite3")
    assert [d["id"] for d in again.find("thing", even=True)] == ["b", "c"]
    assert again.get("thing", "b") == {"id": "b", "even": True, "changed": 1}
    again.remove("thing", "b")
    assert again.get("thing", "b") is None
    again.close()


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        (None, True),
        (["==", "$node_type", "compute_liqid"], True),
        (["!=", "$node_type", "compute_liqid"], False),
        (["and", ["==", "$node_type", "compute_liqid"], [">", "$architecture.smt_size", 48]], True),
        (["and", ["==", "$node_type", "compute_liqid"], [">", "$architecture.smt_size", "256"]], False),
        (["or", ["==", "$node_type", "x"], ["==", "$gpu.gpu_model", "A100"]], True),
        (["==", "$no_such_property", "x"], False),
    ],
)
def test_an_expression_chooses_as_blazar_does(expression, verdict) -> None:
    node = next(r for r in catalogue().at("tacc", "host") if r.group.type == "compute_liqid")
    assert matches(expression, node.properties()) is verdict


@given(st.recursive(st.text() | st.integers(), st.lists))
def test_an_expression_is_answered_or_refused(expression) -> None:
    """Whatever a client sends: never another exception."""
    with contextlib.suppress(ValueError):
        assert matches(expression, {"node_type": "x", "size": 3}) in (True, False)


@given(st.text(min_size=1), st.integers(0, 20), st.integers(1, 20), st.floats(0, 2e9), st.floats(0, 40 * DAY_S))
def test_a_calendar_is_the_same_for_everybody_and_never_overlaps_itself(name, rank, peers, start_s, span_s) -> None:
    booked = bookings(name, rank, peers, start_s, start_s + span_s)
    assert booked == bookings(name, rank, peers, start_s, start_s + span_s)
    assert all(b["start_s"] < start_s + span_s and b["end_s"] > start_s for b in booked)
    assert all(a["start_s"] < a["end_s"] <= b["start_s"] for a, b in itertools.pairwise(booked))


@pytest.mark.parametrize("kind", ["host", "device"])
def test_of_every_type_something_is_free_for_a_lesson_at_any_hour_and_something_is_taken(kind: str) -> None:
    for site in catalogue().sites:
        resources = catalogue().at(site, kind)
        for wanted in {r.group.type for r in resources}:
            peers = [r for r in resources if r.group.type == wanted]
            for hour in range(0, 24 * 30, 5):
                span = (hour * 3600.0, (hour + 3) * 3600.0)
                assert any(not bookings(r.name, r.rank, len(peers), *span) for r in peers), (wanted, hour)
            month = [b for r in peers for b in bookings(r.name, r.rank, len(peers), 0.0, 30 * DAY_S)]
            assert month or len(peers) <= 2


def test_the_catalogue_holds_what_the_course_needs() -> None:
    machines = [r for site in catalogue().sites for kind in ("host", "device") for r in catalogue().at(site, kind)]
    found = {(r.group.site, r.group.type): r.group for r in machines}
    assert found["tacc", "compute_gigaio"].gpu.model == "A30"
    assert found["uc", "compute_gigaio"].gpu.model == "A100"
    assert found["tacc", "gpu_p100"].gpu.count == 2
    assert found["edge", "raspberrypi5"].count == 7
    assert len({r.uid for r in machines}) == len(machines)


def test_a_changed_copy_of_the_catalogue_takes_its_place(tmp_path: Path) -> None:
    """What was not changed stays as it was, identifiers too."""
    own = tmp_path / "my.toml"
    own.write_text(SHIPPED + MORE)
    assert [node.name for node in catalogue(own).at("mycampus", "host")] == ["l40s-01", "l40s-02"]
    assert catalogue(own).at("tacc", "host") == catalogue().at("tacc", "host")
    assert set(catalogue(own).sites) == {*catalogue().sites, "mycampus"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MORE.replace("count = 2\n", ""), r"nodes\.9\.count\n +Field required"),
        (MORE.replace("count = 2\n", 'count = "two"\n'), r"nodes\.9\.count\n +Input should be a valid integer"),
        (MORE.replace("count = 2\n", "count = 0\n"), r"nodes\.9\.count\n +Input should be greater than or equal to 1"),
        (MORE.replace("memory_gib = 384", "memory = 384"), r"nodes\.9\.memory\n +Extra inputs are not permitted"),
        (MORE.replace('model = "L40S", ', ""), r"nodes\.9\.gpu\.model\n +Field required"),
        (MORE.replace("l40s-{:02d}", "l40s"), r"nodes\.9\.names\n +String should match"),
        (MORE + MORE[MORE.index("[[nodes]]") :], "'gpu_l40s' of site 'mycampus' is listed twice"),
        (MORE[MORE.index("[[nodes]]") :], "'mycampus' is no site that is listed"),
        (MORE.replace("127.77.9", "10.0.0"), r"sites\.3\.floating\n +String should match"),
        (MORE.replace("127.77.9", "127.77.1"), "two sites have the same floating"),
        (MORE.replace('"baremetal"', '"kvm"'), r"sites\.3\.site_class\n +Input should be 'baremetal' or 'edge'"),
        (MORE.replace('"baremetal"', '"edge"'), "python-chi knows one edge site"),
        ("[[node]]\n", r"node\n +Extra inputs are not permitted"),
        (MORE.replace('"Here"', "Here"), r"Invalid value \(at line "),
    ],
)
def test_a_mistake_is_told_with_file_field_and_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    """An instructor finds the place without reading our code."""
    own = tmp_path / "my.toml"
    own.write_text(SHIPPED + text)
    with pytest.raises(ValueError, match=says) as raised:
        catalogue(own)
    assert str(raised.value).startswith(f"{own}: ")
