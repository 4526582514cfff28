"""What a plot of growth shows; measured in ``growth``, drawn in ``plot_lines``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Panel:
    """One plot: microseconds over a number that grows, one line per name."""

    title: str
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, line: str, x: float, y: float) -> None:
        """Keep one point."""
        self.lines.setdefault(line, []).append((x, y))
