"""The plots of the benchmark are well-formed and hold their points."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from bench import plot, plot_lines
from bench.panels import Panel

SVG = "{http://www.w3.org/2000/svg}"


def test_lines_stay_inside_and_rise_with_the_numbers(tmp_path: Path) -> None:
    panel = Panel("size of the <token>")
    for x, y in ((512, 50.0), (4096, 60.0), (8192, 5000.0)):
        panel.add("first time", x, y)
        panel.add("seen before", x, 0.01)
    file = tmp_path / "growth.svg"
    plot_lines.write(file, [panel, panel])
    root = ElementTree.parse(file).getroot()
    width, height = (float(one) for one in root.attrib["viewBox"].split()[2:])
    dots = [(float(d.attrib["cx"]), float(d.attrib["cy"])) for d in root.iter(f"{SVG}circle")]
    assert len(dots) == 12
    assert all(0 < x < width and 0 < y < height for x, y in dots)
    assert [y for _, y in dots[:3]] == sorted((y for _, y in dots[:3]), reverse=True)
    assert len(list(root.iter(f"{SVG}polyline"))) == 4


def test_bars_are_as_long_as_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "verify.svg"
    plot.write(file, {"ES256": {"a": 10.0, "b": 20.0}}, {"ES256": 8.0}, best="a")
    lengths = re.findall(r'class="(?:best|other)"[^>]* width="([\d.]+)"', file.read_text())
    assert len(lengths) == 2
    assert float(lengths[1]) == 2 * float(lengths[0])
    ElementTree.parse(file)
