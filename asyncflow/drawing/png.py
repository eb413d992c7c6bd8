"""PNG: a picture of the SVG, by resvg, which is an optional dependency."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from asyncflow.errors import RequestError

_ZOOM = 2
"""Sharp on screens of today."""

_SANS_SERIFS = ("Arial", "DejaVu Sans", "Noto Sans", "Segoe UI", "Verdana", "FreeSans", "Cantarell", "Ubuntu")
"""One of them is nearly everywhere. resvg takes none by itself for one that is not there: it leaves texts out."""

_LETTER = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
    '<text x="2" y="15" font-family="sans-serif">{}</text></svg>'
)


def png_of(svg: str) -> bytes:
    """The picture of an SVG that does with simple CSS."""
    try:
        resvg = import_module("resvg_py")
    except ModuleNotFoundError as missing:
        raise RequestError(
            "PNG needs a library that is not installed: pip install 'asyncflow-dispatcher[png]'; "
            "svg, dot, mermaid and json need nothing"
        ) from missing
    return bytes(resvg.svg_to_bytes(svg_string=svg, zoom=_ZOOM, sans_serif_family=_sans_serif(resvg)))


def _sans_serif(resvg: Any) -> str:
    """A font that is there. Raises RequestError where there is none: a picture without words says nothing."""
    for family in _SANS_SERIFS:
        blank, drawn = (resvg.svg_to_bytes(svg_string=_LETTER.format(x), sans_serif_family=family) for x in " x")
        if bytes(drawn) != bytes(blank):
            return family
    raise RequestError(
        f"PNG needs a font, and none of {', '.join(_SANS_SERIFS)} is installed; "
        "install one (Debian: fonts-dejavu-core), or take svg, which is drawn with the fonts of who looks at it"
    )
