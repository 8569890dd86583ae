"""Whatever a pickle says, reading it runs nothing: the marker that each hostile one would leave never appears."""

from __future__ import annotations

import builtins
import collections
import functools
import operator
import os
import pickle
import subprocess
from pathlib import Path

import pytest

from labs.assets import UnsafeFileError
from labs.assets.pickles import Call, Name, Reference, read_pickle

ALLOWED = {"collections.OrderedDict", "torch.nn.modules.conv.Conv2d", "builtins.set"}


class Does:
    """Pickles as an instruction to call something."""

    def __init__(self, function, *args) -> None:
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def hostile(marker: Path) -> dict[str, object]:
    """Return objects whose unpickling would create the marker, by the trick that they use."""
    touch = f"touch {marker}"
    run = f"import pathlib; pathlib.Path({str(marker)!r}).touch()"
    return {
        "os.system": Does(os.system, touch),
        "exec": Does(exec, run),
        "eval": Does(eval, f"__import__('os').system({touch!r})"),
        "Popen": Does(subprocess.Popen, ["touch", str(marker)]),
        "open": Does(builtins.open, str(marker), "w"),
        "getattr": Does(getattr, Does(__import__, "os"), "system"),
        "partial": Does(functools.partial, os.system, touch),
        "methodcaller": Does(operator.methodcaller, "system", touch),
        "inside a list": [1, {"a": (Does(os.system, touch),)}],
        "inside an OrderedDict": collections.OrderedDict(a=Does(os.system, touch)),
        "as an argument": Does(collections.OrderedDict, [("a", Does(os.system, touch))]),
        "nested": Does(list, Does(tuple, [Does(os.system, touch)])),
    }


@pytest.mark.parametrize("trick", sorted(hostile(Path("marker"))))
@pytest.mark.parametrize("protocol", [2, 4])
def test_hostile_objects_are_refused_and_not_run(tmp_path: Path, trick: str, protocol: int) -> None:
    """The names that they need are not on the list, and nothing happens on the way to that finding."""
    marker = tmp_path / "marker"
    with pytest.raises(UnsafeFileError):
        read_pickle(pickle.dumps(hostile(marker)[trick], protocol), ALLOWED)
    assert not marker.exists()


def test_the_name_that_was_refused_is_told() -> None:
    """A reader can see what the file wanted."""
    with pytest.raises(UnsafeFileError, match=r"'posix\.system'.*was not run"):
        read_pickle(pickle.dumps(Does(os.system, "true"), 2), ALLOWED)


@pytest.mark.parametrize(
    "instructions",
    {
        "INST": b"(S'true'\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nS'true'\no.",
        "STACK_GLOBAL": b"\x80\x02X\x02\0\0\0osX\x06\0\0\0system\x93.",
        "EXT1": b"\x80\x02\x82\x01.",
        "a name with a dot in it": b"\x80\x02ctorch.nn.modules.conv\nConv2d.__init__\n.",
        "a name with blanks": b"\x80\x02cos system\nx\n.",
        "attributes on a name": b"\x80\x02ctorch.nn.modules.conv\nConv2d\n}X\x01\0\0\0aK\x01sb.",
        "call of a call": b"\x80\x02ctorch.nn.modules.conv\nConv2d\n)R)R.",
        "call of text": b"\x80\x02X\x09\0\0\0os.system)R.",
        "arguments that are no tuple": b"\x80\x02ctorch.nn.modules.conv\nConv2d\n]R.",
        "append to a tuple": b"\x80\x02)K\x01a.",
        "a memo that was never written": b"\x80\x02h\x05.",
        "an empty stack": b"\x80\x02.",
        "no mark": b"\x80\x02K\x01t.",
        "no end": b"\x80\x02K\x01",
        "a key that is a dict": b"\x80\x02}}K\x01s.",
        "a key without value": b"\x80\x02}(K\x01u.",
        "a length beyond the end": b"\x80\x02X\xff\xff\xff\x7fa.",
        "getattr, then call": b"\x80\x02c__builtin__\ngetattr\n(c__builtin__\n__import__\nX\x02\0\0\0os\x85R"
        b"X\x06\0\0\0systemtRX\x04\0\0\0true\x85R.",
        "no pickle": b"PK\x03\x04 not a pickle",
        "nothing": b"",
    }.items(),
    ids=lambda pair: pair[0],
)
def test_odd_instructions_are_refused(instructions: tuple[str, bytes]) -> None:
    """Instructions outside the few that model files use, and pickles that make no sense, end in one kind of error."""
    with pytest.raises(UnsafeFileError):
        read_pickle(instructions[1], ALLOWED)


def test_a_very_long_pickle_is_refused_before_reading() -> None:
    """Size is checked first."""
    with pytest.raises(UnsafeFileError, match="bytes"):
        read_pickle(b"0" * (5 << 20), ALLOWED)


def test_plain_values_come_through() -> None:
    """What both sides know needs no description."""
    value = {"a": [1, 2.5, None, True, False, "ä", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], "b": {}, "c": -(2**40)}
    assert read_pickle(pickle.dumps(value, 2), ALLOWED) == value


def test_allowed_calls_are_described_and_not_made() -> None:
    """The name stays a name, arguments and state are data."""
    made = read_pickle(b"\x80\x02ctorch.nn.modules.conv\nConv2d\nK\x05\x85\x81}X\x01\0\0\0aK\x07sb.", ALLOWED)
    assert isinstance(made, Call)
    assert made.name == Name("torch.nn.modules.conv", "Conv2d")
    assert (made.args, made.state) == ((5,), {"a": 7})


def test_a_persistent_id_is_kept_as_it_is() -> None:
    """torch describes storages that way."""
    reference = read_pickle(b"\x80\x02X\x01\0\0\0aQ.", ALLOWED)
    assert isinstance(reference, Reference)
    assert reference.id == "a"


def test_an_ordered_dict_is_a_dict() -> None:
    """With its entries, without its attributes."""
    state = collections.OrderedDict(a=1, b=2)
    state.version = 3
    assert read_pickle(pickle.dumps(state, 2), ALLOWED) == {"a": 1, "b": 2}
