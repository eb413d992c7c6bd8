"""The colours of drawings and the CSS that applies them. Variables, so that a page can put in its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

ROOT = "asyncflow-drawing"
"""The class of the svg element; every rule is held to it, so that a page can carry drawings and rules of its own."""

FONT = "Helvetica, Arial, 'Liberation Sans', Arimo, Roboto, sans-serif"
"""The fonts whose widths are reckoned with, before any other."""

_LIGHT: Mapping[str, str] = {
    "background": "#ffffff",
    "text": "#1d2731",
    "muted": "#66727f",
    "line": "#5f6c79",
    "faint": "#b4bec8",
    "task": "#f2f7fe",
    "task-border": "#6f94c9",
    "flow": "#f3f0fc",
    "flow-border": "#8b79cb",
    "wait": "#fdf3e3",
    "wait-border": "#c58a2b",
    "delay": "#eef6f6",
    "delay-border": "#4f9aa0",
    "frame": "#faf9fe",
    "label": "#fffaeb",
    "label-border": "#d8b861",
    "foreach": "#ebf8f2",
    "foreach-border": "#56a887",
    "fallback": "#c8323d",
    "fallback-label": "#fff3f3",
    "start": "#2f8f5b",
    "end": "#1d2731",
    "storage": "#8f6242",
    "waiting": "#f5f6f8",
    "waiting-border": "#b4bec8",
    "running": "#dcebff",
    "running-border": "#2468d6",
    "succeeded": "#e0f5e6",
    "succeeded-border": "#23824a",
    "failed": "#fde4e4",
    "failed-border": "#c8323d",
    "stopped": "#fdf0d5",
    "stopped-border": "#ad7410",
}
_DARK: Mapping[str, str] = {
    "background": "#13171c",
    "text": "#e8ecf0",
    "muted": "#97a4b1",
    "line": "#8e9ba8",
    "faint": "#4c5762",
    "task": "#1b2735",
    "task-border": "#6089c4",
    "flow": "#262139",
    "flow-border": "#9484da",
    "wait": "#33270f",
    "wait-border": "#c08a35",
    "delay": "#14292b",
    "delay-border": "#4f9aa0",
    "frame": "#181a24",
    "label": "#2d2715",
    "label-border": "#a2863a",
    "foreach": "#152f26",
    "foreach-border": "#4b9c7b",
    "fallback": "#f2727b",
    "fallback-label": "#331a1d",
    "start": "#4cba80",
    "end": "#e8ecf0",
    "storage": "#c89a74",
    "waiting": "#1c2126",
    "waiting-border": "#4c5762",
    "running": "#14305c",
    "running-border": "#5b9bff",
    "succeeded": "#143823",
    "succeeded-border": "#43b673",
    "failed": "#44191d",
    "failed-border": "#f2727b",
    "stopped": "#3a2c0f",
    "stopped-border": "#d9a23a",
}

_RULES = """
text{font-family:FONT;fill:var(--af-text);stroke:none}
.background{fill:var(--af-background)}
.heading{font-size:13px;fill:var(--af-muted)}
.name{font-size:13px;text-anchor:middle}
.frame>.name{text-anchor:start;fill:var(--af-muted)}
.small{font-size:11px}
.note{font-size:11px;text-anchor:middle;font-style:italic}
.node>.note{fill:var(--af-muted)}
.label .small{text-anchor:middle}
.line>.stroke{fill:none;stroke:var(--af-line);stroke-width:1.3}
.line>.head{fill:var(--af-line)}
.line.end>.stroke{stroke:var(--af-faint);stroke-width:1}
.line.end>.head{fill:var(--af-faint)}
.line.fallback>.stroke{stroke:var(--af-fallback);stroke-dasharray:6 4}
.line.fallback>.head{fill:var(--af-fallback)}
.node>.border{fill:var(--af-task);stroke:var(--af-task-border);stroke-width:1.3}
.flow>.border{fill:var(--af-flow);stroke:var(--af-flow-border)}
.wait>.border{fill:var(--af-wait);stroke:var(--af-wait-border)}
.delay>.border{fill:var(--af-delay);stroke:var(--af-delay-border)}
.wait>.mark,.delay>.mark{fill:none;stroke-width:1.3;stroke-linecap:round;stroke-linejoin:round}
.wait>.mark{stroke:var(--af-wait-border)}
.delay>.mark{stroke:var(--af-delay-border)}
.node>.second{fill:none;stroke:var(--af-flow-border);stroke-width:1}
.frame>.border{fill:var(--af-frame);stroke:var(--af-flow-border)}
.nowait>.border,.nowait>.second{stroke-dasharray:5 4}
.node>.storage{fill:none;stroke:var(--af-storage);stroke-width:1.1}
.node>.small{fill:var(--af-storage)}
.start>.border{fill:var(--af-start)}
.end>.border{fill:none;stroke:var(--af-end);stroke-width:1.4}
.end>.inside{fill:var(--af-end)}
.stop>.border{fill:var(--af-fallback)}
.stop>.inside{fill:none;stroke:var(--af-background);stroke-width:2}
.label>.border,.label>.behind{fill:var(--af-label);stroke:var(--af-label-border);stroke-width:1}
.label.foreach>.border,.label.foreach>.behind{fill:var(--af-foreach);stroke:var(--af-foreach-border)}
.label.fallback>.border{fill:var(--af-fallback-label);stroke:var(--af-fallback)}
.label>.bar{fill:var(--af-line)}
.label.fallback>.bar{fill:var(--af-fallback)}
.label>.stem{stroke:var(--af-line);stroke-width:1.3}
.label.fallback>.stem{stroke:var(--af-fallback)}
.badge>rect{fill:var(--af-background);stroke:var(--af-faint);stroke-width:1}
.badge .sign{fill:none;stroke-width:1.8}
.badge .disc{stroke:none}
"""

_STATES: Mapping[str, str] = {
    "waiting": "waiting",
    "running": "running",
    "retrying": "stopped",
    "succeeded": "succeeded",
    "reused": "succeeded",
    "failed": "failed",
    "cancelled": "stopped",
    "paused": "stopped",
}
"""The colour of each state that a node of a run can be in."""

STATES = tuple(_STATES)
_VARIABLE = re.compile(r"var\(--af-([a-z-]+)\)")


def stylesheet(extra: str = "") -> str:
    """The CSS of a drawing, light or dark as the reader's system says; `extra` rules come last."""
    return (
        f".{ROOT}{{{_declared(_LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{.{ROOT}{{{_declared(_DARK)}}}}}\n" + _rules(extra)
    )


def page_stylesheet() -> str:
    """The same for a page that says itself whether it is dark, by `data-theme` of its root."""
    return f".{ROOT}{{{_declared(_LIGHT)}}}\n[data-theme=dark] .{ROOT}{{{_declared(_DARK)}}}\n" + _rules("")


def plain_stylesheet(extra: str = "") -> str:
    """The same in light colours, without variables and media queries, for what knows no more than simple CSS."""
    return _VARIABLE.sub(lambda found: _LIGHT[found[1]], _rules(extra))


def _declared(palette: Mapping[str, str]) -> str:
    return "".join(f"--af-{name}:{colour};" for name, colour in palette.items())


def _rules(extra: str) -> str:
    states = "".join(
        f".node.state-{state}>.border{{fill:var(--af-{colour});stroke:var(--af-{colour}-border)}}\n"
        f".frame.state-{state}>.border{{fill:var(--af-frame)}}\n"
        f".badge .{state}{{stroke:var(--af-{colour}-border)}}\n"
        f".badge .{state}.disc{{fill:var(--af-{colour}-border)}}\n"
        for state, colour in _STATES.items()
    )
    text = (_RULES.strip() + "\n" + states + extra).replace("FONT", FONT)
    return "".join(_scoped(line) for line in text.splitlines() if line)


def _scoped(rule: str) -> str:
    selectors, declarations = rule.split("{", 1)
    return ",".join(f".{ROOT} {selector}" for selector in selectors.split(",")) + "{" + declarations + "\n"
