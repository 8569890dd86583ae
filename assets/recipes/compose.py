"""Putting a drawing on a varied, made-up table: backgrounds, plate, shadow, light, noise.

Every choice is drawn from the generator that the caller passes, in a fixed order, so one seed is one picture.
Only uint8 and float32 arithmetic of numpy and Pillow is used.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return a colour, as three float32 from 0 to 255, more often pale than dark, as tables and plates are."""
    value = 255.0 * rng.beta(2.2, 1.2)
    tint = rng.normal(0.0, 1.0, 3) * rng.uniform(4.0, 60.0)
    return np.clip(value + tint, 0.0, 255.0).astype(np.float32)


def _smooth_noise(
    rng: np.random.Generator, size_px: tuple[int, int], cells: tuple[int, int]
) -> np.ndarray:
    """Return clouds: a small random grid of (rows, columns) enlarged to (width, height), about -1 to 1."""
    grid = rng.integers(0, 256, cells, dtype=np.uint8)
    field = Image.fromarray(grid).resize(size_px, Image.Resampling.BICUBIC)
    return np.asarray(field, np.float32) / 127.5 - 1.0


def _gradient(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return two colours running into each other along a random direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    axis = np.linspace(-1.0, 1.0, size_px, dtype=np.float32)
    ramp = axis[None, :] * np.float32(np.cos(angle)) + axis[:, None] * np.float32(np.sin(angle))
    ramp = np.clip(ramp * 0.5 + 0.5, 0.0, 1.0)[..., None]
    return _colour(rng) * ramp + _colour(rng) * (1.0 - ramp)


def _wood(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return long grain with joints between planks."""
    base = _colour(rng) * np.array([1.0, 0.86, 0.68], np.float32)
    grain = _smooth_noise(rng, (size_px, size_px), (int(rng.integers(20, 70)), 3)) * rng.uniform(
        8.0, 30.0
    )
    planks = int(rng.integers(1, 6))
    rows = (np.arange(size_px) * planks // size_px)[:, None]
    shade = rng.normal(0.0, 10.0, planks).astype(np.float32)[rows]
    board = base + (grain + shade)[..., None].astype(np.float32)
    joints = np.flatnonzero(np.diff(rows[:, 0]))
    board[joints] *= 0.6
    return board if rng.random() < 0.5 else board.transpose(1, 0, 2)


def _cloth(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return stripes or checks of two colours."""
    period = int(rng.integers(10, 60))
    width = period * rng.uniform(0.25, 0.6)
    bands = ((np.arange(size_px) + int(rng.integers(0, period))) % period < width).astype(
        np.float32
    )
    checks = rng.random() < 0.6
    mask = (
        (bands[:, None] + bands[None, :]) / 2.0 if checks else np.repeat(bands[:, None], size_px, 1)
    )
    return _colour(rng) * mask[..., None] + _colour(rng) * (1.0 - mask[..., None])


def _stone(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return mottled stone: clouds of several sizes."""
    field = np.zeros((size_px, size_px), np.float32)
    for cells in (4, 11, 37):
        field += _smooth_noise(rng, (size_px, size_px), (cells, cells)) * np.float32(
            rng.uniform(4.0, 26.0)
        )
    return _colour(rng) + field[..., None] * (1.0 + rng.normal(0.0, 0.25, 3).astype(np.float32))


def _shapes(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return blurred discs and boxes: a busy room out of focus."""
    image = Image.new("RGB", (size_px, size_px), tuple(int(v) for v in _colour(rng)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 14))):
        x, y = rng.uniform(-0.2, 1.0, 2) * size_px
        width, height = rng.uniform(0.08, 0.6, 2) * size_px
        shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        shape((x, y, x + width, y + height), fill=tuple(int(v) for v in _colour(rng)))
    return np.asarray(
        image.filter(ImageFilter.GaussianBlur(float(rng.uniform(2.0, 14.0)))), np.float32
    )


#: A table, a cloth, a wall or a blurred room.
_BACKGROUNDS = (_gradient, _wood, _cloth, _stone, _shapes)


def _plate(
    rng: np.random.Generator, canvas: Image.Image, centre: tuple[float, float], radius: float
) -> None:
    """Draw a plate with its rim on the canvas."""
    x, y = centre
    flat = radius * rng.uniform(0.8, 1.0)
    rim = rng.uniform(0.68, 0.86)
    colour = _colour(rng)
    draw = ImageDraw.Draw(canvas)
    draw.ellipse(
        (x - radius, y - flat, x + radius, y + flat), fill=tuple(int(v) for v in colour * 0.88)
    )
    radius, flat = radius * rim, flat * rim
    draw.ellipse((x - radius, y - flat, x + radius, y + flat), fill=tuple(int(v) for v in colour))


def _place(
    rng: np.random.Generator, drawing: Image.Image, size_px: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the drawing scaled, turned and perhaps mirrored, and where its upper left corner goes."""
    if rng.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = size_px * rng.uniform(0.42, 0.88)
    scale = side / max(drawing.size)
    stretch = float(np.exp(rng.normal(0.0, 0.06)))
    size = (
        max(1, int(drawing.width * scale * stretch)),
        max(1, int(drawing.height * scale / stretch)),
    )
    drawing = drawing.resize(size, Image.Resampling.BILINEAR)
    # Mostly upright, as people photograph food, with a long tail.
    angle = float(rng.normal(0.0, 12.0) if rng.random() < 0.75 else rng.uniform(-70.0, 70.0))
    drawing = drawing.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    room = np.array([size_px - drawing.width, size_px - drawing.height], np.float64)
    corner = room / 2.0 + rng.uniform(-0.5, 0.5, 2) * np.maximum(np.abs(room), 0.12 * size_px)
    return drawing, (int(corner[0]), int(corner[1]))


def _cast_shadow(
    rng: np.random.Generator, canvas: Image.Image, alpha: Image.Image, corner: tuple[int, int]
) -> None:
    """Darken the canvas beside the drawing."""
    offset = rng.uniform(-0.05, 0.05, 2) * canvas.width
    mask = Image.new("L", canvas.size)
    mask.paste(alpha, (int(corner[0] + offset[0]), int(corner[1] + offset[1])))
    mask = mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(2.0, 7.0))))
    strength = rng.uniform(0.15, 0.55)
    canvas.paste((0, 0, 0), mask=mask.point([int(v * strength) for v in range(256)]))


def _light(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Return the picture under other light: exposure, contrast, saturation, colour cast, a bright corner, grain."""
    image = ImageEnhance.Color(image).enhance(float(rng.uniform(0.6, 1.35)))
    image = ImageEnhance.Contrast(image).enhance(float(rng.uniform(0.75, 1.2)))
    size_px = image.width
    gain = rng.uniform(0.75, 1.15) * (1.0 + rng.normal(0.0, 0.05, 3))
    field = 1.0 + _smooth_noise(rng, (size_px, size_px), (3, 3)) * rng.uniform(0.0, 0.22)
    pixels = (
        np.asarray(image, np.float32)
        * gain.astype(np.float32)
        * field[..., None].astype(np.float32)
    )
    # Grain is one repeated tile of integers: cheap, and the same on every machine.
    grain = rng.integers(-128, 128, (size_px, size_px, 1), dtype=np.int8).astype(np.float32)
    pixels += grain * np.float32(rng.uniform(0.0, 0.05))
    image = Image.fromarray(np.clip(pixels, 0.0, 255.0).astype(np.uint8))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.4))))
    return image


def compose(drawing: Image.Image, rng: np.random.Generator, size_px: int) -> Image.Image:
    """Return a drawing as if photographed: on a background, perhaps on a plate, with shadow, light and grain.

    Args:
        drawing: RGBA picture of one food, cropped to what is drawn.
        rng: Source of every choice; the same state gives the same picture.
        size_px: Side of the square that is returned, in pixels.
    """
    background = _BACKGROUNDS[int(rng.integers(len(_BACKGROUNDS)))](rng, size_px)
    canvas = Image.fromarray(np.clip(background, 0.0, 255.0).astype(np.uint8))
    placed, corner = _place(rng, drawing, size_px)
    if rng.random() < 0.45:
        centre = (corner[0] + placed.width / 2, corner[1] + placed.height / 2)
        _plate(rng, canvas, centre, max(placed.size) * rng.uniform(0.55, 0.8))
    alpha = placed.getchannel("A")
    if rng.random() < 0.7:
        _cast_shadow(rng, canvas, alpha, corner)
    canvas.paste(placed.convert("RGB"), corner, alpha)
    return _light(rng, canvas)


#: Luminance weights of red, green and blue. Source: ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _turn_colours(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return colours turned around the grey axis, stretched in saturation and bent by a gamma."""
    angle = rng.normal(0.0, 0.22)
    cosine, sine = np.cos(angle), np.sin(angle)
    # Rodrigues' rotation about (1, 1, 1): the hue turns and grey stays grey.
    third, root = (1.0 - cosine) / 3.0, sine / np.sqrt(3.0)
    matrix = np.full((3, 3), third) + np.eye(3) * cosine
    matrix += root * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    turned = pixels @ matrix.T.astype(np.float32)
    grey = (turned @ _LUMA)[..., None]
    turned = grey + (turned - grey) * np.float32(rng.uniform(0.6, 1.4))
    return np.clip(turned, 0.0, 1.0) ** np.exp(rng.normal(0.0, 0.25, 3)).astype(np.float32)


def _shade(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the drawing with soft light and dark areas, as artists who paint volume do."""
    height, width = pixels.shape[:2]
    cells = int(rng.integers(2, 5))
    field = _smooth_noise(rng, (width, height), (cells, cells))
    tint = 1.0 + rng.normal(0.0, 0.3, 3).astype(np.float32)
    return np.clip(pixels + field[..., None] * tint * np.float32(rng.uniform(0.05, 0.3)), 0.0, 1.0)


def _bend(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the drawing with its four corners moved: another point of view."""
    width, height = drawing.size
    moved = rng.uniform(-0.14, 0.14, (4, 2)) * (width, height)
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)]) + moved
    return drawing.transform(
        drawing.size,
        Image.Transform.QUAD,
        tuple(corners.ravel().tolist()),
        Image.Resampling.BILINEAR,
    )


def _outline(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the drawing inside a contour, as artists who ink do."""
    side = 2 * int(rng.integers(1, 4)) + 1
    padded = Image.new("RGBA", (drawing.width + 2 * side, drawing.height + 2 * side))
    padded.paste(drawing, (side, side))
    grown = padded.getchannel("A").filter(ImageFilter.MaxFilter(side))
    ink = Image.new("RGBA", padded.size, (*(int(v) for v in rng.integers(0, 70, 3)), 255))
    ink.putalpha(ImageChops.lighter(grown, padded.getchannel("A")))
    return Image.alpha_composite(ink, padded)


def restyle(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a drawing, RGBA and about as large, with other colours, shading, contour and point of view."""
    rgba = np.asarray(drawing, np.float32) / 255.0
    pixels = rgba[..., :3]
    if rng.random() < 0.8:
        pixels = _turn_colours(pixels, rng)
    if rng.random() < 0.6:
        pixels = _shade(pixels, rng)
    drawing = Image.fromarray((np.concatenate([pixels, rgba[..., 3:]], 2) * 255.0).astype(np.uint8))
    if rng.random() < 0.6:
        drawing = _bend(drawing, rng)
    if rng.random() < 0.2:
        drawing = _outline(drawing, rng)
    return drawing
