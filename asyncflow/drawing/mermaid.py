"""Mermaid: text that code hosts and documentation tools show as a diagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asyncflow.drawing.dot import stored
from asyncflow.drawing.sketch import Kind, Middle, Part, Role, Shape, Sketch

_CLASSES: Mapping[str, str] = {
    "task": "fill:#f2f7fe,stroke:#6f94c9,color:#1d2731",
    "flow": "fill:#f3f0fc,stroke:#8b79cb,color:#1d2731",
    "wait": "fill:#fdf3e3,stroke:#c58a2b,color:#1d2731",
    "delay": "fill:#eef6f6,stroke:#4f9aa0,color:#1d2731",
    "nowait": "stroke-dasharray:5 4",
    "condition": "fill:#fffaeb,stroke:#d8b861,color:#1d2731",
    "foreach": "fill:#ebf8f2,stroke:#56a887,color:#1d2731",
    "fallback": "fill:#fff3f3,stroke:#c8323d,color:#1d2731",
    "storage": "fill:none,stroke:#8f6242",
    "start": "fill:#2f8f5b,stroke:#2f8f5b",
    "end_": "fill:#1d2731,stroke:#1d2731",
    "stop": "fill:#c8323d,stroke:#c8323d,color:#ffffff",
}


def mermaid_of(sketch: Sketch) -> str:
    return "\n".join(_Mermaid(sketch).lines()) + "\n"


class _Mermaid:
    """Ids are numbered: Mermaid takes words such as `end` and many signs for its own."""

    def __init__(self, sketch: Sketch) -> None:
        self._sketch = sketch
        self._ids: dict[str, str] = {}
        self._links: dict[str, list[int]] = {}
        self._count = 0

    def lines(self) -> Iterator[str]:
        yield "flowchart TD"
        for line in self._parts(self._sketch):
            yield f"  {line}"
        for line in self._arcs(self._sketch):
            yield f"  {line}"
        for line in self._storages():
            yield f"  {line}"
        for name, look in _CLASSES.items():
            yield f"  classDef {name} {look}"
        for look, links in self._links.items():
            yield f"  linkStyle {','.join(map(str, links))} {look}"

    def _id(self, id: str) -> str:
        return self._ids.setdefault(id, f"n{len(self._ids)}")

    def _parts(self, sketch: Sketch) -> Iterator[str]:
        for part in sketch.parts:
            if isinstance(part, Shape) and part.inner is not None:
                yield f'subgraph {self._id(part.id)}["{_text(part.name or "")}"]'
                for line in self._parts(part.inner):
                    yield f"  {line}"
                yield "end"
            else:
                yield self._part(part)
                if isinstance(part, Shape) and part.nowait:
                    yield f"class {self._id(part.id)} nowait"

    def _part(self, part: Part) -> str:
        id = self._id(part.id)
        if isinstance(part, Middle):
            name = "fallback" if part.role is Role.FALLBACK else "foreach" if part.foreach else "condition"
            label = "<br/>".join(map(_text, part.lines)) or "all"
            return f'{id}(["{label}"]):::{name}'
        match part.kind:
            case Kind.START:
                return f'{id}((" ")):::start'
            case Kind.END:
                return f'{id}(((" "))):::end_'
            case Kind.STOP:
                return f'{id}(("stop")):::stop'
            case Kind.FLOW:
                return f'{id}[["{_text(part.name or "")}"]]:::flow'
            case Kind.TASK:
                return f'{id}("{_text(part.name or "")}"):::task'
            case Kind.WAIT | Kind.DELAY:
                said = "<br/>".join(_text(line) for line in (part.name or "", part.note) if line)
                return f'{id}(["{said}"]):::{part.kind.value}'

    def _arcs(self, sketch: Sketch) -> Iterator[str]:
        middles = {part.id for part in sketch.parts if isinstance(part, Middle)}
        for arc in sketch.arcs:
            tip = "-" if arc.target in middles else ">"
            sign = f"-.{'-' if arc.target in middles else '->'}" if arc.role is Role.FALLBACK else f"--{tip}"
            if arc.role is Role.FALLBACK:
                self._look("stroke:#c8323d")
            elif arc.role is Role.END:
                self._look("stroke:#b4bec8")
            self._count += 1
            yield f"{self._id(arc.source)} {sign} {self._id(arc.target)}"
        for part in sketch.parts:
            if isinstance(part, Shape) and part.inner is not None:
                yield from self._arcs(part.inner)

    def _storages(self) -> Iterator[str]:
        kept = list(stored(self._sketch))
        for storage in dict.fromkeys(storage for _, storage in kept):
            yield f'{self._id(f"storage {storage}")}[("{_text(storage)}")]:::storage'
        for shape, storage in kept:
            self._look("stroke:#8f6242")
            self._count += 1
            yield f"{self._id(shape.id)} -.- {self._id(f'storage {storage}')}"

    def _look(self, look: str) -> None:
        self._links.setdefault(look, []).append(self._count)


_SIGNS = {ord(sign): f"#{ord(sign)};" for sign in '#"&<>`\\[](){}|*_~;%'}
"""What Mermaid or the Markdown in it could take for its own."""


def _text(text: str) -> str:
    return " ".join(text.split()).translate(_SIGNS)
