"""Energy, where a machine can tell: a Raspberry Pi 5's power chip, a processor's own counter, or a laptop's battery.

The three see different things, so a reading always carries what it covers. A container or a virtual machine usually
sees none of them; then there is no figure, and no guess in its place.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labs.machine.heat import RunCommand, run_command

#: A line of ``vcgencmd pmic_read_adc``: rail, 'current' or 'volt', and the value.
_RAIL = re.compile(r"(\w+?)_([AV])\s+(?:current|volt)\(\d+\)=([\d.]+)")


@dataclass(frozen=True)
class PowerMeter:
    """Something that tells how much power flows."""

    #: What it covers, for people.
    covers: str
    #: Returns watts, or None when this reading failed.
    read_w: Callable[[], float | None]


def find_meter(
    root: Path = Path("/"), run: RunCommand = run_command, clock: Callable[[], float] = time.monotonic
) -> PowerMeter | None:
    """Return the best meter of this machine, or None.

    Args:
        root: The file system to read from.
        run: How a command is run.
        clock: Monotonic clock in seconds; a counter of energy becomes power with it.
    """
    if pmic_power_w(run(["vcgencmd", "pmic_read_adc"])) is not None:
        covers = "all rails of the Raspberry Pi's power chip: the board, without what hangs on its 5 V pins and USB"
        return PowerMeter(covers, lambda: pmic_power_w(run(["vcgencmd", "pmic_read_adc"])))
    packages = sorted((root / "sys/class/powercap").glob("intel-rapl:[0-9]"))
    readable = [path / "energy_uj" for path in packages if _number(path / "energy_uj") is not None]
    if readable:
        return PowerMeter("the processor packages (RAPL)", _counter_w(readable, clock))
    for supply in sorted((root / "sys/class/power_supply").glob("BAT*")):
        if _number(supply / "power_now") and (supply / "status").read_text().strip() == "Discharging":
            return PowerMeter("the whole laptop, screen included (battery)", _scaled(supply / "power_now", 1e-6))
    return None


def why_no_meter(root: Path = Path("/")) -> str:
    """Return, for people, why no power can be read here."""
    if (root / "sys/class/powercap/intel-rapl:0").exists():
        return "the processor counts its energy, but only root may read the counter"
    return "this machine shows neither a power chip (vcgencmd pmic_read_adc), nor RAPL, nor a discharging battery"


def pmic_power_w(said: str) -> float | None:
    """Return the sum of current times voltage over all rails that state both, in watts; None when there are none.

    Args:
        said: What ``vcgencmd pmic_read_adc`` printed.

    Source: Raspberry Pi documentation, 'vcgencmd', pmic_read_adc (Raspberry Pi 5).
    """
    readings: dict[str, dict[str, float]] = {}
    for rail, quantity, value in _RAIL.findall(said):
        readings.setdefault(rail, {})[quantity] = float(value)
    rails = [one["A"] * one["V"] for one in readings.values() if set(one) == {"A", "V"}]
    return sum(rails) if rails else None


def _counter_w(counters: list[Path], clock: Callable[[], float]) -> Callable[[], float | None]:
    last: tuple[float, float] | None = None

    def read_w() -> float | None:
        nonlocal last
        values = [_number(path) for path in counters]
        if None in values:
            return None
        now, before = (clock(), sum(values) * 1e-6), last  # type: ignore[arg-type]
        last = now
        # The counter starts again at 0 now and then; that one reading is left out.
        usable = before is not None and now[1] >= before[1] and now[0] > before[0]
        return (now[1] - before[1]) / (now[0] - before[0]) if usable else None

    return read_w


def _scaled(path: Path, factor: float) -> Callable[[], float | None]:
    def read_w() -> float | None:
        value = _number(path)
        return None if value is None else value * factor

    return read_w


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text().strip())
    except (OSError, ValueError):
        return None
