"""{NAME} in a storage's configuration stands for an environment variable; {{ and }} stand for braces."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

from asyncflow.errors import ConfigurationError, Problem
from asyncflow.model.names import Json


def expand(value: Json, environ: Mapping[str, str], what: str) -> Json:
    """The value with every text in it expanded. Raises ConfigurationError; `what` says where it stands."""
    match value:
        case str():
            return _expand_text(value, environ, what)
        case list():
            return [expand(item, environ, what) for item in value]
        case Mapping():
            return {key: expand(item, environ, f"{what}, `{key}`") for key, item in value.items()}
        case _:
            return value


def _expand_text(text: str, environ: Mapping[str, str], what: str) -> str:
    if "{" not in text and "}" not in text:
        return text
    try:
        parts = list(Formatter().parse(text))
    except ValueError as exc:
        raise _refused("F208", f"{what} has a stray brace: {exc}", "write {{ and }} for braces") from exc
    made = ""
    for literal, name, spec, conversion in parts:
        made += literal
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise _refused("F208", f"{what}: `{{{name}}}` is no environment variable", "write {{ and }} for braces")
        if name not in environ:
            hint = f"set {name}, or write {{{{ and }}}} for braces"
            raise _refused("F207", f"{what}: the environment variable `{name}` is not set", hint)
        made += environ[name]
    return made


def _refused(code: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(code=code, message=message, hint=hint)])
