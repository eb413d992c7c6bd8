"""Finding files, telling them apart, and reading them together; configurations made in Python."""

import math
from pathlib import Path

import pytest

from asyncflow.config import check, load, load_mapping
from asyncflow.errors import ConfigurationError
from asyncflow.predicates import BUILT_INS
from tests.config.reading import codes

NODES = "tasks: [{name: A, import: m}]\nflows: [f, g]\n"
F = "flow-definitions: [{name: f, edges: [{from: , to: A}]}]\n"
G = "flow-definitions: [{name: g, edges: [{from: , to: [A, f]}]}]\n"


def checked(*paths: Path | str):
    return check(paths, builtins=BUILT_INS, environ={})


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        file = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_yml", ".yml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


def test_a_folder_is_read_with_everything_in_it_and_hidden_files_are_not(tmp_path: Path) -> None:
    write(tmp_path, nodes_yaml=NODES, flows__f_yml=F, flows__more__g_yaml=G)
    write(tmp_path, **{".hidden_yaml": "nonsense: [", ".git__x_yaml": "nonsense: [", "notes.txt": "nonsense: ["})
    loaded = load([tmp_path], builtins=BUILT_INS, environ={})
    assert sorted(loaded.configuration.flows) == ["f", "g"]
    assert sorted(Path(name).name for name in loaded.sources) == ["f.yml", "g.yaml", "nodes.yaml"]


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, nodes_yaml=NODES, f_yaml=F, g_yaml=G)
    names = ["g.yaml", "nodes.yaml", "f.yaml"]
    assert codes(checked(*(tmp_path / name for name in names))) == []
    assert codes(checked(*(str(tmp_path / name) for name in reversed(names)))) == []


def test_several_nodes_files_are_put_together(tmp_path: Path) -> None:
    more = "tasks: [{name: B, import: m}]\nflows: [h]\n"
    own = "flow-definitions: [{name: h, edges: [{from: , to: B}]}]\n"
    write(tmp_path, nodes_yaml=NODES, more_yaml=more, f_yaml=F, g_yaml=G + own.replace("flow-definitions", "x-none"))
    write(tmp_path, h_yaml=own)
    assert codes(checked(tmp_path)) == []


def test_a_file_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, all_yaml=NODES + "\n" + F.replace("]}]\n", "]}, {name: g, edges: [{from: , to: A}]}]\n"))
    result = checked(tmp_path / "all.yaml", tmp_path, tmp_path / "." / "all.yaml")
    assert codes(result) == []
    assert len(result.sources) == 1


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_bytes(b"\xef\xbb\xbf" + (NODES.replace(", g", "") + F).encode())
    assert codes(checked(tmp_path)) == []


def test_what_cannot_be_read_is_reported_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.yaml").write_bytes("# für\n".encode("latin-1"))
    result = checked(tmp_path / "empty", tmp_path / "latin.yaml", tmp_path / "missing.yaml")
    assert codes(result) == ["F110", "F102", "F101"]
    assert [problem.message for problem in result.problems] == [
        f"the folder {tmp_path}/empty holds no YAML file",
        f"{tmp_path}/latin.yaml is not UTF-8: byte 3 is 0xfc",
        f"{tmp_path}/missing.yaml cannot be read: no such file or directory",
    ]


def test_names_are_not_called_unknown_while_a_file_could_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, nodes_yaml=NODES + "tasks: [", f_yaml=F + "x: 1\n", g_yaml=G)
    assert codes(checked(tmp_path)) == ["F115", "F103"]


def test_problems_of_all_files_come_in_one_pass_by_file_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml=G.replace("[A, f]", "[AA, f]") + "other: 1\n",
        b_yaml=F.replace("name: f", "nam: f"),
        c_yaml=NODES.replace("import: m", "imprt: m").replace("f, g", "g"),
    )
    with pytest.raises(ConfigurationError) as raised:
        load([tmp_path], builtins=BUILT_INS, environ={})
    found = [(Path(p.place.file).name, p.place.line, p.place.column) for p in raised.value.problems]
    assert found == sorted(found)
    assert [problem.code for problem in raised.value.problems] == ["F304", "F304", "F115", "F201", "F201"]
    assert set(raised.value.sources) == {str(tmp_path / f"{name}.yaml") for name in "abc"}


def test_each_file_may_add_to_global(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=NODES + F + "global: {trace: true}\n", b_yaml=G + "global: {default_task_queue: q}\n")
    configuration = checked(tmp_path).loaded.configuration
    assert [trace.kind for trace in configuration.traces] == ["logging"]
    assert {task.queue for task in configuration.tasks.values()} == {"q"}


def test_a_mistake_in_a_second_global_is_told_where_it_stands(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=NODES + F + "global: {trace: true}\n", b_yaml=G + "global: {default_task_queue: 5}\n")
    (problem,) = checked(tmp_path).problems
    assert (problem.code, Path(problem.place.file).name) == ("F203", "b.yaml")


def test_a_key_of_global_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=NODES + F + "global: {trace: true}\n", b_yaml=G + "global: {trace: false}\n")
    (problem,) = checked(tmp_path).problems
    assert (problem.code, Path(problem.place.file).name) == ("F223", "b.yaml")
    assert Path(problem.related[0][0].file).name == "a.yaml"


def test_without_a_list_of_flows_every_definition_counts(tmp_path: Path) -> None:
    write(tmp_path, all_yaml=NODES.replace("flows: [f, g]\n", "") + F)
    assert codes(checked(tmp_path)) == []


def test_a_configuration_made_in_python_is_read_like_a_file() -> None:
    nodes = {"tasks": [{"name": "A", "import": "m"}], "flows": ("f",)}
    flows = {"flow-definitions": [{"name": "f", "edges": [{"from": None, "to": "A"}], "nowait": {"A"}}]}
    configuration = load_mapping([nodes, flows], builtins=BUILT_INS, environ={}).configuration
    assert configuration.flows["f"].nowait == {"A"}
    assert load_mapping({**nodes, **flows}, builtins=BUILT_INS, environ={}).configuration.flows == configuration.flows


def test_text_of_a_mapping_is_kept_to_the_letter() -> None:
    odd = "12:30:45 no \x00\x1f\x7f\x85\xa0\u2028\u2029\ufffe\uffff\\ / \"quoted\" 'é' \ud83d\ude00".encode(
        "utf-16", "surrogatepass"
    )
    text = odd.decode("utf-16") + " 😀 \ufeff"
    flow = {
        "name": "f",
        "edges": [
            {"from": [], "to": ["A"]},
            {"from": ["A"], "to": ["A"], "condition": {"name": "fieldEqual", "args": {"key": "k", "value": text}}},
        ],
    }
    mapping = {"tasks": [{"name": "A", "import": "m"}], "flow-definitions": [flow]}
    edge = load_mapping(mapping, builtins=BUILT_INS, environ={}).configuration.flows["f"].edges[1]
    assert edge.condition.args["value"] == text


def test_mistakes_in_a_mapping_have_places_in_its_text() -> None:
    mapping = {"tasks": [{"name": "A", "import": "m", "queu": "q"}], "flow-definitions": []}
    with pytest.raises(ConfigurationError) as raised:
        load_mapping(mapping, builtins=BUILT_INS, environ={})
    (problem,) = raised.value.problems
    shown = raised.value.sources["<mapping>"].splitlines()[problem.place.line - 1]
    assert (problem.code, shown.strip()) == ("F201", '"queu": "q"')


@pytest.mark.parametrize("value", [object(), math, b"bytes", 2**70])
def test_what_json_cannot_say_is_refused_in_a_mapping(value: object) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_mapping({"tasks": [{"name": "A", "import": value}]}, builtins=BUILT_INS, environ={})
    assert [problem.code for problem in raised.value.problems] == ["F116"]
