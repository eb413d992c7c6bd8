"""Every format shows all of a flow, escapes what it says, and comes out the same each time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncflow.drawing import FORMATS, NodeState, Style, draw, draw_all, picture, stylesheet
from asyncflow.drawing import png as png_writer
from asyncflow.errors import RequestError, UnknownFlowError
from asyncflow.model.condition import Predicate
from asyncflow.model.flow import Configuration, Edge, Flow, Foreach, Function, Task, TaskKind
from tests.drawing.dot_reader import read_dot
from tests.drawing.flows import DINNER, EVERYTHING, ROOT, configurations, made, read

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "</title><script>alert(\"1\")</script> & 'x' \\ ]]> \x00\x1b [a](b) #quot; {{b}} `c` | \u202e\ud800"
TEXTS = ("svg", "dot", "mermaid", "json")


def element(svg: str, id: str) -> ET.Element:
    return next(each for each in ET.fromstring(svg).iter(f"{SVG}g") if each.get("id") == id)


def title(svg: str, id: str) -> str:
    return element(svg, id).findtext(f"{SVG}title")


def shown_texts(svg: str) -> set[str]:
    return {each.text for each in ET.fromstring(svg).iter(f"{SVG}text")}


def nasty() -> Configuration:
    """A flow whose every text tries to break out; names are identifiers, or a configuration would not load."""
    task = Task(name="T", kind=TaskKind.FLOW, module="m", classname=NASTY, storage=NASTY, queue=NASTY)
    condition = Predicate(name="fieldEqual", args={"key": NASTY, "value": [NASTY]})
    foreach = Foreach(function=Function(module=NASTY, name=NASTY))
    edges = (
        Edge(index=0, sources=(), targets=("T",), condition=condition),
        Edge(index=1, sources=("T",), targets=("T",), foreach=foreach),
    )
    return Configuration(tasks={"T": task}, flows={"f": Flow(name="f", nodes={"T": task}, edges=edges)})


# --- All formats ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_flow_gives_the_same_bytes(format: str) -> None:
    if format == "png":
        pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    first = draw(EVERYTHING, "main", format=format, expand=2)
    assert draw(EVERYTHING, "main", format=format, expand=2) == first


def test_bytes_do_not_depend_on_the_seed_of_hashes() -> None:
    code = (
        "from asyncflow.drawing import draw; from tests.drawing.flows import EVERYTHING\n"
        f"for format in {TEXTS}: print(draw(EVERYTHING, 'main', format=format, expand=2))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1
    assert b"subgraph" in drawn.pop()


@pytest.mark.parametrize("format", TEXTS)
def test_every_node_is_shown(format: str) -> None:
    drawn = draw(EVERYTHING, "main", format=format)
    for name in EVERYTHING.flows["main"].nodes:
        assert re.search(rf"\b{name}\b", drawn)


@pytest.mark.parametrize("format", FORMATS)
def test_a_flow_that_is_not_there_is_named(format: str) -> None:
    with pytest.raises(UnknownFlowError, match=r"'mian'.*main"):
        draw(EVERYTHING, "mian", format=format)


def test_a_format_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(RequestError, match=r"'gif'.*svg, dot, mermaid, json, png"):
        draw(EVERYTHING, "main", format="gif")


@pytest.mark.parametrize(("format", "suffix"), [("svg", "svg"), ("mermaid", "mmd"), ("dot", "dot")])
def test_all_flows_are_drawn_into_a_folder_that_is_made_for_them(tmp_path: Path, format: str, suffix: str) -> None:
    written = draw_all(EVERYTHING, tmp_path / "a" / "b", format)
    assert written == [tmp_path / "a" / "b" / f"{name}.{suffix}" for name in ("main", "sub")]
    assert written[0].read_text("utf-8") == draw(EVERYTHING, "main", format=format)


@given(configuration=configurations(most_nodes=4), depth=st.integers(0, 2))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_any_flow_can_be_written_in_every_text_format(configuration: Configuration, depth: int) -> None:
    ET.fromstring(draw(configuration, "main", expand=depth))
    read_dot(draw(configuration, "main", format="dot", expand=depth))
    json.loads(draw(configuration, "main", format="json", expand=depth))
    assert draw(configuration, "main", format="mermaid", expand=depth).startswith("flowchart TD\n")


# --- SVG --------------------------------------------------------------------------------------------------------------


def test_every_edge_and_fallback_has_lines_from_its_sources_to_its_targets() -> None:
    shown = picture(EVERYTHING, "main")
    after: dict[str, set[str]] = {}
    for line in shown.lines:
        after.setdefault(line.source, set()).add(line.target)
    labels = {label.id for label in shown.labels}

    def leads(source: str, target: str) -> bool:
        reached = after.get(source, set())
        return target in reached or any(target in after[label] for label in reached & labels)

    flow = EVERYTHING.flows["main"]
    for edge in flow.edges:
        for source in edge.sources or ("",):
            for target in edge.targets:
                assert leads(f"node-{source}" if source else "start", f"node-{target}"), (source, target)
    for fallback in flow.fallbacks:
        for node in fallback.nodes:
            for target in [f"node-{name}" for name in fallback.targets] or [f"stop-{fallback.index}"]:
                assert leads(f"node-{node}", target)


def test_markup_in_texts_is_escaped_and_what_xml_cannot_say_is_replaced() -> None:
    svg = draw(nasty(), "f")
    root = ET.fromstring(svg)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        "svg", "title", "style", "rect", "g", "path", "text", "circle",
    }  # fmt: skip
    assert "<script>alert" in title(svg, "node-T")
    assert "\x00" not in svg
    svg.encode()


def test_a_condition_is_shortened_and_its_title_has_all_of_it() -> None:
    long = {"name": "argsFieldEqual", "args": {"key": "k", "value": "v" * 90}}
    svg = draw(made({"f": {"edges": [{"from": None, "to": "A", "condition": long}]}}), "f")
    assert max(map(len, shown_texts(svg))) <= 40
    assert "v" * 90 in title(svg, "edge-0")
    assert any(text.endswith("…") for text in shown_texts(svg))


def test_a_line_of_a_label_is_broken_where_its_words_end() -> None:
    condition = {"name": "fieldEqual", "args": {"key": "a_rather_long_key_to_look_at", "value": "value"}}
    edges = [{"from": None, "to": ["A", "B"]}, {"from": ["A", "B"], "to": "C", "condition": {"node": "A", **condition}}]
    svg = draw(made({"f": {"edges": edges}}), "f")
    assert {"A: fieldEqual(", "a_rather_long_key_to_look_at, value)"} <= shown_texts(svg)
    assert not [text for text in shown_texts(svg) if text.endswith("…")]


def test_loops_joins_repeats_and_stops_are_told() -> None:
    svg = draw(EVERYTHING, "main")
    assert {"for each of items()", "any of them", "2 times"} <= shown_texts(svg)
    assert "foreach" in element(svg, "edge-4").get("class").split()
    assert element(svg, "edge-2").find(f"{SVG}rect").get("class") == "bar"
    assert element(svg, "stop-2").find(f"{SVG}polygon") is not None
    assert element(svg, "fallback-0").get("class").split() == ["label", "fallback", "bare"]
    assert "nowait" in element(svg, "node-Last").get("class").split()


def test_a_sub_flow_has_a_double_border_and_a_task_has_not() -> None:
    svg = draw(EVERYTHING, "main")
    borders = {id: len(element(svg, id).findall(f"{SVG}rect")) for id in ("node-sub", "node-A")}
    assert borders == {"node-sub": 2, "node-A": 1}


def test_a_storage_stands_under_the_name_of_its_task() -> None:
    svg = draw(EVERYTHING, "main")
    assert [text.text for text in element(svg, "node-A").iter(f"{SVG}text")] == ["A", "Box"]


@pytest.mark.parametrize(
    ("expand", "frames"),
    [(0, set()), (1, {"node-sub"}), (5, {"node-sub"}), (["sub"], {"node-sub"}), (["main"], set()), ({"other"}, set())],
    ids=repr,
)
def test_sub_flows_are_unfolded_by_depth_or_by_name_and_never_within_themselves(expand, frames) -> None:
    boxes = picture(EVERYTHING, "main", expand).boxes
    assert {box.id for box in boxes if box.kind == "frame"} == frames
    assert {box.path: box.note for box in boxes if box.within} == (
        {"": "", "sub/S": "", "sub/main": "recursive"} if frames else {}
    )


def test_a_flow_that_goes_round_for_ever_has_no_end() -> None:
    edges = [{"from": None, "to": "A"}, {"from": "A", "to": "B"}, {"from": "B", "to": "A"}]
    assert "end" not in {box.kind for box in picture(made({"f": {"edges": edges}}), "f").boxes}


@pytest.mark.parametrize(
    ("nowait", "last"), [([], ["node-B"]), (["B"], ["node-A"]), (["A", "B"], ["start"])], ids=["waits", "one", "none"]
)
def test_the_end_comes_after_what_is_waited_for(nowait: list[str], last: list[str]) -> None:
    edges = [{"from": None, "to": "A"}, {"from": "A", "to": "B"}]
    if nowait == ["A", "B"]:
        edges = [{"from": None, "to": ["A", "B"]}]
    lines = picture(made({"f": {"edges": edges, "nowait": nowait}}), "f").lines
    assert [line.source for line in lines if line.target == "end"] == last


def test_states_colour_nodes_and_counts_stand_in_them() -> None:
    states = {
        "A": NodeState(state="running", counts={"succeeded": 1200, "running": 3}),
        "sub/S": NodeState(state="failed"),
    }
    svg = draw(EVERYTHING, "main", states=states, expand=1)
    assert "state-running" in element(svg, "node-A").get("class").split()
    assert "state-failed" in element(svg, "sub.node-S").get("class").split()
    assert {"1.2k", "3"} <= shown_texts(svg)
    assert title(svg, "node-A").endswith("running: 1200 succeeded, 3 running")


def test_a_picture_stays_in_place_while_a_run_goes_on() -> None:
    def places(states) -> list:
        document = json.loads(draw(EVERYTHING, "main", format="json", states=states))
        return [(box["id"], box["x"], box["y"]) for box in document["boxes"]]

    assert places({}) == places({"A": NodeState(state="failed", counts={"failed": 123456, "succeeded": 98765})})


def test_colours_are_variables_with_a_light_and_a_dark_value() -> None:
    svg = draw(EVERYTHING, "main")
    used = set(re.findall(r"var\((--af-[a-z-]+)\)", svg))
    light, dark = re.split(r"@media \(prefers-color-scheme:dark\)", svg)
    assert used
    for variable in used:
        assert f"{variable}:#" in light
        assert f"{variable}:#" in dark


def test_every_rule_is_held_to_the_drawing() -> None:
    css = ET.fromstring(draw(EVERYTHING, "main", style=Style.read({"flow": {"color": "red"}}))).findtext(f"{SVG}style")
    rules = [line for line in css.splitlines() if line and not line.startswith(("@media", ".asyncflow-drawing{"))]
    selectors = [selector for rule in rules for selector in rule.split("{")[0].split(",")]
    assert [each for each in selectors if not each.startswith(".asyncflow-drawing ")] == []


def test_nothing_is_fetched_from_a_network() -> None:
    svg = draw(EVERYTHING, "main").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|url\(|href|@import|<script|<image", svg)


# --- Styles -----------------------------------------------------------------------------------------------------------


def test_a_style_of_selinon_is_applied() -> None:
    style = Style.read(
        {
            "style": {
                "task": {"style": "filled", "color": "black", "fillcolor": "#66cfa7", "shape": "ellipse"},
                "edge": {"arrowType": "open", "color": "gray"},
                "fallback_edge": {"color": "#cc1010", "style": "dotted"},
                "graph": None,
            }
        }
    )
    svg, dot = draw(EVERYTHING, "main", style=style), read_dot(draw(EVERYTHING, "main", format="dot", style=style))
    assert ".task>.border{stroke:black;fill:#66cfa7}" in svg
    assert ".line.edge>.stroke{stroke:gray}" in svg
    assert "stroke-dasharray:2 3" in svg
    rectangle = element(svg, "node-B").find(f"{SVG}rect")
    assert float(rectangle.get("rx")) > 15
    assert {"fillcolor": "#66cfa7", "shape": "ellipse", "color": "black"}.items() <= dot.nodes["node-B"].items()
    assert ("edge", {"fontname": "Helvetica", "color": "gray", "arrowType": "open"}) in dot.defaults


@pytest.mark.parametrize("value", ["red}</style><script>", "url(http://x)", "red;background:blue", "expression(1)/**/"])
def test_a_style_cannot_break_out_of_its_rule(value: str) -> None:
    assert value not in draw(EVERYTHING, "main", style=Style.read({"task": {"fillcolor": value}}))


@pytest.mark.parametrize(
    ("style", "message"),
    [({"tusk": {}}, "'tusk'.*task"), ({"task": "red"}, "'task' must be a table"), (["task"], "a style is a table")],
    ids=["unknown key", "no table", "a list"],
)
def test_a_style_that_makes_no_sense_is_refused(style, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Style.read(style)


# --- DOT, Mermaid, JSON, PNG ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expand", [0, 1])
def test_dot_has_every_part_and_its_edges_lead_to_what_there_is(expand: int) -> None:
    graph = read_dot(draw(EVERYTHING, "main", format="dot", expand=expand))
    shown = picture(EVERYTHING, "main", expand)
    expected = {box.id for box in shown.boxes if box.kind != "frame"} | {label.id for label in shown.labels}
    assert set(graph.nodes) == expected | {"storage Box"}
    assert graph.clusters == [f"cluster {box.id}" for box in shown.boxes if box.kind == "frame"]
    assert len(graph.edges) == len(shown.lines) + 1
    for tail, head, attributes in graph.edges:
        assert {tail, head} <= set(graph.nodes)
        assert {attributes.get("ltail"), attributes.get("lhead")} - {None} <= set(graph.clusters)


def test_dot_keeps_what_it_quotes() -> None:
    graph = read_dot(draw(nasty(), "f", format="dot"))
    assert NASTY.replace("\ud800", "\ufffd") in graph.nodes["node-T"]["tooltip"].replace("\ud800", "\ufffd")


def test_mermaid_declares_what_it_links_and_takes_texts_for_texts() -> None:
    lines = draw(EVERYTHING, "main", format="mermaid", expand=1).splitlines()
    declared = {found[1] for line in lines if (found := re.match(r"\s*(?:subgraph )?(n\d+)[(\[]", line))}
    links = [found for line in lines if (found := re.fullmatch(r"\s*(n\d+) (?:-->|---|-\.->|-\.-) (n\d+)", line))]
    assert len(links) == len(picture(EVERYTHING, "main", 1).lines) + 1
    assert {end for link in links for end in link.groups()} <= declared
    styled = [int(number) for line in lines if "linkStyle" in line for number in line.split()[1].split(",")]
    assert max(styled) < len(links)
    texts = re.findall(r'"([^"]*)"', draw(nasty(), "f", format="mermaid"))
    assert [text for text in texts if re.search(r"[<>&\[\]{}|\\`]", text.replace("<br/>", ""))] == []


def test_json_has_the_places_of_the_picture() -> None:
    document = json.loads(draw(EVERYTHING, "main", format="json", states={"A": NodeState(state="failed")}))
    shown = picture(EVERYTHING, "main", counted=True)
    assert [(box["id"], box["x"]) for box in document["boxes"]] == [(box.id, round(box.x, 1)) for box in shown.boxes]
    assert len(document["lines"]) == len(shown.lines)
    assert [box["state"] for box in document["boxes"] if "state" in box] == ["failed"]


def test_png_is_twice_the_size_of_the_picture() -> None:
    pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    image = draw(read(DINNER), "dinner", format="png")
    shown = picture(read(DINNER), "dinner")
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(image[start : start + 4], "big") for start in (16, 20))
    assert (width, height) == pytest.approx((2 * shown.width, 2 * shown.height), abs=2)


def test_png_has_words_whatever_fonts_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    written = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text y="15" font-family="{}">{}</text></svg>'
    )
    blank, word = (png_writer.png_of(written.format(stylesheet.FONT, text)) for text in ("", "word"))
    assert word != blank
    monkeypatch.setattr(png_writer, "_SANS_SERIFS", ("No Such Font",))
    with pytest.raises(RequestError, match="PNG needs a font, and none of No Such Font is installed"):
        png_writer.png_of("<svg/>")


def test_png_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(RequestError, match=r"pip install 'asyncflow-dispatcher\[png\]'"):
        png_writer.png_of("<svg/>")
