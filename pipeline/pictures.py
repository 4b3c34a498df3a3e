"""Pictures for people: tight grids and labelled contact sheets of what a data set holds or a network makes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

Uint8: TypeAlias = NDArray[np.uint8]

PAPER = (250, 248, 244)
INK = (38, 36, 34)
_SMALLEST_SIDE = 64
_GAP = 4
_MARGIN = 14
_TEXT_SIZE = 13
_TITLE_SIZE = 17
_LINE = _TEXT_SIZE + 6


def to_uint8(pictures: NDArray[np.floating]) -> Uint8:
    """Return pictures in [-1, 1], of any shape, as uint8; what lies outside is clipped, what is no number is grey."""
    levels: Uint8 = np.rint((np.nan_to_num(np.clip(pictures, -1, 1)) + 1) * 127.5).astype(np.uint8)
    return levels


def from_uint8(pictures: Uint8) -> NDArray[np.float32]:
    """Return uint8 pictures, of any shape, as float32 in [-1, 1]."""
    return pictures.astype(np.float32) / np.float32(127.5) - np.float32(1)


def grid(pictures: Uint8, *, columns: int) -> PIL.Image.Image:
    """Return pictures (N, C, H, W) uint8, C 1 or 3, side by side in `columns` columns, without text."""
    return contact_sheet(pictures, columns=columns)


def contact_sheet(
    pictures: Uint8,
    *,
    columns: int,
    title: str = "",
    headings: Sequence[str] = (),
    rows: Sequence[str] = (),
    captions: Sequence[str] = (),
    figures: Mapping[str, Sequence[str]] = MappingProxyType({}),
    smallest: int = _SMALLEST_SIDE,
) -> PIL.Image.Image:
    """Return a labelled sheet of pictures (N, C, H, W) uint8, C 1 or 3, row after row.

    `title` stands above all, `headings` above the columns, `rows` left of the rows and `captions` below the pictures;
    `figures` are lines of text under the columns, each with its name on the left. Text that is too long for its column
    ends in an ellipsis. Pictures of less than `smallest` pixels are magnified by a whole number.
    """
    pictures = _magnified(pictures, smallest)
    count, _, height, width = pictures.shape
    body, bold = PIL.ImageFont.load_default(_TEXT_SIZE), PIL.ImageFont.load_default(_TITLE_SIZE)
    left = _MARGIN + max((round(body.getlength(name)) + 10 for name in (*rows, *figures)), default=0)
    top = _MARGIN + (_TITLE_SIZE + 12 if title else 0) + (_LINE if headings else 0)
    step_x, step_y = width + _GAP, height + _GAP + (_LINE if captions else 0)
    bottom = top + -(-count // columns) * step_y - _GAP
    sheet_size = (left + columns * step_x - _GAP + _MARGIN, bottom + len(figures) * _LINE + _MARGIN)
    sheet = PIL.Image.new("RGB", sheet_size, PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    if title:
        draw.text((_MARGIN, _MARGIN), _fitted(title, bold, sheet_size[0] - 2 * _MARGIN), INK, bold, anchor="la")
    for column, heading in enumerate(headings):
        middle = left + column * step_x + width / 2
        draw.text((middle, top - 6), _fitted(heading, body, width), INK, body, anchor="ms")
    for row, name in enumerate(rows):
        draw.text((left - 10, top + row * step_y + height / 2), name, INK, body, anchor="rm")
    for index, picture in enumerate(pictures):
        x, y = left + index % columns * step_x, top + index // columns * step_y
        sheet.paste(PIL.Image.fromarray(picture.transpose(1, 2, 0)), (x, y))
        if captions:
            draw.text((x + width / 2, y + height + 3), _fitted(captions[index], body, width), INK, body, anchor="ma")
    for line, (name, texts) in enumerate(figures.items()):
        y = bottom + line * _LINE + 5
        draw.text((left - 10, y), name, INK, body, anchor="ra")
        for column, text in enumerate(texts):
            draw.text((left + column * step_x + width / 2, y), _fitted(text, body, width), INK, body, anchor="ma")
    return sheet


def _magnified(pictures: Uint8, smallest: int) -> Uint8:
    """Return pictures (N, 3, H', W'), each pixel repeated until the smaller side has so many."""
    factor = max(1, -(-smallest // min(pictures.shape[2:])))
    colour = np.broadcast_to(pictures, (len(pictures), 3, *pictures.shape[2:]))
    return colour.repeat(factor, axis=2).repeat(factor, axis=3)


def _fitted(text: str, font: PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
