"""Colours by the names that dashboards use for them, and those of everything else."""

PAGE, PANEL, BORDER = "#111217", "#181b1f", "#2a2d33"
GRID, TEXT, FAINT, LINK = "#2c3036", "#d0d1de", "#9a9ca8", "#6e9fff"

# Each hue from super-light to dark.
_HUES = {
    "red": ("#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A"),
    "orange": ("#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400"),
    "yellow": ("#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400"),
    "green": ("#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D"),
    "blue": ("#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4"),
    "purple": ("#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8"),
}
_SHADES = ("super-light-", "light-", "", "semi-dark-", "dark-")
_NAMES = {shade + hue: colours[i] for hue, colours in _HUES.items() for i, shade in enumerate(_SHADES)}
_NAMES |= {"transparent": "none", "text": TEXT, "white": "#ffffff", "black": "#000000", "gray": "#808080"}

# For series that have no colour of their own, in this order.
PALETTE = [_NAMES[name] for name in ("green", "semi-dark-yellow", "blue", "orange", "red", "purple")]
PALETTE += [_NAMES["light-" + name] for name in ("blue", "green", "orange", "purple", "red", "yellow")]
PALETTE += [_NAMES["dark-" + name] for name in ("green", "yellow", "blue", "orange", "red", "purple")]


class UnknownColour(Exception):
    """A colour that is drawn nowhere yet."""


def colour(name):
    """A colour by its name or as `#rrggbb`."""
    if name.startswith("#"):
        return name
    if name not in _NAMES:
        raise UnknownColour(f"the colour {name!r} is not known")
    return _NAMES[name]


# Colour schemes that run from the least value to the greatest.
_SCHEMES = {
    "continuous-YlRd": ("yellow", "red"),
    "continuous-GrYlRd": ("green", "yellow", "red"),
    "continuous-BlYlRd": ("dark-blue", "super-light-yellow", "dark-red"),
}


def between(scheme, share):
    """The colour at a share between 0 and 1 of a scheme."""
    if scheme not in _SCHEMES:
        raise UnknownColour(f"the colour scheme {scheme!r} is not known")
    stops = [colour(name) for name in _SCHEMES[scheme]]
    place = min(1.0, max(0.0, share)) * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    parts = zip(_parts(stops[first]), _parts(stops[first + 1]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * (place - first)):02x}" for low, high in parts)


def _parts(hexadecimal):
    return [int(hexadecimal[place : place + 2], 16) for place in (1, 3, 5)]
