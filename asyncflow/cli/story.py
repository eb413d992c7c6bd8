"""The whole story of a run: what became of its edges and fallbacks, and of its nodes one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from asyncflow.cli.words import duration, of_whereabouts, one_line, printable
from asyncflow.model.history import seconds_between
from asyncflow.model.names import Json

MOST_VERDICTS = 20
_LONGEST_VALUE = 200


def tell_verdicts(report: Mapping[str, Json], console: Console, *, everything: bool) -> None:
    """Why edges and fallbacks did not start anything, those of sub-flows too."""
    told = list(_verdicts(report, ""))
    if not told:
        return
    console.print("\nnot taken:")
    for line in told if everything else told[:MOST_VERDICTS]:
        console.print(line, soft_wrap=True)
    if len(told) > MOST_VERDICTS and not everything:
        console.print(f"  and {len(told) - MOST_VERDICTS:,} more; -v shows them", style="dim")


def tell_nodes(report: Mapping[str, Json], console: Console) -> None:
    """Every node with its arguments, attempts, result and error."""
    for path, node in _nodes(report["nodes"], ""):
        console.print(Text.assemble("\n", (path, "bold"), f"  {node['state']}", (f"  {node['id']}", "dim")))
        for line in _lines_of(node):
            console.print(line, soft_wrap=True)


def _verdicts(report: Mapping[str, Json], within: str) -> Iterator[Text]:
    for edge in report.get("edges", ()):
        way = f"{', '.join(edge['sources']) or 'start'} → {', '.join(edge['targets'])}"
        if edge["not_fired"]:
            times = f" {edge['not_fired']:,} times, last" if edge["not_fired"] > 1 else ""
            yield _verdict(f"{within}{way}", f"did not fire{times}: {edge['why']} was false", edge["read"])
        if edge["omitted"]:
            yield _verdict(f"{within}{way}", "was left out: the run is selective", "")
    for fallback in report.get("fallbacks", ()):
        if fallback["why"] and not fallback["started"]:
            which = f"{within}fallback {fallback['index']}"
            yield _verdict(which, f"did not start: {fallback['why']} was false", fallback["read"])
    for node in report["nodes"]:
        if node["kind"] == "flow":
            yield from _verdicts(node, f"{within}{one_line(node['name'])}/")


def _verdict(what: str, said: str, read: str) -> Text:
    line = Text.assemble("  ", (one_line(what), "bold"), f" {one_line(said)}")
    return line.append(f"; {one_line(read)}", "yellow") if read else line


def _nodes(nodes: Sequence[Mapping[str, Json]], within: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for node in nodes:
        path = f"{within}{one_line(node['name'])}"
        yield path, node
        yield from _nodes(node.get("nodes", ()), f"{path}/")


def _lines_of(node: Mapping[str, Json]) -> Iterator[Text]:
    took = seconds_between(node["started_at"], node["ended_at"])
    yield _member("started", f"{node['started_at']}{'' if took is None else f', took {duration(took)}'}")
    if node["parent"]:
        yield _member("after", short_json(node["parent"]))
    if node["own_args"]:
        yield _member("node args", short_json(node["node_args"]))
    for one in node["tries"]:
        where = _where(one)
        said = f"failed {one['ended_at']}{f' ({where})' if where else ''}: {_error(one['error'])}"
        yield _member(f"attempt {one['attempt']}", said, "yellow")
    if where := _where(node):
        yield _member("where", where)
    if node["kind"] == "task" and node["state"] in ("succeeded", "reused"):
        yield _member("result", short_json(node["result"]))
    if node["error"] is not None and node["state"] != "retrying":
        yield _member("error", _error(node["error"]), "red")
        for line in node["error"]["traceback"].splitlines():
            yield Text(f"    {printable(line)}", "dim")


def _where(attempt: Mapping[str, Json]) -> str:
    """What is known of: queued 0.31 s, ran 2.10 s, worker celery@ada, queue dough."""
    said = [of_whereabouts(attempt.get("worker"), attempt.get("queue"))]
    since = attempt.get("running_since")
    if since is not None:
        ran = seconds_between(since, attempt["ended_at"])
        queued = max(0.0, seconds_between(attempt["due"], since) or 0.0)
        said = [f"queued {duration(queued)}", "" if ran is None else f"ran {duration(ran)}", *said]
    return ", ".join(part for part in said if part)


def _member(name: str, said: str, style: str = "") -> Text:
    return Text.assemble((f"  {name}: ", "dim"), (said, style))


def _error(error: Mapping[str, Json]) -> str:
    return one_line(f"{error['type']}: {error['message']}")


def short_json(value: Json) -> str:
    text = one_line(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
