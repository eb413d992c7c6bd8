"""F5: failures. F6: what can never happen, or never ends. F7: functions."""

from __future__ import annotations

from asyncflow.config.rules.rule import Examples, error, warning

RULES = (
    error(
        "F501",
        "unknown-failure-node",
        "A fallback names a node that is neither a task nor a flow.",
        "",
        Examples("failures: [{nodes: Bak, fallback: OrderPizza}]", "failures: [{nodes: Bake, fallback: OrderPizza}]"),
    ),
    error(
        "F503",
        "fallback-reads-result",
        "The condition of a fallback reads a result.",
        "What failed has none. Node args can be looked at, with the predicates whose names begin with args.",
        Examples(
            "- {nodes: Bake, fallback: true, condition: {name: fieldExist, args: {key: n}}}",
            "- {nodes: Bake, fallback: true, condition: {name: argsFieldExist, args: {key: n}}}",
        ),
    ),
    warning(
        "F504",
        "fallback-on-itself",
        "A node is its own fallback.",
        "It is started again as often as it fails. `max_retry` does that with a bound.",
        Examples("failures: [{nodes: Bake, fallback: Bake}]", "tasks: [{name: Bake, import: kitchen, max_retry: 3}]"),
    ),
    error(
        "F505",
        "handled-and-propagated",
        "A fallback is `true`, and yet the failure is to fail the flow.",
        "`fallback: true` means that the failure is handled by doing nothing.",
        Examples(
            "- {nodes: Bake, fallback: true, propagate_failure: true}",
            "- {nodes: Bake, fallback: CleanUp, propagate_failure: true}",
        ),
    ),
    warning(
        "F506",
        "idle-fallback",
        "A fallback can never run.",
        "All of its nodes must have failed; a node that never starts, is not waited for, or fails the flow at once, "
        "cannot be among them.",
        Examples(
            "nowait: [Log]\nfailures: [{nodes: [Bake, Log], fallback: OrderPizza}]",
            "nowait: [Log]\nfailures: [{nodes: Bake, fallback: OrderPizza}]",
        ),
    ),
    error(
        "F601",
        "no-start",
        "A flow has no edge that starts it.",
        "An edge without sources is where a flow begins.",
        Examples("edges: [{from: A, to: B}]", "edges: [{from: , to: A}, {from: A, to: B}]"),
    ),
    error(
        "F602",
        "source-never-started",
        "An edge waits for a node that nothing in the flow starts.",
        "No edge and no fallback of the flow has it as a target.",
        Examples(
            "edges: [{from: , to: A}, {from: [A, C], to: B}]", "edges: [{from: , to: [A, C]}, {from: [A, C], to: B}]"
        ),
    ),
    warning(
        "F603",
        "unreachable-node",
        "A node can never start, because every way to it begins with a node that never starts.",
        "Usually two nodes that wait for each other.",
        Examples(
            "edges: [{from: , to: A}, {from: B, to: C}, {from: C, to: B}]",
            "edges: [{from: , to: A}, {from: A, to: B}, {from: B, to: C}]",
        ),
    ),
    warning(
        "F604",
        "never-true",
        "The condition of an edge is always false.",
        "The edge, and what only it starts, could as well not be there.",
        Examples("- {from: A, to: B, condition: {name: alwaysFalse}}", "- {from: A, to: B}"),
    ),
    warning(
        "F605",
        "incomplete-join",
        "A join waits for a node that can start only after the join.",
        "So it is never complete, and the flow ends without its targets.",
        Examples(
            "edges: [{from: , to: A}, {from: [A, B], to: C}, {from: C, to: B}]",
            "edges: [{from: , to: [A, B]}, {from: [A, B], to: C}]",
        ),
    ),
    warning(
        "F606",
        "endless-cycle",
        "A cycle of edges has no condition.",
        "Its nodes run again and again until one of them fails.",
        Examples(
            "edges: [{from: , to: A}, {from: A, to: A}]",
            "edges: [{from: , to: A}, {from: A, to: A, condition: {name: fieldExist, args: {key: more}}}]",
        ),
    ),
    warning(
        "F607",
        "endless-recursion",
        "A flow starts itself, directly or through others, with no condition on the way.",
        "Every run of it starts another one.",
        Examples(
            "- {name: count, edges: [{from: , to: [Add, count]}]}",
            "- {name: count, edges: [{from: , to: Add}, {from: Add, to: count, condition: {name: fieldExist, args: {key: more}}}]}",
        ),
    ),
    warning(
        "F701",
        "module-not-importable",
        "A module that the configuration names cannot be imported here.",
        "This is looked at only when asked for. It matters where the function runs: predicates, foreach and selective "
        "functions in the dispatcher, tasks on workers.",
        Examples(
            "foreach: {function: guests, import: kichen.guests}", "foreach: {function: guests, import: kitchen.guests}"
        ),
    ),
    warning(
        "F702",
        "function-not-found",
        "A module has no function or class of the name that the configuration gives.",
        "This is looked at only when asked for.",
        Examples(
            "foreach: {function: gests, import: kitchen.guests}", "foreach: {function: guests, import: kitchen.guests}"
        ),
    ),
    warning(
        "F703",
        "not-callable",
        "What the configuration names as a function cannot be called.",
        "This is looked at only when asked for.",
        Examples(
            "foreach: {function: GUEST_LIST, import: kitchen.guests}",
            "foreach: {function: guests, import: kitchen.guests}",
        ),
    ),
)
