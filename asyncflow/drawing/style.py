"""The style that users give: graphviz attributes by kind of thing, under the keys that Selinon's plots take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from asyncflow.errors import RequestError
from asyncflow.model.names import Json

KEYS = (
    "task",
    "flow",
    "wait",
    "delay",
    "condition",
    "condition_foreach",
    "storage",
    "edge",
    "store_edge",
    "graph",
    "fallback_edge",
    "fallback_true",
)
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Attributes by key. DOT gets them as they are; SVG what of them it can show; the other formats nothing."""

    attributes: Mapping[str, Attributes] = field(default_factory=dict)

    @classmethod
    def read(cls, mapping: Json) -> Style:
        """A style file's content: the keys, or a table `style` with them. Raises RequestError for anything else."""
        table = mapping.get("style", mapping) if isinstance(mapping, Mapping) else mapping
        if table is None:
            return cls()
        if not isinstance(table, Mapping):
            raise RequestError("a style is a table of graphviz attributes by key, such as `task: {fillcolor: white}`")
        unknown = [str(key) for key in table if key not in KEYS]
        if unknown:
            raise RequestError(f"a style has no key {', '.join(map(repr, unknown))}; its keys are {', '.join(KEYS)}")
        wrong = [key for key, found in table.items() if not isinstance(found, Mapping | None)]
        if wrong:
            raise RequestError(f"the style of {wrong[0]!r} must be a table, such as `{wrong[0]}: {{color: gray}}`")
        attributes = {
            key: {str(name): _text(value) for name, value in found.items()} for key, found in table.items() if found
        }
        return cls(attributes=attributes)

    def of(self, key: str) -> Attributes:
        return self.attributes.get(key, {})

    def rules(self) -> str:
        """The CSS for it."""
        return "".join(
            f"{selector}{{{';'.join(declarations)}}}\n"
            for key in KEYS
            for selector, declarations in _declared(key, self.of(key))
            if declarations
        )


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SELECTORS: Mapping[str, tuple[str, str]] = {
    "task": (".task>.border", ".task>.name"),
    "flow": (".flow>.border", ".flow>.name"),
    "wait": (".wait>.border", ".wait>.name"),
    "delay": (".delay>.border", ".delay>.name"),
    "condition": (".label>.border", ".label>.small"),
    "condition_foreach": (".label.foreach>.border,.label.foreach>.behind", ".label.foreach>.small"),
    "storage": (".node>.storage", ".node>.small"),
    "fallback_true": (".stop>.border", ""),
}
"""By key: what has a border, and its text."""
_LINES: Mapping[str, str] = {"edge": ".line.edge", "fallback_edge": ".line.fallback"}
_SAFE = re.compile(r"[#\w.%, ()-]+")
_DASHES = {"dashed": "6 4", "dotted": "2 3"}


def _declared(key: str, attributes: Attributes) -> Iterator[tuple[str, list[str]]]:
    """Selectors and what they get; a value that CSS could not hold is left out."""
    safe = {name: value for name, value in attributes.items() if _SAFE.fullmatch(value)}
    if key in _SELECTORS:
        border, text = _SELECTORS[key]
        yield border, [*_border(safe), *_fill(safe)]
        if text:
            yield text, _font(safe)
        if key == "flow":
            # An unfolded flow is large, and has other colours in it: it gets the border only.
            yield ".frame>.border,.flow>.second", _border(safe)
    elif key in _LINES:
        yield f"{_LINES[key]}>.stroke", _border(safe)
        if "color" in safe:
            yield f"{_LINES[key]}>.head", [f"fill:{safe['color']}"]
    elif key == "graph":
        if "bgcolor" in safe:
            yield ".background", [f"fill:{safe['bgcolor']}"]
        if "fontcolor" in safe:
            yield ".heading", [f"fill:{safe['fontcolor']}"]


def _border(attributes: Attributes) -> list[str]:
    declarations = []
    if "color" in attributes:
        declarations.append(f"stroke:{attributes['color']}")
    if "penwidth" in attributes:
        declarations.append(f"stroke-width:{attributes['penwidth']}")
    styles = [style.strip() for style in attributes.get("style", "").split(",")]
    declarations += [f"stroke-dasharray:{_DASHES[style]}" for style in styles if style in _DASHES]
    if "bold" in styles and "penwidth" not in attributes:
        declarations.append("stroke-width:2.4")
    return declarations


def _fill(attributes: Attributes) -> list[str]:
    return [f"fill:{attributes['fillcolor']}"] if "fillcolor" in attributes else []


def _font(attributes: Attributes) -> list[str]:
    return [f"fill:{attributes['fontcolor']}"] if "fontcolor" in attributes else []


def is_round(attributes: Attributes) -> bool | None:
    """Whether a shape attribute asks for round ends, for corners, or for nothing that a box can show."""
    shape = attributes.get("shape", "")
    if shape in {"ellipse", "oval", "circle", "egg"}:
        return True
    return False if shape in {"box", "rect", "rectangle", "square", "box3d", "component"} else None
