"""F8: schedules."""

from __future__ import annotations

from asyncflow.config.rules.rule import Examples, error

RULES = (
    error(
        "F801",
        "unknown-scheduled-flow",
        "A schedule starts a flow that is not defined.",
        "",
        Examples("- {name: morning, flow: diner, every: 1d}", "- {name: morning, flow: dinner, every: 1d}"),
    ),
    error(
        "F802",
        "bad-cron",
        "A schedule's `cron` is no cron expression, or one that never comes.",
        "It has five fields: minute, hour, day of month, month, day of week. In quotes, for a star means something in YAML.",
        Examples('cron: "0 25 * * *"', 'cron: "0 6 * * 1-5"'),
    ),
    error(
        "F803",
        "unknown-time-zone",
        "A schedule's `timezone` is not known.",
        "Names are those of the IANA database; the machine must have it, or the package tzdata be installed.",
        Examples("timezone: Prague", "timezone: Europe/Prague"),
    ),
    error(
        "F804",
        "unclear-times",
        "A schedule has neither `cron` nor `every`, or both, or a time zone for an interval.",
        "Intervals count from 1970 in UTC, the same for every dispatcher.",
        Examples("- {name: often, flow: dinner}", "- {name: often, flow: dinner, every: 10m}"),
    ),
    error(
        "F805",
        "bad-scheduled-node-args",
        "The node args of a schedule do not fit the flow's `node_args_schema`.",
        "Every start would be refused.",
        Examples("node_args: {guests: many}", "node_args: {guests: 4}"),
    ),
)
