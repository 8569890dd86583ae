"""Reading a pickle as data: nothing in it is imported, called or built.

A pickle is a small program, and running it is how a file takes over a machine. A published model file uses few of
its instructions, so here those few are followed on paper: a name stays a name, and 'call this with that' becomes a
`Call` that says so. There is nothing on the stack that could be executed, whatever the file says. The caller then
reads the tensors out of that description.

This also reads models whose classes no longer exist in the installed torchvision, which unpickling cannot.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from labs.assets.errors import UnsafeFileError

#: Longest pickle that is read; MobileNetV2's has 80 kB.
MAX_PICKLE_BYTES = 4 << 20

_MARK = object()

T = TypeVar("T")


class Name(NamedTuple):
    """The name of a class or function that the file refers to; the thing itself is never looked up."""

    #: Module, as the file spells it.
    module: str
    #: Name inside the module.
    name: str

    @property
    def dotted(self) -> str:
        """Both in one, such as `torch.nn.modules.conv.Conv2d`."""
        return f"{self.module}.{self.name}"


# eq and repr are left out: a few bytes of pickle can describe a structure that is endless to print or compare.
@dataclass(eq=False, repr=False)
class Call:
    """An object that unpickling would have made, described and not made."""

    #: Class or function that would have been called.
    name: Name
    #: What it would have been given.
    args: tuple[object, ...]
    #: What would have been set on the result afterwards, or None.
    state: object = None


@dataclass(frozen=True, eq=False, repr=False)
class Reference:
    """A persistent id: for torch, the description of a storage that lies beside the pickle."""

    #: The id as the file gives it.
    id: object


def read_pickle(data: bytes, allowed: Collection[str]) -> object:
    """Return what a pickle describes, in plain values and `Call`, `Name` and `Reference` objects.

    An `OrderedDict` becomes a dict, and attributes set on one are dropped.

    Args:
        data: A pickle of protocol 2, which is what `torch.save` writes.
        allowed: Dotted names that the file may refer to.

    Returns:
        The object on top when the pickle ends. Parts of it may be shared or refer to each other in a circle.

    Raises:
        UnsafeFileError: The file names something outside the list, uses an instruction that no model file needs,
            or is damaged.
    """
    if len(data) > MAX_PICKLE_BYTES:
        raise UnsafeFileError(f"its pickle has {len(data)} bytes; {MAX_PICKLE_BYTES} are the most that is read")
    try:
        return _Reader(frozenset(allowed)).read(data)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise UnsafeFileError(f"its pickle is damaged ({type(error).__name__}: {error})") from error


class _Reader:
    """One pass over a pickle's instructions."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}

    def read(self, data: bytes) -> object:
        """Follow the instructions up to STOP."""
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise ValueError("it has no end")

    def pop_to_mark(self) -> list[object]:
        """Take everything above the last mark off the stack."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("an instruction finds no mark")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def take(self, count: int) -> tuple[object, ...]:
        """Take this many values off the stack, in the order in which they were put there."""
        if len(self.stack) < count:
            raise ValueError("an instruction finds too few values")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def step(self, opcode: str, argument: object) -> None:
        """Follow one instruction."""
        push = self.stack.append
        match opcode:
            case "PROTO":
                if argument != 2:
                    raise UnsafeFileError(f"it is a pickle of protocol {argument}; torch.save writes protocol 2")
            case "MARK":
                push(_MARK)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                push({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                push(argument)
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                push({"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}[opcode]())
            case "TUPLE":
                push(tuple(self.pop_to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(self.take(int(opcode[-1])))
            case "BINPUT" | "LONG_BINPUT":
                self.memo[int(argument)] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                push(self.memo[int(argument)])
            case "APPEND" | "APPENDS":
                items = self.take(1) if opcode == "APPEND" else self.pop_to_mark()
                _as(list, self.stack[-1]).extend(items)
            case "SETITEM" | "SETITEMS":
                items = self.take(2) if opcode == "SETITEM" else self.pop_to_mark()
                self.set_items(items)
            case "GLOBAL":
                push(self.name_of(_as(str, argument)))
            case "BINPERSID":
                push(Reference(self.stack.pop()))
            case "REDUCE" | "NEWOBJ":
                name, args = self.take(2)
                push(_call(_as(Name, name), _as(tuple, args)))
            case "BUILD":
                (state,) = self.take(1)
                # On a dict these are attributes such as a state dict's version numbers: no use for them.
                if not isinstance(self.stack[-1], dict):
                    _as(Call, self.stack[-1]).state = state
            case _:
                raise UnsafeFileError(f"it uses the pickle instruction {opcode}, which no model file needs")

    def name_of(self, argument: str) -> Name:
        """Return a name that is on the list."""
        name = Name(*argument.split(" ", 1))
        if name.dotted not in self.allowed:
            raise UnsafeFileError(
                f"it refers to {name.dotted!r}, which the weights of a MobileNetV2 have no need of; a pickle that "
                "names other things can run code. It was not run"
            )
        return name

    def set_items(self, items: list[object] | tuple[object, ...]) -> None:
        """Put pairs into the dict on top of the stack."""
        target = _as(dict, self.stack[-1])
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):
                raise ValueError("a key that is neither text nor a number")
            target[key] = value


def _call(name: Name, args: tuple[object, ...]) -> object:
    """Return the description of a call, or an empty dict for an empty OrderedDict."""
    if name.dotted == "collections.OrderedDict" and not args:
        return {}
    return Call(name, args)


def _as(kind: type[T], value: object) -> T:
    """Return a value that must be of a kind."""
    if type(value) is not kind:
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} has to be")
    return value
