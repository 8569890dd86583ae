"""Thermometer, clock, throttle flags and the power chip, read from folders and commands that look like machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from labs.machine.sensors import Heat, read_heat, read_power_w, run_command

#: What a Raspberry Pi 5 prints, shortened: rails state current and voltage apart, and the input only its voltage.
PMIC = """
     1V8_SYS_A current(2)=0.20000000A
    VDD_CORE_A current(7)=2.50000000A
     1V8_SYS_V volt(10)=1.80000000V
    VDD_CORE_V volt(15)=0.80000000V
     EXT5V_V volt(24)=5.12000000V
"""


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below a root and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def silent(words: Sequence[str]) -> str:
    """Be a machine without vcgencmd."""
    return ""


@pytest.mark.parametrize("firmware", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_a_raspberry_pi_is_read_whole(tmp_path: Path, firmware: str) -> None:
    """Its own zone and not the hottest one, kHz become Hz, and the flags are words; a 4 and a 5 keep them apart."""
    pi = write(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
            "sys/class/thermal/thermal_zone0/temp": "81250",
            "sys/class/thermal/thermal_zone1/type": "rp1_adc",
            "sys/class/thermal/thermal_zone1/temp": "90000",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000",
            "sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq": "1800000",
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2400000",
            f"sys/devices/platform/{firmware}/get_throttled": "e0008",
        },
    )
    heat = read_heat(pi, silent)
    assert heat == Heat(81.25, 1.8e9, 2.4e9, 0xE0008)
    assert heat.held_back
    assert heat.flags[0] == "soft temperature limit"
    assert "throttling has occurred" in heat.flags
    assert heat.unreadable == ()


def test_vcgencmd_stands_in_for_the_files(tmp_path: Path) -> None:
    """Raspberry Pi OS without those files: the tool says the same."""
    said = {"measure_temp": "temp=48.3'C\n", "get_throttled": "throttled=0x50000\n"}
    heat = read_heat(tmp_path, lambda words: said[words[1]])
    assert (heat.temperature_c, heat.throttle_bits) == (48.3, 0x50000)
    assert not heat.held_back
    assert heat.flags == ("under-voltage has occurred", "throttling has occurred")


def test_a_virtual_machine_says_little_and_nothing_is_made_up(tmp_path: Path) -> None:
    """None is not 0 °C, and 'not held back' is not claimed."""
    heat = read_heat(write(tmp_path, {"proc/cpuinfo": "cpu MHz\t\t: 2596.118"}), silent)
    assert heat == Heat(None, pytest.approx(2596.118e6), None, None)
    assert heat.held_back is None
    assert heat.unreadable == ("temperature", "throttle flags")


def test_garbage_is_unreadable_rather_than_a_crash(tmp_path: Path) -> None:
    """A driver that answers nonsense costs one reading."""
    odd = {"sys/class/thermal/thermal_zone0/temp": "n/a", "sys/class/thermal/thermal_zone0/type": "cpu"}
    assert read_heat(write(tmp_path, odd), lambda words: "VCHI initialization failed").unreadable == (
        "temperature",
        "frequency",
        "throttle flags",
    )


def test_a_missing_or_failing_command_is_silence() -> None:
    """Neither raises."""
    assert run_command(["surely-no-such-command"]) == ""
    assert run_command(["false"]) == ""
    assert run_command(["echo", "yes"]) == "yes\n"


def test_the_power_chip_is_summed_over_rails_that_state_both() -> None:
    """0.2 A × 1.8 V + 2.5 A × 0.8 V; the input's voltage alone is no power."""
    assert read_power_w(lambda words: PMIC) == pytest.approx(2.36)
    assert read_power_w(silent) is None
    assert read_power_w(lambda words: "EXT5V_V volt(24)=5.12000000V") is None
