"""Covers of the demo songs: rings on a gradient."""

import colorsys
import io

import numpy as np
from PIL import Image, ImageDraw

_SIZE = 600


def draw_cover(seed: int, image_format: str) -> bytes:
    """Return a square picture as a PNG or JPEG file; equal seeds give equal pictures."""
    rng = np.random.default_rng(seed)
    hue = float(rng.random())
    top, bottom = (_colour(hue, 0.75, 0.25), _colour(hue + 0.12, 0.6, 0.85))
    weight = np.linspace(0, 1, _SIZE)[:, None, None]
    rows = (1 - weight) * np.array(top) + weight * np.array(bottom)
    image = Image.fromarray(np.broadcast_to(rows, (_SIZE, _SIZE, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(9):
        x, y, radius = (float(value) for value in rng.uniform(0, _SIZE, 3) * (1, 1, 0.4))
        colour = _colour(hue + float(rng.uniform(0.3, 0.7)), 0.5, 0.9)
        width = int(rng.integers(4, 24))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
    data = io.BytesIO()
    image.save(data, image_format)
    return data.getvalue()


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
