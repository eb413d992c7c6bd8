"""Files and functions stay small enough to be read at once."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("asyncflow", "compat") for path in (ROOT / folder).rglob("*.py"))

MAX_LINES_OF_FILE = 400
MAX_LINES_OF_FUNCTION = 40
MAX_PARAMETERS = 5

# Functions that are tables: long, and no harder to read for it. "asyncflow/config/keys.py:task_keys"
TABLES: frozenset[str] = frozenset()

# Functions that mirror a foreign signature. "compat/asyncflow_celery/worker.py:FlowTask.__init__"
FOREIGN_SIGNATURES: frozenset[str] = frozenset(
    {
        "asyncflow/client.py:Client.list",
        "asyncflow/client.py:Client.start",  # a keyword for each thing that a start can say
    }
)

FOREIGN_NAMES = {
    "compat/asyncflow_selinon/data_storage.py",  # users import selinon.data_storage
}

WORDS_THAT_SAY_NOTHING = {"base", "data", "helper", "helpers", "impl", "info", "manager", "process", "util", "utils"}

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[tuple[str, Function]]:
    """Every function with its dotted name, those inside classes and functions too."""

    def walk(parent: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, Function):
                yield prefix + node.name, node
            inner = f"{prefix}{node.name}." if isinstance(node, Function | ast.ClassDef) else prefix
            yield from walk(node, inner)

    return walk(ast.parse(source), "")


def long_functions(source: str) -> list[str]:
    """The functions with too many lines of code; blank lines, comments and docstrings do not count."""
    code = code_lines(source)
    return [
        name
        for name, function in functions(source)
        if len(code.intersection(range(function.lineno, (function.end_lineno or 0) + 1))) > MAX_LINES_OF_FUNCTION
    ]


def code_lines(source: str) -> set[int]:
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    for _, function in functions(source):
        first = function.body[0]
        if ast.get_docstring(function, clean=False) is not None:
            code.difference_update(range(first.lineno, (first.end_lineno or 0) + 1))
    return code


def greedy_functions(source: str) -> list[str]:
    """The functions with too many parameters, `self` and `cls` aside."""
    return [name for name, function in functions(source) if count_parameters(function) > MAX_PARAMETERS]


def count_parameters(function: Function) -> int:
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    bound = bool(plain) and plain[0].arg in {"self", "cls"}
    variadic = [one for one in (arguments.vararg, arguments.kwarg) if one]
    return len(plain) - bound + len(arguments.kwonlyargs) + len(variadic)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def found_in_sources(search) -> set[str]:
    return {f"{place(path)}:{name}" for path in SOURCES for name in search(path.read_text("utf-8"))}


def test_no_file_is_long() -> None:
    lengths = {place(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES_OF_FILE} == {}


def test_only_the_listed_tables_are_long_functions() -> None:
    assert found_in_sources(long_functions) == TABLES


def test_only_the_listed_foreign_signatures_take_many_parameters() -> None:
    assert found_in_sources(greedy_functions) == FOREIGN_SIGNATURES


def test_no_file_bears_a_name_that_says_nothing() -> None:
    silent = {place(path) for path in SOURCES if WORDS_THAT_SAY_NOTHING.intersection(path.stem.split("_"))}
    assert silent == FOREIGN_NAMES


def test_there_are_files_to_look_at() -> None:
    assert ROOT / "asyncflow" / "errors.py" in SOURCES


def body(lines: int) -> str:
    return "".join(f"        x{number} = 1\n" for number in range(lines))


@pytest.mark.parametrize(
    ("source", "long"),
    [
        ("class C:\n    async def f(self):\n" + body(39), []),
        ("class C:\n    async def f(self):\n" + body(40), ["C.f"]),
        ("class C:\n    def f(self):\n        '''Say.\n\n        More.'''\n\n        # Why.\n" + body(39), []),
        ("class C:\n    def f(self):\n        return '''\n" + "\n" * 39 + "'''\n", ["C.f"]),
        ("if True:\n    def f():\n        def inner():\n            pass\n" + body(39), ["f"]),
    ],
    ids=["forty lines", "forty-one lines", "docstring and comment", "a long text", "with an inner function"],
)
def test_lines_of_code_are_counted(source: str, long: list[str]) -> None:
    assert long_functions(source) == long


@pytest.mark.parametrize(
    ("source", "greedy"),
    [
        ("class C:\n    def f(self, a, /, b, c, *, d, e): ...", []),
        ("class C:\n    def f(self, a, /, b, c, *, d, e, g): ...", ["C.f"]),
        ("def f(a, b, c, d, e, g): ...", ["f"]),
        ("def f(a, b, c, d, *e, **g): ...", ["f"]),
    ],
    ids=["five and self", "six and self", "six", "variadic"],
)
def test_parameters_are_counted(source: str, greedy: list[str]) -> None:
    assert greedy_functions(source) == greedy
