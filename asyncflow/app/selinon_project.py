"""A project that was written for Selinon: its YAML, what its Python uses of Selinon, and what must change there."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncflow_selinon
from asyncflow.config.selinon import Difference, is_selinons
from asyncflow.errors import Place
from asyncflow_selinon.aliases import ALIASES
from asyncflow_selinon.gone import Gone

_SKIPPED = frozenset({"site-packages", "node_modules", "__pycache__", "venv", "env", "build", "dist"})
_CONFIG_GONE = {
    "set_config_py": "there is no generated code: give the YAML files, as Config.set_config_yaml(nodes, [flows])",
    "trace_by_sentry": "Sentry is set up in the YAML, as `global: {trace: {sentry: {dsn: ...}}}`",
}
_STARTS = frozenset({"run_flow", "run_flow_selective"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SelinonProject:
    """`to_change` are errors once `import selinon` means asyncflow; `apps` name Celery apps as `celery -A` does."""

    yaml: dict[str, str]
    modules: tuple[str, ...]
    """Python files that import Selinon."""
    to_change: tuple[Difference, ...]
    starts: tuple[Difference, ...]
    apps: tuple[str, ...]


def read_selinon_project(paths: Sequence[Path]) -> SelinonProject:
    """Of folders and files. Nothing is imported or run; what cannot be read is passed over."""
    files = sorted({file for path in paths for file in _files(path)})
    texts = {str(file): text for file in files if (text := _text(file)) is not None}
    yaml = {name: text for name, text in texts.items() if not name.endswith(".py") and is_selinons(text)}
    codes = [_Code(name, tree) for name, text in texts.items() if name.endswith(".py") and (tree := _parsed(text))]
    users = [code for code in codes if code.uses_selinon]
    return SelinonProject(
        yaml=yaml,
        modules=tuple(code.file for code in users),
        to_change=tuple(change for code in users for change in code.to_change()),
        starts=tuple(start for code in users for start in code.starts()),
        apps=tuple(dict.fromkeys(app for code in users for app in code.apps())),
    )


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in path.rglob("*"):
        inside = file.relative_to(path).parts
        if file.suffix not in (".yaml", ".yml", ".py") or _SKIPPED.intersection(inside) or not file.is_file():
            continue
        if not any(part.startswith(".") for part in inside):
            yield file


def _text(file: Path) -> str | None:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


class _Code:
    """One Python file, by what it imports of Selinon."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self.file = file
        self._tree = tree
        self._names: dict[str, str] = {}
        """What a name of this file is in Selinon: `Config`, or a module, `selinon.trace`."""
        self._imports: list[tuple[ast.AST, str, str]] = []
        """Where, the module, and the name in it, if one is imported."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and _is_selinon(node.module or "") and not node.level:
                for one in node.names:
                    self._imports.append((node, node.module or "", one.name))
                    self._names[one.asname or one.name] = one.name
            elif isinstance(node, ast.Import):
                for one in filter(lambda one: _is_selinon(one.name), node.names):
                    self._imports.append((node, one.name, ""))
                    self._names[one.asname or "selinon"] = one.name if one.asname else "selinon"

    @property
    def uses_selinon(self) -> bool:
        return bool(self._imports)

    def to_change(self) -> Iterator[Difference]:
        for node, module, name in self._imports:
            if (told := _why_not(module, name)) is not None:
                yield self._at(node, told)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and (told := self._why_not_used(node)) is not None:
                yield self._at(node, told)

    def starts(self) -> Iterator[Difference]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and (name := self._selinons(node.func)) in _STARTS:
                yield self._at(node, f"{name} starts flows")

    def apps(self) -> Iterator[str]:
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "set_celery_app" and self._selinons(node.func.value) == "Config":
                yield Path(self.file).stem

    def _why_not_used(self, node: ast.Attribute) -> str | None:
        owner = self._selinons(node.value)
        if owner in ("Config", "Trace") and node.attr in _CONFIG_GONE:
            return f"{owner}.{node.attr}: {_CONFIG_GONE[node.attr]}"
        if owner is not None and _is_selinon(owner) and f"{owner}.{node.attr}" not in ALIASES:
            return _why_not(owner, node.attr)
        return None

    def _selinons(self, node: ast.expr) -> str | None:
        """What of Selinon an expression names: `run_flow` for `selinon.run_flow`."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._selinons(node.value)
            if owner is not None and _is_selinon(owner):
                return f"{owner}.{node.attr}" if f"{owner}.{node.attr}" in ALIASES else node.attr
        return None

    def _at(self, node: ast.AST, told: str) -> Difference:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        return Difference(
            place=Place(file=self.file, line=line, column=column, end_line=line, end_column=column + 1), told=told
        )


def _is_selinon(module: str) -> bool:
    return module.partition(".")[0] == "selinon"


def _why_not(module: str, name: str) -> str | None:
    """Why a name of Selinon cannot be had; None where it can, or where nothing in particular is imported."""
    if module not in ALIASES:
        return f"asyncflow has no module {module}"
    if f"{module}.{name}" in ALIASES or name in ("", "*"):
        return None
    there = asyncflow_selinon if module == "selinon" else importlib.import_module(ALIASES[module])
    found = getattr(there, name, None)
    if isinstance(found, Gone):
        return found.refusal
    return None if found is not None else f"asyncflow has no {module}.{name}"
