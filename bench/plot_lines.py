"""Line charts as SVG, written by hand: panels side by side, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path

from bench.panels import Panel

PANEL, HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 300, 300, 84, 52, 52, 16
LOWEST, HIGHEST = 1.0, 1000.0  # microseconds
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 } .panel { font-weight: 600 } .note { fill: #57606a }
  .grid { stroke: #d8dee4 } .paper { fill: #ffffff }
  .line0 { stroke: #1a7f5a } .line1 { stroke: #8250df } polyline { fill: none; stroke-width: 2 }
  .dot0 { fill: #1a7f5a } .dot1 { fill: #8250df }
"""


def write(path: Path, panels: Sequence[Panel]) -> None:
    """Write ``panels`` beside each other; their lines have the same names."""
    width = PANEL * len(panels)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img" '
        'aria-label="How the time to verify a token grows">'
    )
    parts = [
        head,
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{HEIGHT}"/>',
        '<text class="title" x="16" y="26">Verify one token: microseconds, as things grow</text>',
        '<text class="note" x="16" y="44">both axes are logarithmic; lower is better</text>',
    ]
    for position, panel in enumerate(panels):
        parts += _panel(panel, position * PANEL)
    path.write_text("\n".join([*parts, "</svg>\n"]))


def _panel(panel: Panel, left: float) -> list[str]:
    xs = sorted({x for points in panel.lines.values() for x, _ in points})
    low, high = log10(xs[0]), max(log10(xs[-1]), log10(xs[0]) + 1)
    scale = (PANEL - LEFT - RIGHT) / (high - low)

    def across(x: float) -> float:
        return left + LEFT + (log10(x) - low) * scale

    parts = [f'<text class="panel" x="{left + LEFT:.0f}" y="70">{escape(panel.title)}</text>']
    parts += [_tick(left, tick) for tick in (1.0, 10.0, 100.0, 1000.0)]
    parts += [
        f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
        f"{_short(x)}</text>"
        for x in xs
    ]
    for number, (name, points) in enumerate(panel.lines.items()):
        parts += _line(name, [(across(x), _down(y)) for x, y in points], number)
    return parts


def _tick(left: float, time: float) -> str:
    start, end, y = left + LEFT, left + PANEL - RIGHT, _down(time)
    return (
        f'<line class="grid" x1="{start:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"/>'
        f'<text x="{start - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{time:g}</text>'
    )


def _line(name: str, points: list[tuple[float, float]], number: int) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle class="dot{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
    x, y = points[0]
    label = f'<text class="dot{number}" x="{x:.1f}" y="{y + (18 if number else -8):.1f}">'
    label += f"{escape(name)}</text>"
    return [f'<polyline class="line{number}" points="{path}"/>', *dots, label]


def _down(microseconds: float) -> float:
    """Return where a time lies; what is beyond the axis lies on its end."""
    share = log10(min(max(microseconds, LOWEST), HIGHEST)) / log10(HIGHEST / LOWEST)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _short(number: float) -> str:
    if number >= 1e6:
        return f"{number / 1e6:g} M"
    return f"{number / 1000:.3g} k" if number >= 1000 else f"{number:g}"
