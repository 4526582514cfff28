"""A bar chart as SVG, written by hand: one panel per algorithm, one bar per library."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

WIDTH, LABEL, BAR, GAP, PANEL_GAP, TOP = 760, 150, 16, 6, 44, 74
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328;
    paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
  .title { font-size: 16px; font-weight: 600 } .panel { font-weight: 600 } .note { fill: #57606a }
  .other { fill: #b6c2d1 } .best { fill: #1a7f5a } .raw { stroke: #cf222e; stroke-width: 2 }
  .paper { fill: #ffffff }
"""


def write(
    path: Path,
    bars: Mapping[str, Mapping[str, float]],
    lines: Mapping[str, float],
    *,
    best: str,
) -> None:
    """Write ``bars`` (microseconds by panel and name); ``lines`` mark a floor in each panel."""
    widest = max(value for panel in bars.values() for value in panel.values())
    scale = (WIDTH - LABEL - 90) / widest
    parts, y = list[str](), TOP
    for title, panel in bars.items():
        parts.append(f'<text class="panel" x="16" y="{y}">{escape(title)}</text>')
        y += 12
        top = y
        texts = list[str]()  # over the red line, so that it strikes no number out
        for name, value in sorted(panel.items(), key=lambda item: item[1]):
            bar, *words = _bar(name, value, y, scale, "best" if name == best else "other")
            parts.append(bar)
            texts += words
            y += BAR + GAP
        x = LABEL + lines[title] * scale
        parts.append(f'<line class="raw" x1="{x:.1f}" y1="{top - 3}" x2="{x:.1f}" y2="{y - 3}"/>')
        parts += texts
        y += PANEL_GAP - 12
    path.write_text(_document(y, parts))


def _bar(name: str, value: float, y: int, scale: float, kind: str) -> list[str]:
    length, baseline = max(1.0, value * scale), y + BAR - 3
    return [
        f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
        f'<text x="{LABEL - 8}" y="{baseline}" text-anchor="end">{escape(name)}</text>',
        f'<text x="{LABEL + length + 6:.1f}" y="{baseline}">{value:.1f}</text>',
    ]


def _document(height: int, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Microseconds to verify a token, by library">'
    )
    title = '<text class="title" x="16" y="26">Verify one access token: microseconds</text>'
    note = (
        '<text class="note" x="16" y="44">shorter is better; the red line is the signature '
        "alone</text>"
    )
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", paper, title, note, *parts, "</svg>\n"])
