"""Records a command on a terminal of its own, and draws what it showed as a picture that moves: docs/run.svg.

`python tools/recording.py` writes it; tests/test_recording.py says when the command prints something else.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pyte

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "run.svg"
COMMAND = """asyncflow run dinner -c . --node-args '{"guests": 4}'"""

COLUMNS, LINES = 80, 24
_OFTEN = 0.25
"""Seconds between two pictures, where only times change."""
_LONGEST = 0.9
"""Seconds that a picture stays, but the last."""
_LAST = 6.0

_CELL, _LINE, _SIZE = 8.4, 20, 14
_EDGE, _TOP = 20, 44

_COLOURS = {"red": "r", "green": "g", "cyan": "c", "brown": "y", "brightblack": "d"}
"""Classes of the style sheet by pyte's names."""
_STYLE = """
svg{--back:#fff;--edge:#d0d7de;--text:#1f2328;--r:#b3261e;--g:#116329;--c:#0b6578;--y:#7d4e00;--d:#59636e}
@media (prefers-color-scheme:dark){
svg{--back:#0d1117;--edge:#3d444d;--text:#e6edf3;--r:#ff8078;--g:#4cc561;--c:#4fc3d9;--y:#e0ab3c;--d:#9198a1}}
text{font:%(size)dpx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;
white-space:pre;fill:var(--text)}
.r{fill:var(--r)}.g{fill:var(--g)}.c{fill:var(--c)}.y{fill:var(--y)}.d{fill:var(--d)}.b{font-weight:700}
#film{transform:translateY(%(last)dpx)}
@media (prefers-reduced-motion:no-preference){#film{animation:film %(seconds).2fs step-end infinite}}
@keyframes film{%(frames)s}
"""


@dataclass(frozen=True)
class Piece:
    """Neighbouring letters of one look."""

    column: int
    text: str
    look: str


Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Frame:
    """What the terminal showed from some second on."""

    at: float
    lines: tuple[Line, ...]

    @property
    def text(self) -> list[str]:
        return [_text(line) for line in self.lines]


def record(command: str, folder: Path) -> list[Frame]:
    """Run a command to its end, and keep every picture that it showed."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    screen.draw(f"$ {command}")
    stream.feed(b"\r\n")
    frames = [Frame(0.0, _looked(screen))]
    began = time.monotonic()
    for output in _output(command, folder):
        stream.feed(_with_grey(output))
        frames.append(Frame(time.monotonic() - began, _looked(screen)))
    return frames


def structure(lines: list[str]) -> list[str]:
    """Lines without what differs between two runs: times and ids."""
    return [re.sub(r" *\d+\.\d+ s\b", " N s", re.sub(r"\brun [0-9a-f]{8}\b", "run ID", line)) for line in lines]


def drawn(frames: list[Frame]) -> str:
    """The picture. Each line that was ever shown is in it once."""
    frames = _evened(_chosen(frames))
    height = max(len(frame.lines) for frame in frames) * _LINE
    ids: dict[Line, str] = {}
    pictures = []
    for number, frame in enumerate(frames):
        uses = "".join(
            f'<use href="#{ids.setdefault(line, f"l{len(ids)}")}" y="{place * _LINE + _SIZE}"/>'
            for place, line in enumerate(frame.lines)
            if line
        )
        pictures.append(f'<g transform="translate(0,{number * height})">{uses}</g>')
    style = _STYLE % {
        "size": _SIZE,
        "last": -(len(frames) - 1) * height,
        "seconds": frames[-1].at + _LAST,
        "frames": "".join(
            f"{100 * frame.at / (frames[-1].at + _LAST):.2f}%{{transform:translateY({-number * height}px)}}"
            for number, frame in enumerate(frames)
        ),
    }
    lines = "".join(f'<text id="{id}">{"".join(map(_span, line))}</text>' for line, id in ids.items())
    return _WHOLE.format(
        width=round(COLUMNS * _CELL + 2 * _EDGE),
        height=height + _TOP + _EDGE,
        inner=height,
        said=quoteattr("\n".join(frames[-1].text)),
        style=style.replace("\n", ""),
        lines=lines,
        pictures="".join(pictures),
        edge=_EDGE,
        top=_TOP,
    )


_WHOLE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-label={said}>
<style>{style}</style>
<rect x=".5" y=".5" width="{width}" height="{height}" rx="10" transform="scale(.9985)" \
style="fill:var(--back);stroke:var(--edge)"/>
<g style="fill:var(--edge)"><circle cx="22" cy="20" r="6"/><circle cx="42" cy="20" r="6"/><circle cx="62" cy="20" r="6"/></g>
<defs>{lines}</defs>
<svg x="{edge}" y="{top}" width="100%" height="{inner}" style="overflow:hidden"><g id="film">{pictures}</g></svg>
</svg>
"""


def frames_in(picture: str) -> list[list[str]]:
    """The text of each frame of a picture."""
    svg = "{http://www.w3.org/2000/svg}"
    root = ET.fromstring(picture)
    lines = {one.get("id"): "".join(one.itertext()) for one in root.iter(f"{svg}text")}
    film = next(one for one in root.iter(f"{svg}g") if one.get("id") == "film")
    return [[lines[use.get("href", "#")[1:]] for use in frame] for frame in film]


def _output(command: str, folder: Path) -> Iterator[bytes]:
    """What a command writes to a terminal, piece by piece."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASYNCFLOW_", "NO_COLOR"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**kept, "PATH": path, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
    program = subprocess.Popen(
        shlex.split(command), cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    try:
        while output := _read(ours):
            yield output
    finally:
        os.close(ours)
        program.wait()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # what Linux says when nobody has the other end any more
        return b""


def _with_grey(output: bytes) -> bytes:
    """The terminal that pyte plays has no dim letters: say grey."""
    return re.sub(rb"(?<=\x1b\[)2(?=[;m])", b"90", output)


def _looked(screen: pyte.Screen) -> tuple[Line, ...]:
    lines = [_pieces(screen.buffer[row]) for row in range(screen.lines)]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def _pieces(row: dict[int, pyte.screens.Char]) -> Line:
    cells: list[tuple[int, str, str]] = []
    for column in range(len(_shown(row))):
        letter = row[column]
        # A space looks like what stands before it.
        look = cells[-1][2] if cells and letter.data == " " else _look(letter)
        cells.append((column, letter.data, look))
    found = []
    # Signs stand alone: the font that a reader has them from may be wider than the others.
    for _, some in groupby(cells, key=lambda cell: (cell[2], cell[1].isascii() or cell[0])):
        same = list(some)
        found.append(Piece(same[0][0], "".join(letter for _, letter, _ in same), same[0][2]))
    return tuple(found)


def _shown(row: dict[int, pyte.screens.Char]) -> str:
    return "".join(row[column].data for column in range(COLUMNS)).rstrip()


def _look(cell: pyte.screens.Char) -> str:
    return " ".join(filter(None, (_COLOURS.get(cell.fg, ""), "b" if cell.bold else "")))


def _text(line: Line) -> str:
    return "".join(piece.text for piece in line)


def _chosen(frames: list[Frame]) -> list[Frame]:
    """Those in which more than times has changed, some between, and the last."""
    kept = [frames[0]]
    for frame in frames[1:]:
        if frame.lines == kept[-1].lines or len(frame.lines) < 2:
            continue  # nothing new, or a picture that is being taken down
        if structure(frame.text) != structure(kept[-1].text) or frame.at - kept[-1].at >= _OFTEN:
            kept.append(frame)
    return [*kept[:-1], Frame(kept[-1].at, frames[-1].lines)]


def _evened(frames: list[Frame]) -> list[Frame]:
    """None of them stays too long."""
    evened, at = [], 0.0
    for before, frame in zip([frames[0], *frames], frames, strict=False):
        at += min(_LONGEST, frame.at - before.at)
        evened.append(replace(frame, at=at))
    return evened


def _span(piece: Piece) -> str:
    look = f' class="{piece.look}"' if piece.look else ""
    return f'<tspan x="{round(piece.column * _CELL, 1):g}"{look}>{escape(piece.text)}</tspan>'


def record_dinner() -> list[Frame]:
    """The run that the README begins with, in a copy of the example."""
    with tempfile.TemporaryDirectory() as folder:
        example = shutil.copytree(ROOT / "examples/dinner", Path(folder) / "dinner", ignore=_ONLY_SOURCES)
        return record(COMMAND, example)


_ONLY_SOURCES = shutil.ignore_patterns(".*", "__pycache__")


if __name__ == "__main__":
    PICTURE.write_text(drawn(record_dinner()), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")
