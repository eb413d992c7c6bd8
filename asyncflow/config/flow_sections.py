"""Every key inside `flow-definitions`; the other half of the table in `sections`."""

from __future__ import annotations

from asyncflow.config import kinds, sections
from asyncflow.config.sections import RETRY_KEYS, Section, optional, required

FLOW = Section(
    name="flow",
    title="flow",
    keys=(
        required("name", kinds.NAME, "The name of the flow."),
        required("edges", kinds.EDGES, "What starts what."),
        optional("failures", kinds.FAILURES, "What to start when nodes have failed."),
        optional("nowait", kinds.NAMES_OR_NOTHING, "Nodes that are started and not waited for."),
        optional(
            "eager_failures", kinds.FLAG_OR_NAMES, "Nodes whose failure fails the flow at once; true: every node."
        ),
        optional("node_args_from_first", kinds.BOOL, "The first task's result becomes the flow's node args."),
        optional("propagate_node_args", kinds.FLAG_OR_NAMES, "Sub-flows that get this flow's node args."),
        optional("propagate_parent", kinds.FLAG_OR_NAMES, "Sub-flows whose starting nodes see the parents."),
        optional("propagate_finished", kinds.FLAG_OR_NAMES, "Sub-flows whose finished tasks are told to what follows."),
        optional(
            "propagate_compound_finished", kinds.FLAG_OR_NAMES, "The same, with the tasks of inner flows in one list."
        ),
        optional("propagate_failures", kinds.FLAG_OR_NAMES, "Sub-flows whose failed tasks are told to fallbacks."),
        optional(
            "propagate_compound_failures", kinds.FLAG_OR_NAMES, "The same, with the tasks of inner flows in one list."
        ),
        optional("propagate_parent_failures", kinds.FLAG_OR_NAMES, "Sub-flows that, as fallbacks, see what failed."),
        *RETRY_KEYS,
        optional("timeout", kinds.SECONDS, "The longest time a run may take."),
        optional("queue", kinds.TEXT, "Selinon's dispatcher queue; kept for tools that read it."),
        optional("sampling", kinds.table_of("sampling", "a table"), "Selinon's polling; the interval of the sweep."),
        optional("throttling", kinds.THROTTLING, "The least time between two starts of this flow as a sub-flow."),
        optional(
            "cache", kinds.table_of("cache", "a table"), "Selinon's cache of node states; accepted and not needed."
        ),
        optional("node_args_schema", kinds.NODE_ARGS_SCHEMA, "A JSON Schema, or its path, that node args must fit."),
    ),
)

EDGE = Section(
    name="edge",
    title="edge",
    keys=(
        required("from", kinds.NAMES_OR_NOTHING, "The nodes that must finish; empty: the edge starts the flow."),
        required("to", kinds.TARGETS, "The nodes to start; a name twice is started twice."),
        optional("condition", kinds.CONDITION_OR_NOTHING, "Start the targets only when this holds."),
        optional(
            "foreach", kinds.table_of("foreach", "a table"), "Start the targets once for every item of a function."
        ),
        optional("selective", kinds.table_of("selective", "a table"), "Start the sub-flow as a selective run."),
        optional("join", kinds.JOIN, "How many of the sources must finish."),
        optional("node_args", kinds.TEMPLATE, "The node args of the targets, instead of the flow's."),
    ),
)

JOIN = Section(name="join", title="`join`", keys=(required("at_least", kinds.AT_LEAST, "So many of the sources."),))

FOREACH = Section(
    name="foreach",
    title="`foreach`",
    keys=(
        required("function", kinds.NAME, "The function, called with (storage_pool, node_args)."),
        required("import", kinds.MODULE, "Its module."),
        optional("propagate_result", kinds.BOOL, "Each item becomes the node args of the sub-flow it starts."),
    ),
)

SELECTIVE = Section(
    name="selective",
    title="`selective`",
    keys=(
        required("tasks", kinds.TARGETS, "The tasks to run in the sub-flow.", "task_names"),
        optional("run_subsequent", kinds.FLAG_OR_NAMES, "Also run what follows; true, or the flows to do so in."),
        optional("follow_subflows", kinds.BOOL, "Look for the tasks in the flows inside it, too."),
    ),
)

SAMPLING = Section(
    name="sampling",
    title="`sampling`",
    keys=(
        required("name", kinds.NAME, "The strategy.", "function"),
        optional("args", kinds.OBJECT, "Its arguments."),
        optional("import", kinds.MODULE, "The module of a strategy of your own."),
    ),
)

FAILURE = Section(
    name="failure",
    title="`failures` entry",
    keys=(
        required("nodes", kinds.TARGETS, "The nodes that must all have failed."),
        required("fallback", kinds.FALLBACK, "The nodes to start; true: nothing, the failure counts as handled."),
        optional("condition", kinds.CONDITION_OR_NOTHING, "Only when this holds; it may look at the node args."),
        optional("propagate_failure", kinds.BOOL, "The flow fails after the fallback has run."),
    ),
)

LEAF = Section(
    name="condition",
    title="condition",
    keys=(
        optional("name", kinds.NAME, "A predicate."),
        optional("node", kinds.TEXT, "The source whose result the predicate looks at."),
        optional("task", kinds.TEXT, "The task inside the sub-flow `node`."),
        optional("instances", kinds.choice("any", "all"), "Whether it must hold for any or for all runs of `task`."),
        optional("args", kinds.OBJECT_OR_NOTHING, "The arguments of the predicate."),
        optional("and", kinds.CONDITIONS, "All of these hold."),
        optional("or", kinds.CONDITIONS, "One of these holds."),
        optional("not", kinds.CONDITION, "This does not hold."),
        optional("expr", kinds.TEXT, "A CEL expression over `results` and `node_args`."),
    ),
)

SECTIONS = (
    sections.FILE,
    sections.TASK,
    sections.WAIT,
    sections.WAITING,
    sections.DELAY,
    sections.STORAGE,
    sections.SCHEDULE,
    sections.GLOBAL,
    sections.CACHE,
    sections.TRACE,
    sections.SENTRY,
    sections.TRACE_FUNCTION,
    sections.TRACE_STORAGE,
    sections.FUNCTION,
    sections.THROTTLING,
    FLOW,
    EDGE,
    JOIN,
    FOREACH,
    SELECTIVE,
    SAMPLING,
    FAILURE,
    LEAF,
)
