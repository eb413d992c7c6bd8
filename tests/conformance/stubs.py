"""What stands for a case's custom conditions, foreach functions and selective run functions: a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

MODULE = "conformance"

Key = tuple[str, str, int]
"""Kind, flow, edge."""


def condition_name(flow: str, edge: int) -> str:
    return f"condition_{flow}_{edge}"


def foreach_name(flow: str, edge: int) -> str:
    return f"foreach_{flow}_{edge}"


def reuse_name(task: str) -> str:
    return f"reuse_{task}"


class Stubs:
    """Answers with the evaluations recorded for the current step, in order; the last one is repeated."""

    def __init__(self, flows: Mapping[str, Mapping[str, Any]], reused: Mapping[str, str]) -> None:
        self._recorded: dict[Key, list[Any]] = {}
        self.surprises: list[str] = []
        """Calls in the current step that the record does not have."""
        self.functions: dict[str, Callable[..., Any]] = {}
        for flow, definition in flows.items():
            for index in range(len(definition["edges"])):
                self._add(condition_name(flow, index), self._replay(("condition", flow, index)))
                self._add(foreach_name(flow, index), self._replay(("foreach", flow, index)))
        for task, id in reused.items():
            self._add(reuse_name(task), lambda *_, id=id: id)

    def begin(self, evaluations: Iterable[Mapping[str, Any]]) -> None:
        """A step begins, with what was recorded for it."""
        self.surprises.clear()
        self._recorded = {}
        for entry in evaluations:
            self._recorded.setdefault((entry["kind"], entry["flow"], entry["edge"]), []).append(entry["result"])

    def _add(self, name: str, function: Callable[..., Any]) -> None:
        self.functions[f"{MODULE}.{name}"] = function

    def _replay(self, key: Key) -> Callable[..., Any]:
        def replay(*args: Any) -> Any:  # a foreach function is called with two arguments, a condition with none
            results = self._recorded.get(key)
            if not results:
                self.surprises.append("{} of flow {}, edge {}".format(*key))
                raise LookupError(f"nothing is recorded for {self.surprises[-1]} in this step")
            return results.pop(0) if len(results) > 1 else results[0]

        return replay
