"""A processor's report of its heat: temperature, clock, throttle flags.

Everything is optional. A virtual machine has no thermometer, a container may be shown none of these
files, and only a Raspberry Pi has flags. Values that cannot be read are None, never 0.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Where the kernel of a Raspberry Pi shows its flags, so a container needs no vcgencmd. A Pi 4's
#: firmware is called soc/soc:firmware there, a Pi 5's soc@107c000000/soc@107c000000:firmware, and
#: not every kernel has the file.
_FLAGS_FILES = "sys/devices/platform/soc*/soc*:firmware/get_throttled"

#: Runs a command and returns what it printed; empty when it is not there or fails.
RunCommand = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Heat:
    """One look at the processor."""

    temperature_c: float | None = None
    #: Clock of the fastest core at this moment, in Hz.
    frequency_hz: float | None = None
    #: The flags as one number, by bits: 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft
    #: temperature limit; and bits 16 to 19 for the same at some time since the last boot. Source:
    #: Raspberry Pi documentation, 'vcgencmd', get_throttled.
    throttle_bits: int | None = None

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The values that this machine does not report, in words."""
        readings = {
            "temperature": self.temperature_c,
            "frequency": self.frequency_hz,
            "throttle flags": self.throttle_bits,
        }
        return tuple(name for name, value in readings.items() if value is None)


def run_command(words: Sequence[str]) -> str:
    """Return what a command printed; empty when it is missing, fails or takes longer than two
    seconds.
    """
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=2, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def read_heat(root: Path = Path("/"), run: RunCommand = run_command) -> Heat:
    """Return what the processor says about its heat now."""
    return Heat(
        temperature_c=_temperature_c(root, run),
        frequency_hz=_frequency_hz(root),
        throttle_bits=_throttle_bits(root, run),
    )


def _temperature_c(root: Path, run: RunCommand) -> float | None:
    """Return the processor's zone, by its name where the zones have names; the hottest one else."""
    of_zones: list[float] = []
    of_processor: list[float] = []
    for zone in (root / "sys/class/thermal").glob("thermal_zone*"):
        name = _text(zone / "type")
        value = _number(zone / "temp")
        if value is None:
            continue
        of_zones.append(value / 1000)
        if "cpu" in name or "pkg" in name:
            of_processor.append(value / 1000)
    if of_zones:
        return max(of_processor or of_zones)
    answer = run(["vcgencmd", "measure_temp"]).strip()  # temp=48.3'C
    if not answer.startswith("temp="):
        return None
    return float(answer.removeprefix("temp=").rstrip("'C"))


def _frequency_hz(root: Path) -> float | None:
    """Return the fastest core's; else what x86 says in /proc/cpuinfo, which in virtual machines may
    be a constant.
    """
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
    known_khz = [value for value in map(_number, files) if value is not None]
    if known_khz:
        return max(known_khz) * 1e3
    known_mhz = []
    for line in _text(root / "proc/cpuinfo").splitlines():
        if line.startswith("cpu MHz"):
            _, _, value = line.partition(":")
            known_mhz.append(float(value))
    return max(known_mhz) * 1e6 if known_mhz else None


def _throttle_bits(root: Path, run: RunCommand) -> int | None:
    texts = map(_text, sorted(root.glob(_FLAGS_FILES)))
    flags = next(filter(None, texts), "") or run(["vcgencmd", "get_throttled"])
    digits = flags.strip().removeprefix("throttled=")
    try:
        return int(digits, 16) if digits else None
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None
