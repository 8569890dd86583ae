"""What each part needs, as the site files say."""

from pathlib import Path

import pytest

from provisioning.node import __file__ as node_package
from provisioning.setup.steps import steps_for
from provisioning.sites.spec import PARTS, load_spec, owner_name, resource_name


@pytest.mark.parametrize("part", PARTS)
def test_every_option_is_complete(part):
    """Each option names a machine folder that exists, an image, and what changes; the first changes nothing."""
    spec = load_spec(part)
    assert spec.options[0].changes == ""
    for number, option in enumerate(spec.options):
        folder = Path(node_package).parent / option.machine
        assert (folder / "requirements.txt").is_file(), option.machine
        assert option.boot_s < option.boot_timeout_s
        # Boots of half an hour were seen on GigaIO, and python-chi gives up after 20 minutes.
        boot = next(each for each in steps_for(spec, option) if each.name in ("server", "container"))
        assert boot.timeout_s == option.boot_timeout_s >= (40 * 60 if option.type == "compute_gigaio" else 0)
        assert number == 0 or len(option.changes) > 20, f"{option.name} must say what changes for the lesson"
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
    """Letters, digits and hyphens only, and the same for an address and for what the Hub makes of it."""
    assert owner_name(environ) == name
    assert resource_name("edge", owner_name(environ)) == f"serve-edge-{name}"
