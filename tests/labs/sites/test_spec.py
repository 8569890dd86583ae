"""The needs of each part, according to the site files."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chameleon_rehearsal.catalogue import catalogue
from labs.course import assignment as course
from labs.course.roster import owner_name, short_name
from labs.sites.spec import PARTS, load_spec, resource_name
from provisioning.node import __file__ as node_package
from provisioning.setup.steps import steps_for
from tests.provisioning.rehearsed import REHEARSAL, ROOT

OPTIONS = [option for part in PARTS for option in load_spec(part).options]
SITES = {option.site for option in OPTIONS}
#: Prints each part's machines, and the machines that can be rehearsed, by site; the course has none
#: at one that is only rehearsed.
KNOWN = """
import dataclasses, json
from labs.sites.spec import PARTS, load_file
from chameleon_rehearsal.catalogue import catalogue
known = {}
for option in (option for part in PARTS for option in load_file(part).options):
    known.setdefault(option.site, []).append(dataclasses.asdict(option))
for where, site in catalogue().sites.items():
    here = [group.type for group in catalogue().groups if group.site == where]
    known.setdefault(site.name, []).append(here)
print(json.dumps(known))
"""


@pytest.mark.parametrize("part", PARTS)
def test_every_option_is_complete(part):
    """Each option names a machine folder that exists, an image, and what changes; the first changes
    nothing.
    """
    spec = load_spec(part)
    assert spec.options[0].changes == ""
    for number, option in enumerate(spec.options):
        folder = Path(node_package).parent / option.machine
        assert (folder / "requirements.txt").is_file(), option.machine
        assert option.boot_s < option.boot_timeout_s
        # Boots of half an hour were seen on GigaIO, and python-chi gives up after 20 minutes.
        boot = next(
            each for each in steps_for(spec, option) if each.name in ("server", "container")
        )
        assert (
            boot.timeout_s
            == option.boot_timeout_s
            >= (40 * 60 if option.type == "compute_gigaio" else 0)
        )
        assert number == 0 or len(option.changes) > 20, (
            f"{option.name} must say what changes for the lesson"
        )
        assert option.image.rpartition(":")[2] != "latest"


def test_an_unknown_place_lists_the_known_ones():
    """A wrong site, type or part is answered with the right ones."""
    with pytest.raises(KeyError, match="gpu_mi100 at CHI@TACC"):
        load_spec("model").only("gpu_mi210")
    with pytest.raises(KeyError, match="compute_liqid at CHI@TACC"):
        load_spec("model").option("CHI@Edge")
    with pytest.raises(ValueError, match="model, edge, system"):
        load_spec("modle")


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"OS_USERNAME": "Ada.Lovelace@example.edu", "USER": "jovyan"}, "ada-lovelace-example-edu"),
        ({"NB_USER": "ada_lovelace_example_edu"}, "ada-lovelace-example-edu"),
        ({"NB_USER": "ab_123"}, "ab-123"),
        ({"USER": "--"}, "student"),
        ({}, "student"),
        ({"LABS_OWNER": "Netid 7", "OS_USERNAME": "x"}, "netid-7"),
    ],
)
def test_owner_is_fit_for_resource_names(environ, name):
    """Letters, digits and hyphens only, and the same for an address and for the Hub's form
    of it.
    """
    assert owner_name(environ) == name
    assert resource_name("edge", owner_name(environ)) == f"serve-edge-{name}"


def known(root: Path) -> dict[str, list]:
    # The rehearsal of that folder, and not of the one that is installed.
    environment = os.environ | {"PYTHONPATH": str(root / REHEARSAL.relative_to(ROOT))}
    command = [sys.executable, "-c", KNOWN]
    return json.loads(subprocess.check_output(command, cwd=root, env=environment))


def strings(path: Path) -> set[str]:
    """Return the strings of a module, without what only people read."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    statements = {node.value for node in nodes if isinstance(node, ast.Expr)}
    return {
        str(node.value)
        for node in nodes
        if isinstance(node, ast.Constant) and node not in statements
    }


@pytest.mark.parametrize(
    "site", sorted(SITES - {load_spec(part).options[0].site for part in PARTS})
)
def test_a_site_leaves_and_comes_back_by_the_tables_that_the_contributors_page_names(
    tmp_path, site
):
    """No program names it, or a machine that it alone has; without it every other site is as it
    was.
    """
    _, _, page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("**A site**")
    patterns = re.findall(r"`((?:labs|provisioning)/[\w/*]+\.toml)`", page.partition("\n## ")[0])
    for room in ["labs", "provisioning"]:
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=caches)
    files = {
        path: path.read_text(encoding="utf-8")
        for pattern in patterns
        for path in tmp_path.glob(pattern)
    }
    of_site = set()
    of_others = set()
    for option in OPTIONS:
        hardware = of_site if option.site == site else of_others
        hardware.update([option.type, option.image])
    alone = of_site - of_others | {site}
    (catalogued,) = [row for row in catalogue().sites.values() if row.name == site]
    words = "|".join(re.escape(word) for word in alone | {catalogued.where})
    names_it = re.compile(rf'^(site|name) = "({words})"$', re.MULTILINE)
    for path, text in files.items():
        tables = re.split(r"^(?=\[)", text, flags=re.M)
        path.write_text("".join(table for table in tables if not names_it.search(table)))
    here = known(ROOT)
    assert known(tmp_path) == {name: has for name, has in here.items() if name != site}
    naming = []
    for room in ("provisioning", "labs", "grading"):
        for path in (ROOT / room).rglob("*.py"):
            if path.is_relative_to(REHEARSAL / "tests"):
                continue
            if any(word in text for text in strings(path) for word in alone):
                naming.append(path)
    assert naming == []
    for path, text in files.items():
        path.write_text(text)
    assert known(tmp_path) == here
    assert all(
        option["type"] in rehearsed for *options, rehearsed in here.values() for option in options
    )


def test_a_lease_may_carry_a_pseudonym(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Made of the course's words and the account: the same on the student's computer and on the
    instructor's.
    """
    assignment = course.PATH.read_text().replace(
        "[course]", '[course]\npseudonyms = "two forks and a spoon"'
    )
    (tmp_path / "assignment.toml").write_text(assignment)
    named = resource_name("edge", "ada-uni-edu")
    monkeypatch.setattr(course, "PATH", tmp_path / "assignment.toml")
    monkeypatch.setenv("LABS_OWNER", "ada_uni_edu")
    names = [
        resource_name("edge", short_name(account)) for account in ("Ada@uni.edu", "bob@uni.edu")
    ]
    assert names[0] == resource_name("edge") != names[1]
    assert all(re.fullmatch("serve-edge-[0-9a-f]{10}", name) for name in names)
    assert named == "serve-edge-ada-uni-edu"


NODES = ("labs@gpu-1.example.edu", "labs@gpu-2.example.edu:2222")


@pytest.mark.parametrize("beside_sites", [False, True])
def test_a_class_may_share_machines_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside_sites: bool
):
    """Each is a site of the part; the price is the assignment's. A rehearsal leaves them out."""
    at_sites = load_spec("model").options
    nodes = ", ".join(f'"{node}"' for node in NODES)
    words = f"nodes = [{nodes}], usd_per_hour = 1.2, beside_sites = {str(beside_sites).lower()}"
    machines = f"number = 1\nown_machine = true\nmachines = {{ {words} }}"
    text = course.PATH.read_text().replace("number = 1", machines, 1)
    (tmp_path / "assignment.toml").write_text(text)
    monkeypatch.setattr(course, "PATH", tmp_path / "assignment.toml")
    first, second, *others = load_spec("model").options
    assert (first.site, second.site) == tuple(f"class machine {node}" for node in NODES)
    assert (first.usd_per_hour, first.resource) == (1.2, "own")
    assert first.public_site == "class machine"
    assert tuple(others) == (at_sites if beside_sites else ())
    assert load_spec("system").options[0].resource == "node"
    monkeypatch.setenv("REHEARSAL_PORTS", "ports.json")
    assert load_spec("model").options == at_sites
