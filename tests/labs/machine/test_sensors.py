"""Thermometer, clock, throttle flags and the power chip, read from folders and commands that look like machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.machine.sensors import Heat, read_heat, read_power_w, run_command

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


@pytest.mark.parametrize(
    ("said", "power_w"),
    [
        # 0.2 A × 1.8 V + 2.5 A × 0.8 V; the input's voltage alone is no power.
        (
            "1V8_SYS_A current(2)=0.2A\nVDD_CORE_A current(7)=2.5A\n1V8_SYS_V volt(10)=1.8V\n"
            "VDD_CORE_V volt(15)=0.8V\nEXT5V_V volt(24)=5.12V\n",
            pytest.approx(2.36),
        ),
        ("EXT5V_V volt(24)=5.12000000V", None),
        ("", None),
    ],
)
def test_the_power_chip_is_summed_over_rails_that_state_both(said: str, power_w: float | None) -> None:
    """A Raspberry Pi 5 states current and voltage apart."""
    assert read_power_w(lambda words: said) == power_w
