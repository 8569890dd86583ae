"""Thermometer, clock and throttle flags, read from folders and commands that look like machines."""

from pathlib import Path

import pytest

from labs.machine.sensors import Heat, read_heat, run_command

#: A Raspberry Pi 5, and the same without what only a Pi has.
PI = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "81250",
    "sys/class/thermal/thermal_zone1/type": "rp1_adc",
    "sys/class/thermal/thermal_zone1/temp": "90000",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000",
    "sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq": "1800000",
}
TOLD = {"measure_temp": "temp=48.3'C\n", "get_throttled": "throttled=0x50000\n"}
ODD = {"sys/class/thermal/thermal_zone0/temp": "n/a", "sys/class/thermal/thermal_zone0/type": "cpu"}


@pytest.mark.parametrize(
    ("files", "said", "expected"),
    [
        (PI | {"sys/devices/platform/soc/soc:firmware/get_throttled": "e0008"}, {}, Heat(81.25, 1.8e9, 0xE0008)),
        (
            PI | {"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "e0008"},
            {},
            Heat(81.25, 1.8e9, 0xE0008),
        ),
        ({}, TOLD, Heat(48.3, None, 0x50000)),
        ({"proc/cpuinfo": "cpu MHz\t\t: 2596.118"}, {}, Heat(None, pytest.approx(2596.118e6), None)),
        (ODD, dict.fromkeys(TOLD, "VCHI initialization failed"), Heat()),
    ],
    ids=["Pi 4", "Pi 5", "vcgencmd alone", "virtual machine", "garbage"],
)
def test_a_machine_is_read(files: dict[str, str], said: dict[str, str], expected: Heat, tmp_path: Path) -> None:
    """Its own zone and not the hottest one, kHz become Hz; what cannot be read is None, and nothing is made up."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    found = read_heat(tmp_path, lambda words: said.get(words[1], ""))
    assert found == expected
    names = ("temperature", "frequency", "throttle flags")
    values = (found.temperature_c, found.frequency_hz, found.throttle_bits)
    assert found.unreadable == tuple(name for name, value in zip(names, values, strict=True) if value is None)


@pytest.mark.parametrize(
    ("command", "said"), [(["surely-no-such-command"], ""), (["false"], ""), (["echo", "yes"], "yes\n")]
)
def test_a_missing_or_failing_command_is_silence(command: list[str], said: str) -> None:
    """Neither raises."""
    assert run_command(command) == said
