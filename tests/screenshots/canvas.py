"""A page to draw on: pixels from the top left, texts that know their width, and axes for plots."""

from functools import lru_cache

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import LoadFlags
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from processes import TOOLS
from theme import PAGE, TEXT

# Physical pixels for one of ours: sharp on the screens that READMEs are read on, and not too large a file.
SCALE = 1.5

DPI = 100

# As many colours as a palette has make a third of the file; those whose parts differ by less than this in all are one.
COLOURS, CLOSE = 256, 18

FONTS = TOOLS / "fonts/usr/share/fonts/opentype/inter"
WEIGHTS = {"regular": "Inter-Regular.otf", "medium": "Inter-Medium.otf", "bold": "Inter-SemiBold.otf"}


@lru_cache
def font(weight):
    """A font; `mono` is the plotting library's own, for logs."""
    if weight == "mono":
        return font_manager.FontProperties(family="DejaVu Sans Mono")
    return font_manager.FontProperties(fname=FONTS / WEIGHTS[weight])


@lru_cache
def advance(letter, weight):
    """How far a letter moves the pen, at a size of one pixel."""
    face = font_manager.get_font(font_manager.findfont(font(weight)))
    face.set_size(1000, 72)
    return face.load_char(ord(letter), LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 1000


@lru_cache(maxsize=100_000)
def width_of(text, size, weight="regular"):
    """The width of a text, in pixels."""
    return sum(advance(letter, weight) for letter in text) * size


def fitting(text, width, size, weight="regular"):
    """The text, or as much of it as fits, with an ellipsis."""
    if width_of(text, size, weight) <= width:
        return text
    short, long = 0, len(text)
    while short < long:
        middle = (short + long + 1) // 2
        if width_of(text[:middle].rstrip() + "…", size, weight) <= width:
            short = middle
        else:
            long = middle - 1
    return text[:short].rstrip() + "…" if short else ""


def wrapped(text, width, size, weight="regular"):
    """The text in lines that fit."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and width_of(longer, size, weight) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def palette_of(pixels):
    """The most frequent colours, none close to another, so that a thin line keeps its colour beside a large background."""
    colours, counts = np.unique(pixels.view(np.uint32), return_counts=True)
    frequent = colours[np.argsort(-counts)[:6000]].view(np.uint8).reshape(-1, 4)[:, :3].astype(int)
    chosen = frequent[:1]
    for colour in frequent[1:]:
        if np.abs(chosen - colour).sum(axis=1).min() > CLOSE:
            chosen = np.vstack([chosen, colour])
            if len(chosen) == COLOURS:
                break
    palette = Image.new("P", (1, 1))
    palette.putpalette(chosen.astype(np.uint8).tobytes())
    return palette


class Canvas:
    """The page. Everything is in pixels from its top left corner."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        # The titles of the panels that had nothing to show.
        self.empty = []
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI * SCALE, facecolor=PAGE)
        self.page = self.figure.add_axes((0, 0, 1, 1))
        self.page.set(xlim=(0, width), ylim=(height, 0))
        self.page.set_axis_off()

    def text(self, x, y, text, size=12, colour=TEXT, weight="regular", across="left", up="center_baseline"):
        # A dollar sign is a dollar sign, and not the start of a formula.
        drawn = self.page.text(
            x, y, text, color=colour, ha=across, va=up, font=font(weight), parse_math=False, zorder=5
        )
        drawn.set_size(size * 72 / DPI)

    def box(self, x, y, width, height, fill="none", edge="none", radius=0.0, line=1.0, layer=1):
        if radius:
            patch = FancyBboxPatch((x, y), width, height, boxstyle=f"round,pad=0,rounding_size={radius}")
        else:
            patch = Rectangle((x, y), width, height)
        patch.set(facecolor=fill, edgecolor=edge, linewidth=line * 72 / DPI, zorder=layer)
        self.page.add_patch(patch)

    def line(self, xs, ys, colour, width=1.0, layer=2, style="-"):
        self.page.plot(
            xs, ys, color=colour, linewidth=width * 72 / DPI, zorder=layer, linestyle=style, solid_capstyle="butt"
        )

    def axes(self, x, y, width, height):
        """Axes of their own in a part of the page."""
        axes = self.figure.add_axes(
            (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        )
        axes.patch.set_alpha(0)
        return axes

    def save(self, path, notes):
        """Writes a PNG of few colours, with `notes` in it."""
        agg = FigureCanvasAgg(self.figure)
        agg.draw()
        pixels = np.ascontiguousarray(agg.buffer_rgba())
        image, info = Image.fromarray(pixels).convert("RGB"), PngInfo()
        for name, note in notes.items():
            info.add_text(name, note)
        image.quantize(palette=palette_of(pixels), dither=Image.Dither.NONE).save(path, optimize=True, pnginfo=info)
