"""Colours of a terminal as spans with classes: `<span class="c1 b">`. Everything else is escaped.

256 and true colours become the nearest of the eight that a terminal names: the page has its own shades of
those, which can be read on its light and its dark ground.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

from drafterd.domain.log_lines import COLOUR

_COLOURS = 8
_STYLES = {1: "b", 2: "d", 3: "i", 4: "u", 9: "s"}
_OFFS = {22: "bd", 23: "i", 24: "u", 29: "s"}
_COLOUR_OF = {39: -1} | {begin + number: number for begin in (30, 90) for number in range(_COLOURS)}
_GROUND_OF = {49: -1} | {begin + number: number for begin in (40, 100) for number in range(_COLOURS)}
_COLOUR_FOLLOWS, _GROUND_FOLLOWS = 38, 48
_NUMBER = re.compile(r"\d{1,3}")
_BY_NUMBER, _TRUE = 5, 2
_CUBE = (0, 95, 135, 175, 215, 255)
_CUBE_BEGIN, _GREY_BEGIN, _MOST = 16, 232, 255
_STRONG = 100


@dataclass(frozen=True, slots=True)
class _Look:
    """What is switched on; colours 0 to 7, -1 for none."""

    colour: int = -1
    ground: int = -1
    styles: frozenset[str] = frozenset()

    @property
    def classes(self) -> str:
        names = sorted(self.styles)
        names += [f"c{self.colour}"] if self.colour >= 0 else []
        names += [f"g{self.ground}"] if self.ground >= 0 else []
        return " ".join(names)


def to_html(text: str) -> Markup:
    """A line of a log for a page."""
    look, last, shown = _Look(), 0, Markup()
    for found in COLOUR.finditer(text):
        shown += _span(text[last : found.start()], look)
        look, last = _switched(look, found[0]), found.end()
    return shown + _span(text[last:], look)


def _span(text: str, look: _Look) -> Markup:
    if not text or not look.classes:
        return escape(text)
    return Markup('<span class="{}">{}</span>').format(look.classes, text)


def _switched(look: _Look, sequence: str) -> _Look:
    codes = iter([int(code) for code in _NUMBER.findall(sequence)] or [0])
    for code in codes:
        look = _after(look, code, codes)
    return look


def _after(look: _Look, code: int, codes: Iterator[int]) -> _Look:
    if code == 0:
        return _Look()
    if code == _COLOUR_FOLLOWS:
        return replace(look, colour=_extended(codes))
    if code == _GROUND_FOLLOWS:
        return replace(look, ground=_extended(codes))
    return replace(
        look,
        colour=_COLOUR_OF.get(code, look.colour),
        ground=_GROUND_OF.get(code, look.ground),
        styles=look.styles - set(_OFFS.get(code, "")) | set(_STYLES.get(code, "")),
    )


def _extended(codes: Iterator[int]) -> int:
    """The colour that a number or three name; -1 for none."""
    form = next(codes, 0)
    if form == _TRUE:
        return _nearest(*(min(_MOST, next(codes, 0)) for _ in range(3)))
    number = next(codes, -1) if form == _BY_NUMBER else -1
    if not 0 <= number <= _MOST:
        return -1
    if number < _CUBE_BEGIN:
        return number % _COLOURS
    if number >= _GREY_BEGIN:
        return -1
    cube = number - _CUBE_BEGIN
    return _nearest(_CUBE[cube // 36], _CUBE[cube // 6 % 6], _CUBE[cube % 6])


def _nearest(red: int, green: int, blue: int) -> int:
    """The colour whose parts are the strong ones; none for a grey."""
    most = max(red, green, blue)
    if most - min(red, green, blue) < _MOST // 8 or most < _STRONG // 2:
        return -1
    bits = (part >= most * 2 // 3 for part in (red, green, blue))
    return sum(bit << place for place, bit in enumerate(bits))
