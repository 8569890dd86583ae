"""What is published about the boards: cores, clocks, instructions a cycle, memory. We measured none of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """A device's arithmetic, as its makers state it."""

    #: The board.
    name: str
    #: Its cores.
    core: str
    #: How many.
    cores: int
    #: Clock in Hz, as long as nothing holds it back.
    clock_hz: float
    #: float32 multiply-accumulates that a core can begin in a cycle.
    fp32_per_cycle: int
    #: 8-bit ones in a dense layer.
    int8_per_cycle: int
    #: 8-bit ones in a depthwise layer, where the dot product has nothing to sum over.
    int8_depthwise_per_cycle: int
    #: Memory bandwidth on paper, in bytes a second.
    bandwidth_bytes_s: float
    #: Where the figures come from.
    source: str


PI_5 = Board(
    name="Raspberry Pi 5",
    core="Cortex-A76",
    cores=4,
    clock_hz=2.4e9,
    # Two 128-bit pipes, each with four float32 FMLA, or one SDOT of four times four 8-bit products, a cycle.
    fp32_per_cycle=8,
    int8_per_cycle=32,
    int8_depthwise_per_cycle=16,
    bandwidth_bytes_s=4267e6 * 4,
    source=(
        "Arm Cortex-A76 Software Optimization Guide (FMLA and SDOT: both vector pipes); Raspberry Pi 5 product brief "
        "(four cores at 2.4 GHz, LPDDR4X-4267, 32 bits wide)"
    ),
)

PI_4 = Board(
    name="Raspberry Pi 4",
    core="Cortex-A72",
    cores=4,
    clock_hz=1.5e9,
    # A 128-bit FMLA a cycle, and no dot product: 8-bit products are widened to 16 bits first.
    fp32_per_cycle=4,
    int8_per_cycle=8,
    int8_depthwise_per_cycle=8,
    bandwidth_bytes_s=3200e6 * 4,
    source=(
        "Arm Cortex-A72 Software Optimization Guide (FMLA, 128 bits); Raspberry Pi 4 product brief (four cores at "
        "1.5 GHz, LPDDR4-3200, 32 bits wide)"
    ),
)

BOARDS: dict[str, Board] = {board.name: board for board in (PI_5, PI_4)}


@dataclass(frozen=True)
class Published:
    """A latency that others measured, against which the estimate is held."""

    #: Board by name.
    board: str
    #: Precision.
    precision: str
    #: Threads.
    threads: int
    #: Median latency of one picture in seconds.
    p50_s: float
    #: What was measured, by whom.
    source: str


_ARM = (
    "Arm's ExecuTorch course: MobileNetV2 with XNNPACK on a Raspberry Pi 5, {} (eager torch takes 72.6 ms there); it "
    "gives its INT8 figure as 4.0 ms"
)
_XNNPACK = "XNNPACK's README: {}, 224 pixels, all cores, 64-bit ARM, Raspbian, February 2022"

#: Other libraries on other systems, with the same network: the estimate has to allow them.
LANDMARKS: tuple[Published, ...] = (
    Published("Raspberry Pi 4", "fp32", 4, 0.046, _XNNPACK.format("MobileNet v2 1.0X in float32")),
    Published("Raspberry Pi 4", "int8", 4, 0.017, _XNNPACK.format("MobileNet v2 1.0X in INT8, a scale a channel")),
    Published("Raspberry Pi 5", "fp32", 4, 0.0109, _ARM.format("float32")),
    Published("Raspberry Pi 5", "int8", 4, 0.00398, _ARM.format("INT8, the median")),
)
