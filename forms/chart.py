"""A chart on paper: bars, stacked bars, lines, bars from the longest down, or a heat map, drawn on the page itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from forms.print import BOLD, GREY, INK, MARGIN, REGULAR, RULE, register_fonts, text_width, wrap

COLOURS = ("#0f766e", "#c2710c", "#4f5fb8", "#b4326b", "#6b7f1d", "#8a94a3")
HEIGHT = 170.0
_SMALL = 7.0
_CELL = 15.0
_DARKEST = (15 / 255, 118 / 255, 110 / 255)


@dataclass(frozen=True)
class Chart:
    """What is drawn: a number for each of ``labels`` and each series; ``told`` words a number on the axis. The series
    of a heat map are its lines."""

    kind: Literal["bar", "stacked", "line", "ranked", "heatmap"]
    title: str
    labels: Sequence[str]
    series: Sequence[tuple[str, Sequence[float | None]]]
    told: Callable[[float], str]


def draw_chart(canvas: Any, chart: Chart, page: tuple[float, float], top: float) -> float:
    """Draw it across the page from ``top`` down; returns the y beneath, in points."""
    register_fonts()
    y = top
    if chart.title:
        canvas.setFillGray(INK)
        canvas.setFont(BOLD, 9)
        canvas.drawString(MARGIN, y - 8, chart.title)
        y -= 15
    if chart.kind == "heatmap":
        return _heat(canvas, chart, page, y) - 14
    if len(chart.series) > 1:
        y = _legend(canvas, chart, page, y)
    if chart.kind == "ranked":
        return _ranked(canvas, chart, page, y) - 12
    return _upright(canvas, chart, page, y) - 14


def _legend(canvas: Any, chart: Chart, page: tuple[float, float], y: float) -> float:
    x = MARGIN
    for index, (name, _) in enumerate(chart.series):
        width = text_width(name, _SMALL) + 22
        if x + width > page[0] - MARGIN:
            x, y = MARGIN, y - 11
        canvas.setFillColor(_colour(index))
        canvas.rect(x, y - 7.5, 7, 7, stroke=0, fill=1)
        canvas.setFillGray(INK)
        canvas.setFont(REGULAR, _SMALL)
        canvas.drawString(x + 10, y - 7, name)
        x += width
    return y - 14


def _upright(canvas: Any, chart: Chart, page: tuple[float, float], top: float) -> float:
    low, high, step = _scale(chart)
    ticks = [low + step * n for n in range(round((high - low) / step) + 1)]
    canvas.setFont(REGULAR, _SMALL)
    left = MARGIN + max(text_width(chart.told(tick), _SMALL) for tick in ticks) + 6
    right, bottom = page[0] - MARGIN, top - HEIGHT
    area = HEIGHT - 14

    def height(value: float) -> float:
        return bottom + 14 + (value - low) / (high - low) * area

    canvas.setLineWidth(0.4)
    for tick in ticks:
        at = height(tick)
        canvas.setStrokeGray(INK if tick == 0 else RULE)
        canvas.line(left, at, right, at)
        canvas.setFillGray(GREY)
        canvas.drawRightString(left - 4, at - 2.5, chart.told(tick))
    slot = (right - left) / max(len(chart.labels), 1)
    _labels(canvas, chart, left, slot, bottom + 4)
    if chart.kind == "line":
        _lines(canvas, chart, left, slot, height)
    else:
        _bars(canvas, chart, left, slot, height)
    return bottom


def _labels(canvas: Any, chart: Chart, left: float, slot: float, y: float) -> None:
    longest = max((text_width(label, _SMALL) for label in chart.labels), default=0.0)
    every = max(1, math.ceil(min(longest + 6, 90) / slot))
    canvas.setFillGray(GREY)
    for index in range(0, len(chart.labels), every):
        (text,) = wrap(chart.labels[index], _SMALL, max(slot * every - 4, 12), 1)[:1]
        canvas.drawCentredString(left + slot * (index + 0.5), y, text)


def _bars(canvas: Any, chart: Chart, left: float, slot: float, height: Callable[[float], float]) -> None:
    stacked = chart.kind == "stacked"
    width = slot * 0.72 / (1 if stacked else len(chart.series))
    up, down = [0.0] * len(chart.labels), [0.0] * len(chart.labels)
    for index, (_, values) in enumerate(chart.series):
        canvas.setFillColor(_colour(index))
        for place, value in enumerate(values):
            if not value:
                continue
            x = left + slot * place + slot * 0.14 + (0 if stacked else width * index)
            pile = up if value > 0 else down
            start = pile[place] if stacked else 0.0
            pile[place] += value
            y = height(start)
            canvas.rect(x, y, max(width, 0.6), height(start + value) - y, stroke=0, fill=1)


def _lines(canvas: Any, chart: Chart, left: float, slot: float, height: Callable[[float], float]) -> None:
    canvas.setLineWidth(1.4)
    for index, (_, values) in enumerate(chart.series):
        canvas.setStrokeColor(_colour(index))
        canvas.setFillColor(_colour(index))
        before: tuple[float, float] | None = None
        for place, value in enumerate(values):
            here = None if value is None else (left + slot * (place + 0.5), height(value))
            if before and here:
                canvas.line(*before, *here)
            elif here:
                canvas.circle(*here, 1.2, stroke=0, fill=1)
            before = here


def _ranked(canvas: Any, chart: Chart, page: tuple[float, float], top: float) -> float:
    (_, values), *_ = chart.series
    most = max((abs(value) for value in values if value is not None), default=0) or 1.0
    left = MARGIN + min(170.0, max((text_width(label, 7.5) for label in chart.labels), default=0.0)) + 8
    room = page[0] - MARGIN - left - max(text_width(chart.told(value or 0), 7.5) for value in [*values, 0.0]) - 8
    y = top
    for label, value in zip(chart.labels, values, strict=True):
        canvas.setFont(REGULAR, 7.5)
        canvas.setFillGray(INK)
        canvas.drawRightString(left - 6, y - 8.5, wrap(label, 7.5, left - MARGIN - 6, 1)[0])
        length = max(0.0, (value or 0.0) / most * room)
        canvas.setFillColor(_colour(0))
        canvas.rect(left, y - 10, max(length, 0.5), 8, stroke=0, fill=1)
        canvas.setFillGray(GREY)
        canvas.drawString(left + length + 4, y - 8.5, chart.told(value or 0.0))
        y -= 12.5
    return y


def _heat(canvas: Any, chart: Chart, page: tuple[float, float], top: float) -> float:
    """A line of cells for each series: the larger, the darker, with its number where that fits."""
    from reportlab.lib.colors import Color

    canvas.setFont(REGULAR, _SMALL)
    left = MARGIN + min(120.0, max((text_width(name, _SMALL) for name, _ in chart.series), default=0.0)) + 6
    slot = (page[0] - MARGIN - left) / max(len(chart.labels), 1)
    most = max((abs(value) for _, values in chart.series for value in values if value), default=0.0) or 1.0
    texts = {value: chart.told(value) for _, values in chart.series for value in values if value}
    written = max((text_width(text, _SMALL) for text in texts.values()), default=0.0) + 3 <= slot
    y = top
    for name, values in chart.series:
        canvas.setFillGray(INK)
        canvas.drawRightString(left - 4, y - 10, wrap(name, _SMALL, left - MARGIN - 4, 1)[0])
        for place, value in enumerate(values):
            x, strength = left + slot * place, abs(value or 0.0) / most
            canvas.setFillColor(Color(*(1 - strength * (1 - part) for part in _DARKEST)) if value else Color(1, 1, 1))
            canvas.setStrokeGray(RULE)
            canvas.setLineWidth(0.3)
            canvas.rect(x, y - _CELL, slot, _CELL, stroke=1, fill=1)
            if value and written:
                canvas.setFillGray(1 if strength > 0.7 else INK)
                canvas.drawCentredString(x + slot / 2, y - 10, texts[value])
        y -= _CELL
    _labels(canvas, chart, left, slot, y - 9)
    return y - 10


def _scale(chart: Chart) -> tuple[float, float, float]:
    """The lowest and highest line and the step between them; zero is always among them."""
    if chart.kind == "stacked":
        columns = list(zip(*(values for _, values in chart.series), strict=True))
        tops = [sum(v for v in column if v and v > 0) for column in columns]
        lows = [sum(v for v in column if v and v < 0) for column in columns]
    else:
        tops = lows = [value for _, values in chart.series for value in values if value is not None]
    high, low = max([*tops, 0.0]), min([*lows, 0.0])
    rough = (high - low) / 4 or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * n for n in (1, 2, 2.5, 5, 10) if size * n >= rough * 0.999)
    return step * math.floor(low / step), step * max(math.ceil(high / step - 1e-9), 1), step


def _colour(index: int) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(COLOURS[index % len(COLOURS)])
