"""The picture at the top of the README shows what the command there prints."""

from __future__ import annotations

from tests.servers import ROOT
from tools.recording import COMMAND, PICTURE, frames_in, record_dinner, structure


def test_the_picture_shows_what_the_command_prints() -> None:
    shown = frames_in(PICTURE.read_text(encoding="utf-8"))
    frames = record_dinner()
    assert structure(frames[-1].text) == structure(shown[-1]), "python tools/recording.py"
    assert any(frame.text[1:2] and frame.text[1].startswith("● dinner  running") for frame in frames)
    assert any(lines[1:2] and lines[1].startswith("● dinner  running") for lines in shown)


def test_the_picture_shows_a_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"    {COMMAND}\n" in readme
    assert f"({PICTURE.relative_to(ROOT)})" in readme


def test_the_picture_is_small_and_asks_no_other_host() -> None:
    drawn = PICTURE.read_text(encoding="utf-8")
    assert len(drawn) < 30_000
    assert drawn.count("://") == drawn.count("http://www.w3.org/2000/svg") == 1
