"""Thermometer, clock, throttle flags and power meters, read from folders that look like machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from labs.machine.energy import find_meter, pmic_power_w, why_no_meter
from labs.machine.heat import Heat, read_heat, run_command

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
    assert pmic_power_w(PMIC) == pytest.approx(2.36)
    assert pmic_power_w("") is None
    assert pmic_power_w("EXT5V_V volt(24)=5.12000000V") is None


def test_a_raspberry_pi_5_has_a_meter_and_says_what_it_covers(tmp_path: Path) -> None:
    """The board without what hangs on its 5 V pins."""
    meter = find_meter(tmp_path, lambda words: PMIC)
    assert meter is not None
    assert "without what hangs on its 5 V pins" in meter.covers
    assert meter.read_w() == pytest.approx(2.36)


def test_a_counter_of_energy_becomes_power(tmp_path: Path) -> None:
    """30 J in 2 s are 15 W; the first reading, and one after the counter began anew, give nothing."""
    counter = "sys/class/powercap/intel-rapl:0/energy_uj"
    now_s = iter([10.0, 12.0, 13.0])
    meter = find_meter(write(tmp_path, {counter: "1000000"}), silent, lambda: next(now_s))
    assert meter is not None
    assert meter.read_w() is None
    write(tmp_path, {counter: "31000000"})
    assert meter.read_w() == pytest.approx(15.0)
    write(tmp_path, {counter: "5"})
    assert meter.read_w() is None


def test_a_battery_counts_only_while_it_is_drained(tmp_path: Path) -> None:
    """On the mains its current charges it."""
    battery = {"sys/class/power_supply/BAT0/power_now": "8500000", "sys/class/power_supply/BAT0/status": "Charging"}
    assert find_meter(write(tmp_path, battery), silent) is None
    meter = find_meter(write(tmp_path, {"sys/class/power_supply/BAT0/status": "Discharging"}), silent)
    assert meter is not None
    assert meter.read_w() == pytest.approx(8.5)


def test_without_a_meter_the_reason_is_said(tmp_path: Path) -> None:
    """A counter that only root reads is another case than none."""
    assert "neither" in why_no_meter(tmp_path)
    (tmp_path / "sys/class/powercap/intel-rapl:0").mkdir(parents=True)
    assert "only root" in why_no_meter(tmp_path)
