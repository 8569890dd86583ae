"""An instructor's own sites, nodes and images: what a file changes, and what is wrong with one that cannot be (E6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning.rehearsal import control
from provisioning.rehearsal.catalogue import CatalogueError, catalogue
from provisioning.rehearsal.cli import app

SITE = """
[[sites]]
where = "mycampus"
name = "CHI@MyCampus"
site_class = "baremetal"
location = "Here"
network = "sharednet1"
floating = "127.77.9"
images = ["CC-Ubuntu24.04", "My-Image"]
"""
NODES = """
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


@pytest.fixture
def file(tmp_path: Path):
    """Return a function that writes a catalogue."""

    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text)
        return path

    return write


def test_a_site_is_added_with_its_nodes_and_images(file) -> None:
    """Everything shipped stays as it was, identifiers too."""
    ours, own = catalogue(), catalogue(file(SITE + NODES))
    assert [node.name for node in own.at("mycampus", "host")] == ["l40s-01", "l40s-02"]
    assert own.images_at("mycampus") == ["CC-Ubuntu24.04", "My-Image"]
    assert own.images_at("tacc") == ours.images
    assert own.at("tacc", "host") == ours.at("tacc", "host")
    assert set(own.sites) == {*ours.sites, "mycampus"}


def test_a_site_or_a_type_is_replaced(file) -> None:
    """A shipped site that is described anew keeps none of its hardware; a type that is listed anew is changed alone."""
    replaced = SITE.replace('"mycampus"', '"uc"').replace("CHI@MyCampus", "CHI@UC").replace("127.77.9", "127.77.2")
    own = catalogue(file(replaced + NODES.replace('"mycampus"', '"uc"')))
    assert {node.type for node in own.at("uc", "host")} == {"gpu_l40s"}
    more = catalogue(file(NODES.replace('"mycampus"', '"tacc"').replace("gpu_l40s", "gpu_p100")))
    types = {node.type: node.peers for node in more.at("tacc", "host")}
    assert types["gpu_p100"] == 2
    assert types["compute_liqid"] == 10


def test_images_are_added_and_a_part_is_booked_elsewhere(file) -> None:
    """`rehearsal lease NAME --part model` then books the instructor's node."""
    part = '\n[parts.model]\nsite = "mycampus"\ntype = "gpu_l40s"\nhours = 2\n'
    own = catalogue(file(SITE + NODES + part + '\n[images]\nnames = ["Extra"]\n'))
    assert own.images_at("tacc")[-1] == "Extra"
    assert own.parts["model"]["type"] == "gpu_l40s"
    assert own.parts["edge"]["type"] == "raspberrypi5"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (SITE + NODES.replace("count = 2\n", ""), 11, "the field 'count' is missing"),
        (SITE + NODES.replace("count = 2\n", 'count = "two"\n'), 15, "count must be a whole number, not 'two'"),
        (SITE + NODES.replace("count = 2\n", "count = 0\n"), 15, "a number from 1 to 500"),
        (SITE + NODES.replace("memory_gib = 384", "memory = 384"), 17, "there is no field 'memory'"),
        (SITE + NODES.replace('model = "L40S", ', ""), 19, "the field gpu.'model' is missing"),
        (SITE + NODES.replace("l40s-{:02d}", "l40s"), 14, "makes each name from a number"),
        (SITE + NODES + NODES, 23, "stands here twice"),
        (NODES, 3, "there is no site 'mycampus'; there are tacc, uc, edge"),
        (SITE.replace("127.77.9", "10.0.0"), 8, 'write "127.77."'),
        (SITE.replace("127.77.9", "127.77.1"), 8, "site 'tacc' has '127.77.1' already"),
        (SITE.replace('"baremetal"', '"kvm"'), 5, 'write "baremetal" or "edge"'),
        (SITE.replace('"baremetal"', '"edge"'), 5, "python-chi knows one edge site"),
        (SITE.replace("[[sites]]", "[sites]"), 2, "two brackets"),
        (SITE + "[[node]]\n", 10, "there is no table 'node'"),
        (SITE.replace('"Here"', "Here"), None, "this is not TOML: Invalid value (at line 6"),
        (SITE + '[parts.sport]\nsite = "tacc"\n', 10, "there is no part 'sport'"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_way_out(file, text, line, says) -> None:
    """An instructor finds the place without reading our code."""
    path = file(text)
    with pytest.raises(CatalogueError) as raised:
        catalogue(path)
    assert says in str(raised.value)
    assert str(raised.value).startswith(f"{path}: " if line is None else f"{path}, line {line}, [")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(CatalogueError, match=r"nowhere\.toml: the catalogue cannot be read"):
        control.start(tmp_path / "home", catalogue=str(tmp_path / "nowhere.toml"))
    assert not (tmp_path / "home").exists()


def test_a_rehearsal_keeps_its_own_catalogue_until_it_is_told_otherwise(file, tmp_path: Path, monkeypatch) -> None:
    """By variable or option; the next start has it still, and a running one is not changed under its students' feet."""
    home, path = tmp_path / "home", file(SITE + NODES)
    monkeypatch.setenv("REHEARSAL_HOME", str(home))
    monkeypatch.setenv("SERVING_LABS_CATALOGUE", str(path))
    runner = CliRunner()

    def sites() -> set[str]:
        import httpx

        from provisioning.rehearsal import place

        items = httpx.get(f"http://127.0.0.1:{place.port(home)}/sites.json", trust_env=False).json()["items"]
        return {item["name"] for item in items}

    try:
        assert runner.invoke(app, ["up"]).exit_code == 0
        assert "CHI@MyCampus" in sites()
        monkeypatch.delenv("SERVING_LABS_CATALOGUE")
        assert runner.invoke(app, ["up"]).exit_code == 0
        refused = runner.invoke(app, ["up", "--catalogue", "shipped"])
        assert refused.exit_code == 1
        assert "rehearsal down" in refused.output
        runner.invoke(app, ["down"])
        path.unlink()
        assert runner.invoke(app, ["up"]).exit_code == 0
        assert "CHI@MyCampus" in sites()
        runner.invoke(app, ["down"])
        assert runner.invoke(app, ["up", "--catalogue", "shipped"]).exit_code == 0
        assert "CHI@MyCampus" not in sites()
        assert runner.invoke(app, ["lease", "mine", "--part", "model"]).exit_code == 0
        runner.invoke(app, ["down"])
        # Machines have other numbers in another catalogue, so what was held by number is forgotten with the old one.
        file(NODES.replace('"mycampus"', '"tacc"'))
        assert runner.invoke(app, ["up", "--catalogue", str(path)]).exit_code == 0
        assert "no leases" in runner.invoke(app, ["status"]).output
    finally:
        control.stop(home)
