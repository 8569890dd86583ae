"""Inside a model: which operators take the time, and how far the weights of its channels reach."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import numpy as np

from labs.charts.frame import WIDTH_PX, Chart, colours, data, ink, tips
from labs.display.format import milliseconds, percent, times
from labs.display.table import Cell
from labs.display.theme import SERIES

#: A profile: the path of the JSON file that ONNX Runtime wrote, or its events.
Profile = str | Path | Sequence[Mapping]

#: A channel whose largest weight is below this share of the median channel's counts as dead: batch-norm folding leaves
#: such channels behind, and rounding them costs nothing.
DEAD_SHARE = 1e-3


def operator_profile(
    profile: Profile | Mapping[str, Profile], *, top: int = 12, title: str = "Which operators take the time"
) -> Chart:
    """Return the time of one run by operator type, the longest first.

    Args:
        profile: ONNX Runtime's profile, or several by name, which are put side by side.
        top: Operator types to name; the rest is one bar.
        title: Heading.

    Raises:
        ValueError: A profile holds no operator: the session ran nothing before ``end_profiling()``.
    """
    several = profile if isinstance(profile, Mapping) else {"": profile}
    found = {name: operator_seconds(one) for name, one in several.items()}
    totals: dict[str, float] = defaultdict(float)
    for seconds in found.values():
        for operator, (value, _) in seconds.items():
            totals[operator] += value
    named = sorted(totals, key=totals.get, reverse=True)[:top]
    order, bars = [*named, "all others"] if len(totals) > top else named, []
    for name, seconds in found.items():
        whole = sum(value for value, _ in seconds.values())
        for operator in order:
            picked = [key for key in seconds if (key == operator if operator in named else key not in named)]
            value, nodes = (sum(seconds[key][part] for key in picked) for part in (0, 1))
            if picked:
                bars.append(
                    {"profile": name, "operator": operator, "ms": value * 1e3, "time": milliseconds(value),
                     "share": percent(value / whole), "nodes": f"{nodes:,.0f}", "said": percent(value / whole)}
                )  # fmt: skip
    names = list(found)
    base = alt.Chart(data(bars)).encode(
        y=alt.Y("operator:N", sort=order, title=None, axis=alt.Axis(labelLimit=230, domain=False, ticks=False)),
        x=alt.X("ms:Q", title="time of one run in ms", scale=alt.Scale(domain=[0, max(b["ms"] for b in bars) * 1.1])),
        tooltip=tips(*(["profile"] if len(names) > 1 else []), "operator", "time", "share", "nodes"),
    )
    if len(names) > 1:
        base = base.encode(yOffset=alt.YOffset("profile:N", sort=names))
        drawn = base.mark_bar().encode(color=colours(names, "profile"))
    else:
        drawn = base.mark_bar(color=SERIES[0], opacity=0.9)
    drawn += ink("text", base, align="left", dx=5, fontSize=11).encode(text="said:N")
    wholes = {name: sum(value for value, _ in seconds.values()) for name, seconds in found.items()}
    said = [f"{name or 'One run'}: {milliseconds(whole)} in operators" for name, whole in wholes.items()]
    first = next(bar for bar in bars)
    header = (["profile"] if len(names) > 1 else []) + ["operator", "time", "share", "nodes"]
    return Chart(
        drawn.properties(width=WIDTH_PX - 130, height=alt.Step(14 if len(names) > 1 else 24)),
        title,
        subtitle="The percentage is the share of one run's time in operators.",
        sentence=f"{'; '.join(said)}. {first['operator']} takes {first['share']}.",
        header=header,
        rows=[[Cell(bar[name]) for name in header] for bar in bars],
        footer="; ".join(said),
    )


def operator_seconds(profile: Profile) -> dict[str, tuple[float, float]]:
    """Return the mean seconds of one run, and the nodes that ran, by operator type.

    The first run is left out where there are others: it claims memory that later runs find ready.

    Args:
        profile: ONNX Runtime's profile.

    Raises:
        ValueError: It holds no operator.
    """
    events = json.loads(Path(profile).read_text()) if isinstance(profile, str | Path) else list(profile)
    runs = sorted(
        (one["ts"], one["ts"] + one["dur"])
        for one in events
        if one.get("cat") == "Session" and one["name"] == "model_run"
    )
    kernels = [one for one in events if one.get("cat") == "Node" and one["name"].endswith("_kernel_time")]
    if not kernels:
        raise ValueError("the profile holds no operator: run the session before end_profiling()")
    first_end = runs[0][1] if len(runs) > 1 else -1
    counted = [one for one in kernels if one["ts"] > first_end]
    number = max(len(runs) - 1, 1)
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in counted:
        total = found[one["args"]["op_name"]]
        total[0] += one["dur"] * 1e-6 / number
        total[1] += 1 / number
    return {name: (seconds, nodes) for name, (seconds, nodes) in found.items()}


def channel_ranges(weights: np.ndarray, *, title: str = "How far each channel's weights reach") -> Chart:
    """Return each output channel's smallest to largest weight, widest first, beside the range of the whole tensor.

    Args:
        weights: Array of shape (output channels, …).
        title: Heading.

    Raises:
        ValueError: There are no channels.
    """
    values = np.asarray(weights, np.float64)
    if values.ndim < 2 or not values.size:
        raise ValueError("channel ranges need a weight of shape (output channels, …)")
    flat = values.reshape(len(values), -1)
    lows, highs = flat.min(axis=1), flat.max(axis=1)
    reach = np.maximum(np.abs(lows), np.abs(highs))
    dead = reach < DEAD_SHARE * np.median(reach[reach > 0]) if np.any(reach > 0) else np.ones(len(reach), bool)
    whole, living = float(reach.max()), reach[~dead]
    spread = float(living.max() / np.median(living)) if living.size else 1.0
    bars = [
        {"place": place, "low": float(lows[at]), "high": float(highs[at]), "channel": str(int(at)),
         "range": f"{lows[at]:.3g} … {highs[at]:.3g}", "state": "dead" if dead[at] else "in use",
         "share of the whole range": percent(reach[at] / whole if whole else 0.0)}
        for place, at in enumerate(np.argsort(-reach), start=1)
    ]  # fmt: skip
    base = alt.Chart(data(bars)).encode(tooltip=tips("channel", "range", "share of the whole range", "state"))
    places = alt.Scale(domain=[0, len(bars) + 1], nice=False)
    thickness = max(1.0, min(12.0, 0.8 * WIDTH_PX / len(bars)))
    drawn = base.mark_rule(strokeWidth=thickness).encode(
        x=alt.X("place:Q", title="output channels, widest first", scale=places,
                axis=alt.Axis(format="d", tickMinStep=1)),
        y=alt.Y("low:Q", title="smallest to largest weight"), y2="high:Q",
        color=alt.Color("state:N", legend=alt.Legend(orient="top", title=None) if dead.any() else None,
                        scale=alt.Scale(domain=["in use", "dead"], range=[SERIES[0], SERIES[1]])),
    )  # fmt: skip
    ends = alt.Chart(data([{"at": whole, "words": "one range for the whole tensor"}, {"at": -whole, "words": ""}]))
    drawn += ends.mark_rule(color=SERIES[1], strokeDash=[5, 4]).encode(y="at:Q")
    drawn += ends.mark_text(color=SERIES[1], align="right", dy=-7, fontWeight="bold").encode(
        y="at:Q", x=alt.value(WIDTH_PX), text="words:N"
    )
    sentence = f"{len(bars)} channels; the widest reaches {times(spread)} as far as the median one"
    sentence += (
        f"; {int(dead.sum())} are dead (all weights nearly zero) and are left out of that ratio." if dead.any() else "."
    )
    some = bars if len(bars) <= 12 else [*bars[:6], *bars[len(bars) // 2 : len(bars) // 2 + 3], *bars[-3:]]
    header = ["channel", "range", "share of the whole range", "state"]
    return Chart(
        drawn.properties(width=WIDTH_PX, height=230),
        title,
        subtitle="With one scale for all, a channel has only the integers that fall into its own bar.",
        sentence=f"{sentence}.",
        header=header,
        rows=[[Cell(bar[name], words=name == "state") for name in header] for bar in some],
        footer=sentence,
    )
