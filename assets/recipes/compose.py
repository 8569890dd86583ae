"""Putting a drawing on a varied, made-up table: backgrounds, plate, shadow, light, noise.

Every choice is drawn from the generator that the caller passes, in a fixed order, so one seed is
one picture. Only uint8 and float32 arithmetic of numpy and Pillow is used.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

#: Side in pixels of the pictures that lengths in this file are meant for, such as a shadow's blur.
_MEANT_FOR_PX = 256


def _enlarged(size_px: int) -> float:
    """Return how many times as large a canvas is as the pictures that lengths are meant for."""
    return size_px / _MEANT_FOR_PX


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return a colour, as three float32 from 0 to 255, more often pale than dark, as tables and
    plates are.
    """
    value = 255.0 * rng.beta(2.2, 1.2)
    tint = rng.normal(0.0, 1.0, 3) * rng.uniform(4.0, 60.0)
    return np.clip(value + tint, 0.0, 255.0).astype(np.float32)


def _random_fill(rng: np.random.Generator) -> tuple[int, ...]:
    """Return a random colour as Pillow takes it."""
    return _as_fill(_colour(rng))


def _as_fill(colour: np.ndarray) -> tuple[int, ...]:
    """Return three numbers from 0 to 255 as Pillow takes a colour."""
    return tuple(int(level) for level in colour)


def _between(low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return a picture of two colours: ``low``, and as much of ``high`` as each pixel's share
    (H, W, 1), 0 to 1.
    """
    return high * share + low * (1.0 - share)


def _smooth_noise(
    rng: np.random.Generator, size_px: tuple[int, int], cells: tuple[int, int]
) -> np.ndarray:
    """Return clouds: a small random grid of (rows, columns) enlarged to (width, height), about -1
    to 1.
    """
    grid = rng.integers(0, 256, cells, dtype=np.uint8)
    field = Image.fromarray(grid).resize(size_px, Image.Resampling.BICUBIC)
    return np.asarray(field, np.float32) / 127.5 - 1.0


def _gradient(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return two colours running into each other along a random direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    axis = np.linspace(-1.0, 1.0, size_px, dtype=np.float32)
    across = axis[None, :] * np.float32(np.cos(angle))
    down = axis[:, None] * np.float32(np.sin(angle))
    ramp = np.clip((across + down) * 0.5 + 0.5, 0.0, 1.0)
    high = _colour(rng)
    low = _colour(rng)
    return _between(low, high, ramp[..., None])


def _wood(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return long grain with joints between planks."""
    base = _colour(rng) * np.array([1.0, 0.86, 0.68], np.float32)
    lines = int(rng.integers(20, 70))
    noise = _smooth_noise(rng, (size_px, size_px), (lines, 3))
    grain = noise * rng.uniform(8.0, 30.0)
    planks = int(rng.integers(1, 6))
    rows = (np.arange(size_px) * planks // size_px)[:, None]
    shade = rng.normal(0.0, 10.0, planks).astype(np.float32)[rows]
    relief = (grain + shade)[..., None]
    board = base + relief.astype(np.float32)
    joints = np.flatnonzero(np.diff(rows[:, 0]))
    board[joints] *= 0.6
    return board if rng.random() < 0.5 else board.transpose(1, 0, 2)


def _cloth(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return stripes or checks of two colours."""
    period = int(int(rng.integers(10, 60)) * _enlarged(size_px))
    width = period * rng.uniform(0.25, 0.6)
    shift = int(rng.integers(0, period))
    places = (np.arange(size_px) + shift) % period
    bands = (places < width).astype(np.float32)
    checks = rng.random() < 0.6
    if checks:
        mask = (bands[:, None] + bands[None, :]) / 2.0
    else:
        mask = np.repeat(bands[:, None], size_px, 1)
    high = _colour(rng)
    low = _colour(rng)
    return _between(low, high, mask[..., None])


def _stone(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return mottled stone: clouds of several sizes."""
    field = np.zeros((size_px, size_px), np.float32)
    for cells in (4, 11, 37):
        clouds = _smooth_noise(rng, (size_px, size_px), (cells, cells))
        field += clouds * np.float32(rng.uniform(4.0, 26.0))
    colour = _colour(rng)
    tint = 1.0 + rng.normal(0.0, 0.25, 3).astype(np.float32)
    return colour + field[..., None] * tint


def _shapes(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return blurred discs and boxes: a busy room out of focus."""
    image = Image.new("RGB", (size_px, size_px), _random_fill(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 14))):
        x, y = rng.uniform(-0.2, 1.0, 2) * size_px
        width, height = rng.uniform(0.08, 0.6, 2) * size_px
        shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        shape((x, y, x + width, y + height), fill=_random_fill(rng))
    radius = float(rng.uniform(2.0, 14.0)) * _enlarged(size_px)
    blur = ImageFilter.GaussianBlur(radius)
    return np.asarray(image.filter(blur), np.float32)


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

    def ellipse(half_width: float, half_height: float, fill: tuple[int, ...]) -> None:
        box = (x - half_width, y - half_height, x + half_width, y + half_height)
        draw.ellipse(box, fill=fill)

    ellipse(radius, flat, _as_fill(colour * 0.88))
    ellipse(radius * rim, flat * rim, _as_fill(colour))


def _place(
    rng: np.random.Generator, drawing: Image.Image, size_px: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the drawing scaled, turned and perhaps mirrored, and where its upper left corner
    goes.
    """
    if rng.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = size_px * rng.uniform(0.42, 0.88)
    scale = side / max(drawing.size)
    stretch = float(np.exp(rng.normal(0.0, 0.06)))
    width = max(1, int(drawing.width * scale * stretch))
    height = max(1, int(drawing.height * scale / stretch))
    drawing = drawing.resize((width, height), Image.Resampling.BILINEAR)
    # Mostly upright, as people photograph food, with a long tail.
    upright = rng.random() < 0.75
    angle = rng.normal(0.0, 12.0) if upright else rng.uniform(-70.0, 70.0)
    drawing = drawing.rotate(float(angle), Image.Resampling.BILINEAR, expand=True)
    room = np.array([size_px - drawing.width, size_px - drawing.height], np.float64)
    reach = np.maximum(np.abs(room), 0.12 * size_px)
    corner = room / 2.0 + rng.uniform(-0.5, 0.5, 2) * reach
    return drawing, (int(corner[0]), int(corner[1]))


def _cast_shadow(
    rng: np.random.Generator, canvas: Image.Image, alpha: Image.Image, corner: tuple[int, int]
) -> None:
    """Darken the canvas beside the drawing."""
    offset = rng.uniform(-0.05, 0.05, 2) * canvas.width
    left, top = corner + offset
    mask = Image.new("L", canvas.size)
    mask.paste(alpha, (int(left), int(top)))
    radius = float(rng.uniform(2.0, 7.0)) * _enlarged(canvas.width)
    mask = mask.filter(ImageFilter.GaussianBlur(radius))
    strength = rng.uniform(0.15, 0.55)
    darker = [int(level * strength) for level in range(256)]
    canvas.paste((0, 0, 0), mask=mask.point(darker))


def _light(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Return the picture under other light: exposure, contrast, saturation, colour cast, a bright
    corner, grain.
    """
    image = ImageEnhance.Color(image).enhance(float(rng.uniform(0.6, 1.35)))
    image = ImageEnhance.Contrast(image).enhance(float(rng.uniform(0.75, 1.2)))
    size_px = image.width
    exposure = rng.uniform(0.75, 1.15)
    gain = exposure * (1.0 + rng.normal(0.0, 0.05, 3))
    clouds = _smooth_noise(rng, (size_px, size_px), (3, 3))
    field = 1.0 + clouds * rng.uniform(0.0, 0.22)
    pixels = np.asarray(image, np.float32) * gain.astype(np.float32)
    pixels = pixels * field[..., None].astype(np.float32)
    # Grain is one repeated tile of integers: cheap, and the same on every machine.
    grain = rng.integers(-128, 128, (size_px, size_px, 1), dtype=np.int8)
    # A camera with more pixels shows finer grain, and its file is not larger for it.
    strength = rng.uniform(0.0, 0.05) / _enlarged(size_px)
    pixels += grain.astype(np.float32) * np.float32(strength)
    image = Image.fromarray(np.clip(pixels, 0.0, 255.0).astype(np.uint8))
    if rng.random() < 0.3:
        radius = float(rng.uniform(0.3, 1.4)) * _enlarged(size_px)
        image = image.filter(ImageFilter.GaussianBlur(radius))
    return image


def compose(drawing: Image.Image, rng: np.random.Generator, size_px: int) -> Image.Image:
    """Return a drawing as if photographed: on a background, perhaps on a plate, with shadow, light
    and grain.

    Args:
        drawing: RGBA picture of one food, cropped to the drawing.
        rng: Source of every choice; the same state gives the same picture.
        size_px: Side of the square that is returned, in pixels.
    """
    return compose_framed(drawing, rng, size_px, size_px)


def compose_framed(
    drawing: Image.Image, rng: np.random.Generator, width_px: int, height_px: int
) -> Image.Image:
    """Return a picture as ``compose`` makes it, in a frame of any shape; the drawing is in the
    central square.
    """
    size_px = max(width_px, height_px)
    shorter_px = min(width_px, height_px)
    left = (size_px - width_px) // 2
    top = (size_px - height_px) // 2
    table = _photographed(drawing, rng, size_px, shorter_px)
    return table.crop((left, top, left + width_px, top + height_px))


def _photographed(
    drawing: Image.Image, rng: np.random.Generator, size_px: int, central_px: int
) -> Image.Image:
    """Return a square picture of a drawing that is placed in a central square."""
    background = _BACKGROUNDS[int(rng.integers(len(_BACKGROUNDS)))](rng, size_px)
    canvas = Image.fromarray(np.clip(background, 0.0, 255.0).astype(np.uint8))
    placed, corner_in_centre = _place(rng, drawing, central_px)
    margin = (size_px - central_px) // 2
    corner = (corner_in_centre[0] + margin, corner_in_centre[1] + margin)
    if rng.random() < 0.45:
        left, top = corner
        centre = (left + placed.width / 2, top + placed.height / 2)
        radius = max(placed.size) * rng.uniform(0.55, 0.8)
        _plate(rng, canvas, centre, radius)
    alpha = placed.getchannel("A")
    if rng.random() < 0.7:
        _cast_shadow(rng, canvas, alpha, corner)
    canvas.paste(placed.convert("RGB"), corner, alpha)
    return _light(rng, canvas)


#: Luminance weights of red, green and blue. Source: ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

#: The cross product with (1, 1, 1), as a matrix.
_AROUND_GREY = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])


def _turn_colours(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return colours turned around the grey axis, stretched in saturation and bent by a gamma."""
    angle = rng.normal(0.0, 0.22)
    cosine, sine = np.cos(angle), np.sin(angle)
    # Rodrigues' rotation about (1, 1, 1): the hue turns and grey stays grey.
    third = (1.0 - cosine) / 3.0
    root = sine / np.sqrt(3.0)
    matrix = np.full((3, 3), third) + np.eye(3) * cosine
    matrix += root * _AROUND_GREY
    turned = pixels @ matrix.T.astype(np.float32)
    grey = (turned @ _LUMA)[..., None]
    saturation = np.float32(rng.uniform(0.6, 1.4))
    turned = grey + (turned - grey) * saturation
    gamma = np.exp(rng.normal(0.0, 0.25, 3)).astype(np.float32)
    return np.clip(turned, 0.0, 1.0) ** gamma


def _shade(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the drawing with soft light and dark areas, as artists who paint volume do."""
    height, width = pixels.shape[:2]
    cells = int(rng.integers(2, 5))
    field = _smooth_noise(rng, (width, height), (cells, cells))
    tint = 1.0 + rng.normal(0.0, 0.3, 3).astype(np.float32)
    strength = np.float32(rng.uniform(0.05, 0.3))
    shaded = pixels + field[..., None] * tint * strength
    return np.clip(shaded, 0.0, 1.0)


def _bend(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the drawing with its four corners moved: another point of view."""
    width, height = drawing.size
    shift = rng.uniform(-0.14, 0.14, (4, 2)) * (width, height)
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)])
    quad = tuple((corners + shift).ravel().tolist())
    return drawing.transform(drawing.size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)


def _outline(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the drawing inside a contour, as artists who ink do."""
    side = 2 * int(rng.integers(1, 4)) + 1
    size = (drawing.width + 2 * side, drawing.height + 2 * side)
    padded = Image.new("RGBA", size)
    padded.paste(drawing, (side, side))
    grown = padded.getchannel("A").filter(ImageFilter.MaxFilter(side))
    colour = _as_fill(rng.integers(0, 70, 3))
    ink = Image.new("RGBA", padded.size, (*colour, 255))
    ink.putalpha(ImageChops.lighter(grown, padded.getchannel("A")))
    return Image.alpha_composite(ink, padded)


def restyle(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a drawing, RGBA and about as large, with other colours, shading, contour and point of
    view.
    """
    rgba = np.asarray(drawing, np.float32) / 255.0
    pixels = rgba[..., :3]
    if rng.random() < 0.8:
        pixels = _turn_colours(pixels, rng)
    if rng.random() < 0.6:
        pixels = _shade(pixels, rng)
    rgba = np.concatenate([pixels, rgba[..., 3:]], 2) * 255.0
    drawing = Image.fromarray(rgba.astype(np.uint8))
    if rng.random() < 0.6:
        drawing = _bend(drawing, rng)
    if rng.random() < 0.2:
        drawing = _outline(drawing, rng)
    return drawing
