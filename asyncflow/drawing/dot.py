"""DOT: the language of graphviz, for those who want its layouts. Styles are written as they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asyncflow.drawing.sketch import Arc, Kind, Middle, Part, Role, Shape, Sketch
from asyncflow.drawing.style import Attributes, Style

_DEFAULTS: Mapping[str, Attributes] = {
    "graph": {"compound": "true", "fontname": "Helvetica", "ranksep": "0.4"},
    "task": {"shape": "box", "style": "rounded,filled", "color": "#6f94c9", "fillcolor": "#f2f7fe"},
    "flow": {"shape": "box", "style": "rounded,filled", "color": "#8b79cb", "fillcolor": "#f3f0fc", "peripheries": "2"},
    "wait": {"shape": "box", "style": "rounded,filled", "color": "#c58a2b", "fillcolor": "#fdf3e3"},
    "delay": {"shape": "box", "style": "rounded,filled", "color": "#4f9aa0", "fillcolor": "#eef6f6"},
    "condition": {"shape": "box", "style": "rounded,filled", "color": "#d8b861", "fillcolor": "#fffaeb"},
    "condition_foreach": {"shape": "box", "style": "rounded,filled", "color": "#56a887", "fillcolor": "#ebf8f2"},
    "storage": {"shape": "cylinder", "color": "#8f6242"},
    "edge": {"color": "#5f6c79"},
    "store_edge": {"color": "#8f6242", "style": "dotted", "arrowhead": "none"},
    "fallback_edge": {"color": "#c8323d", "style": "dashed"},
    "fallback_true": {"shape": "octagon", "style": "filled", "color": "#c8323d", "fillcolor": "#c8323d"},
}
_FONTS = {"fontname": "Helvetica"}
_SMALL = {"fontsize": "10"}
_FAINT = {"color": "#b4bec8"}


def dot_of(sketch: Sketch, style: Style) -> str:
    return "\n".join(_Dot(style).lines(sketch)) + "\n"


class _Dot:
    def __init__(self, style: Style) -> None:
        self._style = style

    def lines(self, sketch: Sketch) -> Iterator[str]:
        yield f"digraph {quoted(sketch.flow)} {{"
        yield f"  graph {_bracketed({**self._of('graph'), 'label': sketch.flow, 'labelloc': 't'})};"
        yield f"  node {_bracketed(_FONTS)};"
        yield f"  edge {_bracketed({**_FONTS, **self._of('edge')})};"
        for line in self._content(sketch):
            yield f"  {line}"
        for line in self._storages(sketch):
            yield f"  {line}"
        yield "}"

    def _of(self, key: str) -> Attributes:
        return {**_DEFAULTS[key], **self._style.of(key)}

    def _content(self, sketch: Sketch) -> Iterator[str]:
        for part in sketch.parts:
            if isinstance(part, Shape) and part.inner is not None:
                yield f"subgraph {quoted(_cluster(part))} {{"
                yield f"  graph {_bracketed({'label': part.name or '', 'tooltip': part.title})};"
                for line in self._content(part.inner):
                    yield f"  {line}"
                yield "}"
            else:
                yield f"{quoted(part.id)} {_bracketed(self._attributes(part))};"
        parts = {part.id: part for part in sketch.parts}
        for arc in sketch.arcs:
            yield self._arc(arc, parts[arc.source], parts[arc.target])

    def _attributes(self, part: Part) -> Attributes:
        said = {"tooltip": part.title}
        if isinstance(part, Middle):
            if not part.lines:
                bar = {"shape": "box", "label": "", "height": "0.06", "width": "0.4", "style": "filled"}
                colour = self._of("fallback_edge" if part.role is Role.FALLBACK else "edge").get("color", "black")
                return {**bar, "color": colour, "fillcolor": colour, **said}
            key = "condition_foreach" if part.foreach else "condition"
            return {**_SMALL, **self._of(key), "label": "\n".join(part.lines), **said}
        match part.kind:
            case Kind.START:
                return {
                    "shape": "circle",
                    "label": "",
                    "width": "0.2",
                    "style": "filled",
                    "fillcolor": "#2f8f5b",
                    **said,
                }
            case Kind.END:
                return {
                    "shape": "doublecircle",
                    "label": "",
                    "width": "0.15",
                    "style": "filled",
                    "fillcolor": "#1d2731",
                    **said,
                }
            case Kind.STOP:
                return {"label": "", "width": "0.25", "height": "0.25", **self._of("fallback_true"), **said}
            case Kind.TASK | Kind.FLOW | Kind.WAIT | Kind.DELAY:
                return self._node(part, said)

    def _node(self, shape: Shape, said: Attributes) -> Attributes:
        attributes = dict(self._of(shape.kind.value))
        if shape.nowait:
            attributes["style"] = ",".join(filter(None, (attributes.get("style"), "dashed")))
        lines = [shape.name or ""]
        if shape.kind in (Kind.WAIT, Kind.DELAY) and shape.note:
            lines.append(shape.note)
        return {**attributes, "label": "\n".join(lines), **said}

    def _arc(self, arc: Arc, source: Part, target: Part) -> str:
        attributes = {"tooltip": arc.title}
        if arc.role is Role.FALLBACK:
            attributes = {**self._of("fallback_edge"), **attributes}
        elif arc.role is Role.END:
            attributes = {**_FAINT, **attributes}
        if isinstance(target, Middle):
            attributes["dir"] = "none"
        tail, head = source.id, target.id
        # An arc cannot end at a cluster: it ends at a node in it, and is cut at the border.
        if isinstance(source, Shape) and source.inner is not None:
            tail, attributes["ltail"] = _last(source.inner), _cluster(source)
        if isinstance(target, Shape) and target.inner is not None:
            head, attributes["lhead"] = _first(target.inner), _cluster(target)
        return f"{quoted(tail)} -> {quoted(head)} {_bracketed(attributes)};"

    def _storages(self, sketch: Sketch) -> Iterator[str]:
        kept = list(stored(sketch))
        for storage in dict.fromkeys(storage for _, storage in kept):
            yield f"{quoted(_storage(storage))} {_bracketed({**self._of('storage'), 'label': storage})};"
        for shape, storage in kept:
            yield f"{quoted(shape.id)} -> {quoted(_storage(storage))} {_bracketed(self._of('store_edge'))};"


def stored(sketch: Sketch) -> Iterator[tuple[Shape, str]]:
    """Every task that has a storage, those of unfolded sub-flows too."""
    for part in sketch.parts:
        if isinstance(part, Shape):
            if part.storage is not None:
                yield part, part.storage
            if part.inner is not None:
                yield from stored(part.inner)


def _cluster(shape: Shape) -> str:
    return f"cluster {shape.id}"


def _storage(name: str) -> str:
    return f"storage {name}"


def _first(sketch: Sketch) -> str:
    first = sketch.parts[0]
    return _first(first.inner) if isinstance(first, Shape) and first.inner is not None else first.id


def _last(sketch: Sketch) -> str:
    shapes = [part for part in sketch.parts if isinstance(part, Shape)]
    return _last(shapes[-1].inner) if shapes[-1].inner is not None else shapes[-1].id


def _bracketed(attributes: Attributes) -> str:
    return f"[{', '.join(f'{quoted(name)}={quoted(value)}' for name, value in attributes.items())}]"


def quoted(text: str) -> str:
    """A string of DOT; a line's end is written as DOT's own sign for it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return f'"{escaped}"'
