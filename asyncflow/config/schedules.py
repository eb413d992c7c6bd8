"""Schedules: when runs of flows are started by the clock. Ticks of `cron` are reckoned by cronsim, in the time zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import fastjsonschema
from cronsim import CronSim, CronSimError

from asyncflow.config.fields import Fields, read_fields
from asyncflow.config.report import did_you_mean
from asyncflow.config.scope import Scope
from asyncflow.config.sections import SCHEDULE
from asyncflow.config.tree import Table
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import Flow
from asyncflow.model.names import FlowName
from asyncflow.model.schedule import CatchUp, Schedule, ticks_every

_SHORTEST = 1.0


def read_schedule(table: Table, flows: Mapping[FlowName, Flow], scope: Scope) -> Schedule | None:
    """The schedule; None when it is wrong, which is reported."""
    before = len(scope.report.problems)
    fields = read_fields(SCHEDULE, table, scope.report)
    name, flow = fields.get("name"), fields.get("flow")
    if name is not None and scope.schedules.get(name) != fields.place("name"):
        return None  # a second one of that name: reported already
    if flow is not None and flow not in scope.flows:
        hint = did_you_mean(flow, scope.flows) or "define it under `flow-definitions`"
        scope.report.add("F801", f"no flow is named `{flow}`", fields.place("flow"), label="unknown flow", hint=hint)
    zone = _zone(fields, scope)
    next_tick = _next_tick(fields, zone, scope)
    if flow in flows:
        _check_node_args(fields, flows[FlowName(flow)], scope)
    if scope.report.has_errors_since(before) or name is None or flow is None or next_tick is None:
        return None
    return Schedule(
        name=name,
        flow=FlowName(flow),
        cron=fields.get("cron", ""),
        every=seconds_of(fields.get("every")),
        timezone=fields.get("timezone", "UTC"),
        node_args=fields.get("node_args"),
        labels=dict(fields.get("labels") or {}),
        catch_up=CatchUp(fields.get("catch_up", "last")),
        limit=fields.get("catch_up_limit", 100),
        enabled=fields.get("enabled", True),
        next_tick=next_tick,
    )


def _zone(fields: Fields, scope: Scope) -> tzinfo:
    name = fields.get("timezone", "UTC")
    if name == "UTC":
        return UTC  # also where the machine has no time zones at all
    if "every" in fields:
        message = "`timezone` says nothing about `every`, which counts from 1970 in UTC"
        scope.report.add("F804", message, fields.key_place("timezone"), hint="remove it, or use `cron`")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # KeyError: ZoneInfoNotFoundError
        hint = "write it as in Europe/Prague; the machine needs its tzdata package, or `pip install tzdata`"
        message = f"no time zone is named `{name}`"
        scope.report.add("F803", message, fields.place("timezone"), label="unknown time zone", hint=hint)
        return UTC


def _next_tick(fields: Fields, zone: tzinfo, scope: Scope) -> Callable[[float], float | None] | None:
    if ("cron" in fields.table) == ("every" in fields.table):
        both = "both `cron` and `every`" if "cron" in fields.table else "neither `cron` nor `every`"
        hint = '`cron: "0 6 * * 1-5"` for times of the day, `every: 10m` for intervals'
        scope.report.add("F804", f"the schedule has {both}", fields.place("name"), hint=hint)
        return None
    if "every" in fields:
        seconds = seconds_of(fields.get("every")) or 0.0
        if seconds < _SHORTEST:
            scope.report.add("F203", "`every` must be 1 second or more", fields.place("every"))
            return None
        return ticks_every(seconds)
    return _ticks_of_cron(fields, zone, scope) if "cron" in fields else None


def _ticks_of_cron(fields: Fields, zone: tzinfo, scope: Scope) -> Callable[[float], float | None] | None:
    expression, why = fields.get("cron"), ""
    next_tick = ticks_of_cron(expression, zone)
    try:
        if len(expression.split()) != 5:
            why = f"it has {len(expression.split())} fields, not 5"
        elif next_tick(datetime.now(UTC).timestamp()) is None:
            why = "it never comes"
    except CronSimError as exc:
        why = str(exc).lower()
    if why:
        hint = "five fields: minute, hour, day of month, month, day of week; write it in quotes"
        scope.report.add("F802", f"`{expression}` is no cron expression: {why}", fields.place("cron"), hint=hint)
        return None
    return next_tick


def ticks_of_cron(expression: str, zone: tzinfo) -> Callable[[float], float | None]:
    """The first tick after a moment, in seconds since the epoch; None when there is none any more."""

    def next_tick(after: float) -> float | None:
        # Where clocks go back, cronsim begins with a time that was: what is not after the moment is passed over.
        for tick in CronSim(expression, datetime.fromtimestamp(after, zone)):
            if tick.timestamp() > after:
                return tick.timestamp()
        return None

    return next_tick


def _check_node_args(fields: Fields, flow: Flow, scope: Scope) -> None:
    if flow.node_args_schema is None:
        return
    try:
        fastjsonschema.compile(flow.node_args_schema)(fields.get("node_args"))
    except fastjsonschema.JsonSchemaValueException as exc:
        what = str(exc.message).replace("data", "node_args", 1)
        place = fields.place("node_args") if "node_args" in fields else fields.place("name")
        scope.report.add("F805", f"the flow `{flow.name}` does not take these node args: {what}", place)
