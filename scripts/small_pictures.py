"""Makes the console's pictures small: 256 colours, which is all that flat pages need.

`make screenshots` runs it last. Chromium, which took them, counts the colours: those that are
frequent or stand out stay, the others (the edges of letters) become the nearest of these.
"""

from __future__ import annotations

import base64
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402
from tests.support.browser import ARGUMENTS, CHROMIUM  # noqa: E402

IMAGES = ROOT / "docs" / "images"
_COUNT: Final = """async text => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + text;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const drawn = canvas.getContext('2d');
  drawn.drawImage(image, 0, 0);
  const bytes = drawn.getImageData(0, 0, canvas.width, canvas.height).data;
  const pixels = new Uint32Array(bytes.buffer);
  const counted = new Map();
  for (const one of pixels) counted.set(one, (counted.get(one) ?? 0) + 1);
  const colours = [...counted].sort((a, b) => b[1] - a[1])
    .map(([one, times]) => ({one, weight: Math.sqrt(times), far: Infinity, best: 0}));
  const kept = [];
  while (kept.length < 256 && kept.length < colours.length) {
    // The most frequent ones first; then whichever stands out most from all that are kept.
    const next = kept.length < 64 ? colours[kept.length] : colours.reduce(
      (most, one) => one.far * one.weight > most.far * most.weight ? one : most);
    kept.push([next.one & 255, next.one >> 8 & 255, next.one >> 16 & 255]);
    const [r, g, b] = kept.at(-1);
    for (const one of colours) {
      const far = (r - (one.one & 255)) ** 2 + (g - (one.one >> 8 & 255)) ** 2
        + (b - (one.one >> 16 & 255)) ** 2;
      if (far < one.far) [one.far, one.best] = [far, kept.length - 1];
    }
  }
  const place = new Map(colours.map(({one, best}) => [one, best]));
  const cells = Uint8Array.from(pixels, one => place.get(one));
  let said = '';
  for (let at = 0; at < cells.length; at += 32768)
    said += String.fromCharCode(...cells.subarray(at, at + 32768));
  return {width: canvas.width, colours: kept.flat(), cells: btoa(said)};
}"""


def main(folder: Path) -> None:
    """Write every picture of the console anew when that makes it smaller."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        for path in sorted(folder.glob("console-*.png")):
            before = path.read_bytes()
            after = picture(page.evaluate(_COUNT, base64.b64encode(before).decode()))
            if len(after) < len(before):
                path.write_bytes(after)
        browser.close()


def picture(counted: dict[str, Any]) -> bytes:
    """Return a PNG with a palette (PNG specification, third edition, §11)."""
    width, cells = counted["width"], base64.b64decode(counted["cells"])
    rows = b"".join(b"\0" + cells[at : at + width] for at in range(0, len(cells), width))
    head = struct.pack(">IIBBBBB", width, len(cells) // width, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", bytes(counted["colours"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
