"""The colours of the page can be read by everyone: WCAG AA, in both themes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asyncflow.drawing.stylesheet import page_stylesheet

STATIC = Path(__file__).parents[2] / "asyncflow" / "web" / "static"
TEXT, SHAPE = 4.5, 3.0
"""The least contrast of text, and of what must be told apart without being read."""

STATES = ("running", "succeeded", "failed", "stopped", "waiting")
PAIRS = [
    *((text, ground, TEXT) for text in ("text", "muted") for ground in ("ground", "panel", "soft")),
    *(("link", ground, TEXT) for ground in ("ground", "panel")),
    ("accent-text", "accent", TEXT),
    ("panel", "text", TEXT),  # a filter that is on
    *((f"{state}-text", f"{state}-soft", TEXT) for state in STATES),
    *(
        (f"{state}-text", ground, TEXT)
        for state in ("failed", "stopped", "succeeded")
        for ground in ("panel", "ground")
    ),
    ("text", "stopped-soft", TEXT),
    ("muted", "running-soft", TEXT),
    *(
        (state, ground, SHAPE)
        for state in ("running", "succeeded", "failed", "stopped")
        for ground in ("panel", "soft")
    ),
    ("focus", "panel", SHAPE),
    ("focus", "ground", SHAPE),
    ("control", "panel", SHAPE),
]
DRAWN = [
    *(("text", ground, TEXT) for ground in ("background", "task", "flow", "label", "foreach", "fallback-label")),
    *(("text", state, TEXT) for state in STATES),
    ("muted", "background", TEXT),
    *((f"{state}-border", "background", SHAPE) for state in ("running", "succeeded", "failed", "stopped")),
]


def palettes(css: str, light: str, dark: str, prefix: str = "--") -> dict[str, dict[str, str]]:
    found = {}
    for theme, selector in (("light", light), ("dark", dark)):
        block = re.search(re.escape(selector) + r"\s*\{(.*?)\}", css, re.DOTALL)
        assert block is not None, selector
        found[theme] = dict(re.findall(prefix + r"([\w-]+):\s*(#[0-9a-f]{6})", block[1]))
    return found


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_black_on_white_has_the_most_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < TEXT < contrast("#767676", "#ffffff")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_controls_of_the_page_have_enough_contrast(theme: str) -> None:
    css = (STATIC / "theme.css").read_text("utf-8")
    palette = palettes(css, ":root", ':root[data-theme="dark"]')[theme]
    assert weak(palette, PAIRS) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_states_of_drawings_have_enough_contrast(theme: str) -> None:
    css = page_stylesheet()
    palette = palettes(css, ".asyncflow-drawing", "[data-theme=dark] .asyncflow-drawing", "--af-")[theme]
    assert weak(palette, DRAWN) == {}


def weak(palette: dict[str, str], pairs: list[tuple[str, str, float]]) -> dict[tuple[str, str], float]:
    found = {(one, other): round(contrast(palette[one], palette[other]), 2) for one, other, _ in pairs}
    return {(one, other): found[one, other] for one, other, least in pairs if found[one, other] < least}


def test_every_colour_of_the_page_is_a_variable() -> None:
    for file in STATIC.glob("*.css"):
        if file.name != "theme.css":
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s)])", file.read_text("utf-8")) == [], file.name
            assert len(file.read_text("utf-8").splitlines()) <= 400


def test_variables_that_are_used_are_there() -> None:
    names = set(re.findall(r"(--[\w-]+):", (STATIC / "theme.css").read_text("utf-8")))
    used = {name for file in STATIC.glob("*.css") for name in re.findall(r"var\((--[\w-]+)", file.read_text("utf-8"))}
    assert {name for name in used if not name.startswith("--af-")} <= names


def test_scripts_are_small() -> None:
    assert {file.name for file in STATIC.glob("*.js") if len(file.read_text("utf-8").splitlines()) > 400} == set()
