"""PNG: a picture of the SVG, by resvg, which is an optional dependency."""

from __future__ import annotations

from importlib import import_module

from asyncflow.errors import RequestError

_ZOOM = 2
"""Sharp on screens of today."""


def png_of(svg: str) -> bytes:
    """The picture of an SVG that does with simple CSS."""
    try:
        resvg = import_module("resvg_py")
    except ModuleNotFoundError as missing:
        raise RequestError(
            "PNG needs a library that is not installed: pip install 'asyncflow-dispatcher[png]'; "
            "svg, dot, mermaid and json need nothing"
        ) from missing
    return bytes(resvg.svg_to_bytes(svg_string=svg, zoom=_ZOOM))
