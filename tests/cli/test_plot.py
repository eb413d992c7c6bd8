"""`plot`: pictures of flows, into files or onto standard output."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tests.cli.project import Project


def test_every_flow_becomes_a_file_and_their_names_are_printed(project: Project) -> None:
    done = project.look("plot", "-o", "pictures")
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == [f"pictures/{name}.svg" for name in ("good", "bad", "mended", "picky", "locked", "long")]
    for name in done.out.split():
        assert ET.parse(project.folder / name).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("format", "suffix", "begins"),
    [
        ("svg", "svg", b"<svg"),
        ("dot", "dot", b"digraph"),
        ("mermaid", "mmd", b"flowchart"),
        ("json", "json", b"{"),
        ("png", "png", b"\x89PNG"),
    ],
)
def test_each_format_has_its_suffix(project: Project, format: str, suffix: str, begins: bytes) -> None:
    done = project.look("plot", "mended", "--format", format, "--json")
    assert done.json == {"files": [f"mended.{suffix}"]}
    assert (project.folder / f"mended.{suffix}").read_bytes().startswith(begins)


def test_one_flow_can_be_written_to_standard_output(project: Project) -> None:
    done = project.look("plot", "good", "-o", "-", "--format", "json")
    assert json.loads(done.out)["flow"] == "good"
    assert list(project.folder.glob("*.json")) == []
    assert project.look("plot", "-o", "-").code == 2


def test_sub_flows_are_unfolded_by_depth_or_by_name(project: Project) -> None:
    flows = project.folder / "flows.yaml"
    text = flows.read_text().replace("{from: , to: Wait}", "{from: , to: [Wait, good]}")
    flows.write_text(text)
    folded = project.look("plot", "long", "-o", "-", "--format", "json").out
    assert "good/Add" not in folded
    for expand in ("1", "good"):
        paths = project.look("plot", "long", "-o", "-", "--format", "json", "--expand", expand).out
        assert "good/Add" in paths
    assert project.look("plot", "long", "-o", "-", "--expand", "absent").code == 3


def test_a_style_file_is_followed_and_a_wrong_one_refused(project: Project) -> None:
    style = project.folder / "style.yaml"
    style.write_text("task: {fillcolor: papayawhip}\n")
    assert "papayawhip" in project.look("plot", "good", "-o", "-", "--style", "style.yaml").out
    style.write_text("tasks: {fillcolor: papayawhip}\n")
    wrong = project.look("plot", "good", "-o", "-", "--style", "style.yaml")
    assert wrong.code == 2
    assert "no key 'tasks'" in wrong.err
    style.write_text("task: {")
    assert "is not YAML" in project.look("plot", "good", "--style", "style.yaml").err
    assert "cannot be read" in project.look("plot", "good", "--style", "absent.yaml").err


def test_what_cannot_be_drawn_or_written_leaves_no_file(project: Project) -> None:
    assert project.look("plot", "good", "absent", "-o", "pictures").code == 3
    assert not (project.folder / "pictures").exists()
    (project.folder / "file").touch()
    done = project.look("plot", "-o", "file")
    assert done.code == 2
    assert "cannot be written" in done.err
