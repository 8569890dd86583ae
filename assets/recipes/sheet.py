"""One picture that shows the data set: a row a class, training artists left of the line, evaluation artists right."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from labs.dataset import iterate
from labs.labels import CLASS_NAMES

_CELL_PX, _LABEL_PX, _GAP_PX = 84, 130, 14


def contact_sheet(root: Path, columns: int = 5) -> Image.Image:
    """Return the contact sheet.

    Args:
        root: Folder of the data set.
        columns: Pictures a class on either side.

    Returns:
        An RGB picture.
    """
    width = _LABEL_PX + 2 * columns * _CELL_PX + _GAP_PX
    sheet = Image.new("RGB", (width, (len(CLASS_NAMES) + 1) * _CELL_PX - _CELL_PX // 2), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    top_px = _CELL_PX // 2
    for side, split in enumerate(("training", "evaluation")):
        left_px = _LABEL_PX + side * (columns * _CELL_PX + _GAP_PX)
        draw.text((left_px, 12), f"{split}: artists {'learnt from' if not side else 'never seen'}", "black", font)
        shown = dict.fromkeys(range(len(CLASS_NAMES)), 0)
        for path, label in iterate(root, split):
            if shown[label] == columns:
                continue
            with Image.open(path) as image:
                cell = image.resize((_CELL_PX, _CELL_PX), Image.Resampling.LANCZOS)
            sheet.paste(cell, (left_px + shown[label] * _CELL_PX, top_px + label * _CELL_PX))
            shown[label] += 1
    for label, name in enumerate(CLASS_NAMES):
        draw.text((6, top_px + label * _CELL_PX + _CELL_PX // 2 - 9), name, "black", font)
    return sheet
