"""Every key of the YAML files. The loader, its did-you-mean and the JSON Schema read this one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncflow.config import kinds
from asyncflow.config.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of a section; `aliases` are other spellings that are accepted."""

    name: str
    kind: Kind
    summary: str
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of the YAML files. `title` is what messages call it."""

    name: str
    title: str
    keys: tuple[Key, ...]
    spellings: Mapping[str, Key] = field(init=False, compare=False, repr=False)
    required: tuple[Key, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        spellings = {spelling: key for key in self.keys for spelling in (key.name, *key.aliases)}
        object.__setattr__(self, "spellings", spellings)
        object.__setattr__(self, "required", tuple(key for key in self.keys if key.required))


def optional(name: str, kind: Kind, summary: str, *aliases: str) -> Key:
    return Key(name=name, kind=kind, summary=summary, aliases=aliases)


def required(name: str, kind: Kind, summary: str, *aliases: str) -> Key:
    return Key(name=name, kind=kind, summary=summary, required=True, aliases=aliases)


RETRY_KEYS = (
    optional("max_retry", kinds.COUNT, "How often to try again after a failure."),
    optional("retry_countdown", kinds.SECONDS, "How long to wait before the first retry."),
    optional("retry_backoff", kinds.FACTOR, "Each further wait is this many times the one before."),
    optional("retry_ceiling", kinds.SECONDS, "The longest wait between two attempts."),
    optional("retry_jitter", kinds.SHARE, "Spread each wait by this share of it, up and down, at random."),
    optional("retry_on", kinds.ONE_OR_MANY, "Retry only after these exception types."),
    optional("retry_never", kinds.ONE_OR_MANY, "Never retry after these exception types."),
)

TASK = Section(
    name="task",
    title="task",
    keys=(
        required("name", kinds.NAME, "The name of the node in flows."),
        optional("celery_task", kinds.TEXT, "The registered name of a plain Celery task, such as proj.tasks.add."),
        optional("args", kinds.TEMPLATES, "The positional arguments of a plain Celery task, as JMESPaths."),
        optional("kwargs", kinds.TEMPLATE_TABLE, "The keyword arguments of a plain Celery task, as JMESPaths."),
        optional("import", kinds.MODULE, "The module that holds the class of the task."),
        optional("classname", kinds.NAME, "The class of the task, where it is not called like the task."),
        optional("envelope", kinds.ENVELOPE, "`selinon` for tasks that existing Selinon workers run.", "worker"),
        optional("storage", kinds.TEXT, "The storage that keeps the results."),
        optional("storage_task_name", kinds.TEXT, "The name under which the storage keeps the results."),
        optional(
            "storage_readonly", kinds.BOOL, "The task may read the storage; results are not kept.", "storage_read_only"
        ),
        optional(
            "selective_run_function", kinds.table_of("function", "a table"), "Decides on reuse in selective runs."
        ),
        optional("output_schema", kinds.TEXT, "The path of a JSON Schema that results must fit."),
        *RETRY_KEYS,
        optional("queue", kinds.TEXT, "The queue of the workers; {NAME} stands for an environment variable."),
        optional("throttling", kinds.THROTTLING, "The least time between two starts of this task."),
        optional("time_limit", kinds.SECONDS, "After this time the worker kills the task."),
        optional(
            "soft_time_limit", kinds.SECONDS, "After this time the worker raises SoftTimeLimitExceeded in the task."
        ),
        optional("timeout", kinds.SECONDS, "The longest time from publishing to completion."),
        optional("on_lost", kinds.choice("retry", "fail"), "What to do when a worker vanishes with the task."),
        optional("priority", kinds.PRIORITY, "The AMQP priority of the messages."),
        optional("exchange", kinds.TEXT, "Publish to this exchange and not straight to the queue."),
        optional("routing_key", kinds.TEXT, "The routing key to publish with."),
    ),
)

WAIT = Section(
    name="wait",
    title="wait",
    keys=(
        required("name", kinds.NAME, "The name of the node in flows."),
        required("wait", kinds.table_of("waiting", "a table with `event`"), "What the node waits for."),
    ),
)

WAITING = Section(
    name="waiting",
    title="`wait`",
    keys=(
        required("event", kinds.EVENT, "The signal that releases the node; its payload is the node's result."),
        optional(
            "timeout", kinds.SECONDS, "After this time the node fails with WaitTimeout, which a fallback can catch."
        ),
        optional("schema", kinds.NODE_ARGS_SCHEMA, "A JSON Schema, or its path, that payloads must fit."),
    ),
)

DELAY = Section(
    name="delay",
    title="delay",
    keys=(
        required("name", kinds.NAME, "The name of the node in flows."),
        required("delay", kinds.DELAY, "How long it takes: a duration, or a template of one."),
    ),
)

CACHE = Section(
    name="cache",
    title="cache",
    keys=(
        optional("name", kinds.NAME, "FIFO, LIFO, LRU, MRU, RR, or a class of your own."),
        optional("import", kinds.MODULE, "The module of a cache of your own."),
        optional("configuration", kinds.OBJECT, "What the cache is made with, such as max_cache_size."),
    ),
)

STORAGE = Section(
    name="storage",
    title="storage",
    keys=(
        required("name", kinds.TEXT, "The name that tasks use."),
        required("import", kinds.MODULE, "The module that holds the class of the storage."),
        optional("classname", kinds.NAME, "The class, where it is not called like the storage."),
        required("configuration", kinds.STORAGE_CONFIGURATION, "What the storage is made with."),
        optional("cache", kinds.table_of("cache", "a table"), "A cache of results in front of the storage."),
    ),
)

GLOBAL = Section(
    name="global",
    title="`global`",
    keys=(
        optional("predicates_module", kinds.MODULE, "A module with predicates beside the built-in ones."),
        optional("trace", kinds.TRACE, "Where trace events go."),
        optional("default_dispatcher_queue", kinds.TEXT, "The queue of flows that name none."),
        optional("default_task_queue", kinds.TEXT, "The queue of tasks that name none."),
        optional(
            "migration_dir",
            kinds.TEXT,
            "The folder of Selinon's migration files, which are not needed: accepted, and not read.",
        ),
        optional("celery_app", kinds.APP, "The Celery app of workers that asyncflow starts."),
        optional("compat_predicates", kinds.choice("selinon-1.4"), "Predicates mean what they meant in Selinon 1.4."),
        optional("envelope", kinds.ENVELOPE, "The default of the tasks' `envelope`.", "worker"),
    ),
)

TRACE = Section(
    name="trace",
    title="`trace`",
    keys=(
        optional("logging", kinds.BOOL, "Trace to Python's logging."),
        optional("json", kinds.BOOL, "Trace as JSON lines, warnings to stderr, the rest to stdout."),
        optional("sentry", kinds.table_of("sentry", "a table"), "Report failures to Sentry."),
        optional("function", kinds.table_of("trace_function", "a table"), "Call a function with every event."),
        optional("storage", kinds.table_of("trace_storage", "a table"), "Call a method of a storage with every event."),
    ),
)

SENTRY = Section(name="sentry", title="`sentry`", keys=(required("dsn", kinds.TEXT, "Sentry's address."),))

TRACE_FUNCTION = Section(
    name="trace_function",
    title="trace `function`",
    keys=(
        required("import", kinds.MODULE, "The module of the function."),
        required("name", kinds.NAME, "The function, called with (event, details)."),
    ),
)

TRACE_STORAGE = Section(
    name="trace_storage",
    title="trace `storage`",
    keys=(
        required("name", kinds.TEXT, "The storage."),
        optional("method", kinds.NAME, "Its method; `trace` unless told."),
    ),
)

FUNCTION = Section(
    name="function",
    title="`selective_run_function`",
    keys=(
        required("name", kinds.NAME, "The function.", "function"),
        optional("import", kinds.MODULE, "Its module."),
    ),
)

THROTTLING = Section(
    name="throttling",
    title="`throttling`",
    keys=tuple(
        optional(unit, kinds.AMOUNT, f"So many {unit}.")
        for unit in ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")
    ),
)

SCHEDULE = Section(
    name="schedule",
    title="schedule",
    keys=(
        required("name", kinds.NAME, "The name of the schedule."),
        required("flow", kinds.TEXT, "The flow to start."),
        optional("cron", kinds.TEXT, "When: minute, hour, day of month, month, day of week."),
        optional("every", kinds.SECONDS, "Instead of `cron`: the interval, counted from 1970 in UTC."),
        optional("timezone", kinds.TEXT, "Where `cron` is meant, such as Europe/Prague; UTC unless told."),
        optional("node_args", kinds.ANYTHING, "The node args of the runs."),
        optional("labels", kinds.LABELS, "Labels of the runs, beside `schedule` and `tick`."),
        optional(
            "catch_up",
            kinds.choice("none", "last", "all"),
            "Which ticks to start that came while no dispatcher was there; `last` unless told.",
        ),
        optional("catch_up_limit", kinds.AT_LEAST, "With `all`: the latest so many; 100 unless told."),
        optional("enabled", kinds.BOOL, "false: nothing is started."),
    ),
)

FILE = Section(
    name="file",
    title="file",
    keys=(
        optional("tasks", kinds.TASKS, "The tasks, waits and delays, by the names that flows use."),
        optional("flows", kinds.FLOW_NAMES, "The names of the flows; without it every flow definition counts."),
        optional("storages", kinds.STORAGES, "Where results are kept."),
        optional("global", kinds.GLOBAL, "What holds for everything."),
        optional("schedules", kinds.SCHEDULES, "When runs of flows are started by the clock."),
        optional("flow-definitions", kinds.FLOW_DEFINITIONS, "The flows.", "flow_definitions"),
    ),
)
