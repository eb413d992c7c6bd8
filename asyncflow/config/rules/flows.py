"""F3: flows and edges."""

from __future__ import annotations

from asyncflow.config.rules.rule import Examples, error, warning

RULES = (
    error(
        "F301",
        "unlisted-flow",
        "A flow is defined, and not listed under `flows`.",
        "Where there is a list, it is complete. Without any `flows` key every definition counts.",
        Examples("flows: [lunch]\nflow-definitions: [{name: dinner, ...}]", "flows: [lunch, dinner]"),
    ),
    error(
        "F302",
        "undefined-flow",
        "A flow is listed under `flows`, and not defined.",
        "Perhaps its file was not given, or the names differ.",
        Examples("flows: [dinner]\nflow-definitions: [{name: diner, ...}]", "flow-definitions: [{name: dinner, ...}]"),
    ),
    error(
        "F303",
        "listed-twice",
        "A flow is listed twice under `flows`.",
        "",
        Examples("flows: [dinner, dinner]", "flows: [dinner]"),
    ),
    error(
        "F304",
        "unknown-node",
        "No task and no flow has this name.",
        "Nodes are tasks, declared under `tasks`, and other flows.",
        Examples("- {from: MakeDoug, to: Bake}", "- {from: MakeDough, to: Bake}"),
    ),
    error(
        "F305",
        "source-twice",
        "An edge names the same source twice.",
        "An edge fires for every combination of its sources, one run of each; the same node cannot be two of them.",
        Examples("- {from: [Bake, Bake], to: Eat}", "- {from: Bake, to: Eat}"),
    ),
    error(
        "F306",
        "both-propagations",
        "A sub-flow propagates both in the plain and in the compound way.",
        "The plain way keeps the flows inside it apart, the compound way puts all their tasks into one list.",
        Examples("propagate_finished: [buy]\npropagate_compound_finished: [buy]", "propagate_compound_finished: [buy]"),
    ),
    error(
        "F307",
        "not-a-flow",
        "A propagate_ key names something that is no flow.",
        "Tasks get node args and parents anyway; these keys are about sub-flows.",
        Examples("propagate_node_args: [Bake]", "propagate_node_args: [prepare]"),
    ),
    warning(
        "F308",
        "idle-propagation",
        "A propagate_ key names a sub-flow that it cannot apply to.",
        "Node args and parents go to sub-flows that are started; finished tasks come from sub-flows that are sources; "
        "failed tasks from sub-flows that have a fallback.",
        Examples(
            "edges: [{from: , to: buy}]\npropagate_finished: [buy]",
            "edges: [{from: , to: buy}, {from: buy, to: Bake}]\npropagate_finished: [buy]",
        ),
    ),
    error(
        "F309",
        "bad-nowait",
        "A node in `nowait` is never started, or something is to follow it.",
        "A `nowait` node is started and forgotten: nobody learns when it ends, so it cannot be a source.",
        Examples(
            "nowait: [Log]\nedges: [{from: , to: Log}, {from: Log, to: Bake}]",
            "edges: [{from: , to: Log}, {from: Log, to: Bake}]",
        ),
    ),
    error(
        "F310",
        "bad-eager-failure",
        "A node in `eager_failures` is not in the flow, is in `nowait`, or has a fallback.",
        "An eager failure fails the flow at once, before any fallback.",
        Examples("eager_failures: [Bake]\nfailures: [{nodes: Bake, fallback: OrderPizza}]", "eager_failures: [Bake]"),
    ),
    error(
        "F311",
        "no-first-task",
        "`node_args_from_first` is set, and there is no one first task.",
        "The result of the first task becomes the node args of the flow, so there must be exactly one.",
        Examples(
            "node_args_from_first: true\nedges: [{from: , to: [Ask, Look]}]",
            "node_args_from_first: true\nedges: [{from: , to: Ask}, {from: Ask, to: Look}]",
        ),
    ),
    error(
        "F312",
        "item-to-task",
        "`propagate_result` is set on an edge that starts a task.",
        "Items of a foreach function become the node args of sub-flows. A task shares the node args of its flow.",
        Examples(
            "- {from: , to: Serve, foreach: {function: guests, import: kitchen, propagate_result: true}}",
            "- {from: , to: serve_one, foreach: {function: guests, import: kitchen, propagate_result: true}}",
        ),
    ),
    error(
        "F313",
        "bad-selective",
        "`selective` is on an edge that does not start just one flow, or asks for what is not in it.",
        "The tasks must be reachable by edges from the start of that flow, or, with `follow_subflows`, of flows in it.",
        Examples(
            "- {from: A, to: prepare, selective: {tasks: [Bak]}}",
            "- {from: A, to: prepare, selective: {tasks: [Bake]}}",
        ),
    ),
    error(
        "F314",
        "impossible-join",
        "A join waits for more sources than the edge has.",
        "",
        Examples("- {from: [A, B], to: C, join: {at_least: 3}}", "- {from: [A, B], to: C, join: {at_least: 2}}"),
    ),
    error(
        "F315",
        "bad-sampling",
        "A sampling strategy is not known, or its arguments do not fit.",
        "asyncflow does not poll; the strategy is kept as the interval of the sweep for lost completions.",
        Examples("sampling: {name: constant, args: {}}", "sampling: {name: constant, args: {retry: 2}}"),
    ),
    error(
        "F316",
        "template-without-source",
        "A template reads the result of something that has none here.",
        "An edge's `node_args` can read its own sources, and only tasks have results.",
        Examples("- {from: A, to: B, node_args: {from: C}}", "- {from: A, to: B, node_args: {from: A}}"),
    ),
    error(
        "F317",
        "item-and-node-args",
        "A sub-flow would get both the items of a foreach function and the flow's node args.",
        "`propagate_result` and `propagate_node_args` both say what its node args are.",
        Examples(
            "propagate_node_args: true\nedges: [{from: , to: f, foreach: {..., propagate_result: true}}]",
            "edges: [{from: , to: f, foreach: {..., propagate_result: true}}]",
        ),
    ),
    error(
        "F318",
        "two-node-args",
        "An edge says twice what its targets get as node args.",
        "`propagate_result` gives them the items of the foreach function, `node_args` what the template builds.",
        Examples(
            "- {from: A, to: f, node_args: results.A, foreach: {..., propagate_result: true}}",
            "- {from: A, to: f, foreach: {..., propagate_result: true}}",
        ),
    ),
    warning(
        "F319",
        "join-of-one",
        "`join` is on an edge with fewer than two sources.",
        "There is nothing to choose from.",
        Examples("- {from: A, to: B, join: any}", "- {from: [A, C], to: B, join: any}"),
    ),
    error(
        "F320",
        "list-as-template",
        "A list stands where a template is wanted.",
        "JMESPath builds lists itself, and a literal list is written {value: [...]}.",
        Examples(
            "node_args: {names: [results.A.name, results.B.name]}",
            "node_args: {names: '[results.A.name, results.B.name]'}",
        ),
    ),
    warning(
        "F321",
        "untold-sub-flow",
        "A sub-flow follows one whose finished tasks are propagated, and is not told of them.",
        "They stand in the parent, and a sub-flow sees that only with `propagate_parent`.",
        Examples(
            "edges: [{from: , to: buy}, {from: buy, to: cook}]\npropagate_finished: [buy]",
            "edges: [{from: , to: buy}, {from: buy, to: cook}]\npropagate_finished: [buy]\npropagate_parent: [cook]",
        ),
    ),
)
