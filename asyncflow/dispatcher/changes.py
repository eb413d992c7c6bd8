"""What it means for open runs that flows were defined anew, or are gone: said once, when a process begins to serve."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from asyncflow.model.flow import Flow
from asyncflow.model.names import FlowName
from asyncflow.model.outline import Outline, Way, moves_between, outline_of
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Store

_log = logging.getLogger("asyncflow.changes")

_MOST_NAMED = 5


async def tell_changes(store: Store, flows: Mapping[FlowName, Flow]) -> None:
    """Warn of flows with open runs. To be called before these definitions are kept as served. Raises StoreError."""
    for name, count in sorted((await store.open_flows()).items()):
        flow = flows.get(name)
        runs = f"{count} open run{'' if count == 1 else 's'} ({await _named(store, name, count)})"
        if flow is None:
            _log.error(
                "flow gone: %s is not configured; its %s moves no further. Configure it again and restart, or cancel",
                name,
                runs,
            )
            continue
        kept = await store.outlines(name)
        if kept and kept[-1].version != flow.version:
            changes = "; ".join(_changes(kept[-1], outline_of(flow)))
            what = f": {changes}" if changes else ", with the same edges"
            _log.warning("flow changed: %s, whose %s goes on by the new definition%s", name, runs, what)


async def _named(store: Store, flow: FlowName, count: int) -> str:
    """The latest of its open runs, child runs too."""
    is_open = (Status.RUNNING, Status.PAUSED)
    latest = await store.headers(RunFilter(flow=flow, statuses=is_open, children=True, limit=_MOST_NAMED))
    return ", ".join(header.run_id for header in latest) + (", ..." if count > len(latest) else "")


def _changes(old: Outline, new: Outline) -> Iterator[str]:
    for what, before, now in (("edge", old.edges, new.edges), ("fallback", old.fallbacks, new.fallbacks)):
        yield from _said(f"gone {what}", _lost(before, now))
        yield from _said(f"new {what}", _lost(now, before))


def _lost(old: Sequence[Way], new: Sequence[Way]) -> list[Way]:
    return [old[index] for index, now in moves_between(old, new).items() if now is None]


def _said(what: str, ways: Sequence[Way]) -> Iterator[str]:
    if ways:
        yield f"{what}{'' if len(ways) == 1 else 's'} {', '.join(f'[{way}]' for way in ways)}"
