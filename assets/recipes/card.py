"""The table of all shipped models in their card, made from the manifest, so that no figure is typed."""

from __future__ import annotations

from typing import Any

from labs.assets.places import ASSETS_DIR

PATH = ASSETS_DIR / "models" / "README.md"
#: Between these lines of the card stands the table.
BEGIN, END = "<!-- models: begin -->\n", "<!-- models: end -->\n"

_COLUMNS = (
    *("model", "architecture", "million weights", "MB", "starts from", "seeds", "steps", "pictures seen", "minutes"),
    *("validation", "**evaluation**, 95 % over drawings"),
)


def table(models: dict[str, dict[str, Any]]) -> str:
    """Return the table of the models whose training the manifest records.

    Args:
        models: The manifest's models by name.
    """
    rows = [_COLUMNS, ["---"] * len(_COLUMNS)]
    for name, entry in models.items():
        if "training" not in entry:
            continue
        spent, built = entry["training"], entry["architecture"]
        options = "".join(f", {key} {value}" for key, value in built["options"].items())
        low, high = entry["evaluation"]["interval_over_drawings"]
        rows.append(
            [
                name,
                f"{built['library']} {built['name']}{options}",
                f"{entry['parameters'] / 1e6:.2f}",
                f"{entry['size_bytes'] / 1e6:.1f}",
                entry["start"],
                ", ".join(map(str, entry["seeds"])),
                f"{spent['steps']:,}",
                f"{spent['images']:,}",
                f"{spent['minutes']:.0f}",
                f"{entry['validation']['accuracy']:.1%}",
                f"{entry['evaluation']['accuracy']:.1%} ({low:.1%} to {high:.1%})",
            ]
        )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows) if len(rows) > 2 else ""


def write(models: dict[str, dict[str, Any]]) -> None:
    """Put the table into the card.

    Args:
        models: The manifest's models by name.
    """
    before, _, rest = PATH.read_text("utf-8").partition(BEGIN)
    PATH.write_text(before + BEGIN + table(models) + END + rest.partition(END)[2], "utf-8")
