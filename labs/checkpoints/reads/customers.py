"""Facts about a file of decisions: which limit a chosen design breaks, and whether another one would be cheaper."""

from pathlib import Path

import pandas as pd

from labs.records.customers import CUSTOMERS

#: A difference of two shares is not exact.
_ALIKE = 1e-9


def decisions(path: Path) -> dict:
    """Return the customers whose row of a CSV breaks a rule, by the rule; ``designs.csv`` beside it has all designs."""
    chosen, every = pd.read_csv(path), pd.read_csv(path.with_name("designs.csv"))
    missing = [name for name in ("customer", "design", "pixels") if name not in chosen]
    found: dict[str, list[str]] = {
        name: [] for name in ("unknown", "late", "inaccurate", "gave_up", "dearer", "second")
    }
    for one in CUSTOMERS if not missing else ():
        designs = every[every["customer"] == one.name]
        accurate = designs["accuracy"] >= designs["accuracy"][designs["pixels"].idxmax()] - one.may_lose - _ALIKE
        kept = designs[accurate & (designs["wait_s"] <= one.may_wait_s)]
        for _, row in chosen[chosen["customer"] == one.name].iterrows():
            for fault in _faults(row, designs, kept, one.may_wait_s):
                found[fault].append(one.name)
    customers = "" if missing else ", ".join(sorted(map(str, chosen["customer"])))
    texts = {name: ", ".join(dict.fromkeys(names)) for name, names in found.items()}
    return {"missing": ", ".join(missing), "customers": customers, **texts}


def _faults(row: pd.Series, designs: pd.DataFrame, kept: pd.DataFrame, may_wait_s: float) -> list[str]:
    if row["design"] == "none":
        return ["gave_up"] if len(kept) else []
    mine = designs[(designs["design"] == row["design"]) & (designs["pixels"] == row["pixels"])]
    if mine.empty:
        return ["unknown"]
    taken = mine.iloc[0]
    if taken.name not in kept.index:
        return ["late" if taken["wait_s"] > may_wait_s else "inaccurate"]
    if (kept["usd_per_day"] < taken["usd_per_day"] * (1 - _ALIKE)).any():
        return ["dearer"]
    alike = kept[kept["usd_per_day"] <= taken["usd_per_day"] * (1 + _ALIKE)]
    better = alike["accuracy"] > taken["accuracy"] + _ALIKE
    sooner = (alike["accuracy"] >= taken["accuracy"] - _ALIKE) & (alike["wait_s"] < taken["wait_s"] * (1 - _ALIKE))
    return ["second"] if (better | sooner).any() else []
