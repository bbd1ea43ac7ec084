"""A line chart as SVG: what the plots in docs/plots are drawn with. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 52, 44
# Distinct for the colour-blind too (Okabe and Ito's palette), each line with a dash of its own.
STYLES = [("#0072B2", ""), ("#D55E00", "7 3"), ("#009E73", "2 3"), ("#CC79A7", "9 3 2 3")]


@dataclass
class Chart:
    """`series`: points (x, y) by name, in the order of x. `bound`: a horizontal line with its name. Logarithmic axes need values above 0:
    points without are left out."""

    title: str
    x_label: str
    y_label: str
    series: dict[str, list[tuple[float, float]]]
    bound: tuple[str, float] | None = None
    log_x: bool = False
    log_y: bool = False
    x_ticks: list[float] = field(default_factory=list)  # empty: found


def ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    if logarithmic:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5) if low * 0.999 <= step * 10.0**power <= high * 1.001]
    step = 10 ** math.floor(math.log10((high - low) / 2 or 1))
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


class Axis:
    def __init__(self, values: list[float], logarithmic: bool, begin: float, end: float):
        values = [value for value in values if value > 0 or not logarithmic] or [1.0]
        self.logarithmic, self.begin, self.end = logarithmic, begin, end
        self.low = min(values) / 1.15 if logarithmic else min(0.0, *values)
        self.high = max(values) * (1.25 if logarithmic else 1.08) or 1.0

    def place(self, value: float) -> float:
        scale = math.log10 if self.logarithmic else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.begin + share * (self.end - self.begin)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def text(x: float, y: float, content: str, anchor: str = "middle", size: int = 11, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{extra}>{escape(content)}</text>'


def draw(chart: Chart) -> str:
    points = [point for line in chart.series.values() for point in line]
    across = Axis([x for x, _ in points] + chart.x_ticks, chart.log_x, LEFT, WIDTH - RIGHT)
    up = Axis([y for _, y in points] + ([chart.bound[1]] if chart.bound else []), chart.log_y, HEIGHT - BOTTOM, TOP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" fill="#222">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text(WIDTH / 2, 18, chart.title, size=13)]  # fmt: skip
    for value in ticks(up.low, up.high, chart.log_y):
        y = up.place(value)
        parts += [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>', text(LEFT - 6, y + 4, number(value), "end")]
    for value in chart.x_ticks or ticks(across.low, across.high, chart.log_x):
        x = across.place(value)
        parts += [f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>', text(x, HEIGHT - BOTTOM + 15, number(value))]
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, chart.x_label),
              text(14, (TOP + HEIGHT - BOTTOM) / 2, chart.y_label, extra=f' transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2:.1f})"')]  # fmt: skip
    if chart.bound:
        name, value = chart.bound
        y = up.place(value)
        parts += [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#000" stroke-dasharray="1 2"/>', text(WIDTH - RIGHT, y - 4, name, "end", 10)]
    legend = LEFT
    for (name, line), (colour, dashes) in zip(chart.series.items(), STYLES):
        placed = [(across.place(x), up.place(y)) for x, y in line if (y > 0 or not chart.log_y) and (x > 0 or not chart.log_x)]
        route = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        stroke = f'stroke="{colour}" stroke-width="2" fill="none"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
        if placed:
            parts.append(f'<path d="M{route}" {stroke}/>')
        if len(placed) <= 40:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        parts += [f'<path d="M{legend} 36H{legend + 24}" {stroke}/>', text(legend + 29, 40, name, "start")]
        legend += 44 + 6.4 * len(name)
    return "\n".join([*parts, "</svg>", ""])
