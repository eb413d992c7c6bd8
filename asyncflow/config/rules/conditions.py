"""F4: conditions, predicates and expressions."""

from __future__ import annotations

from asyncflow.config.rules.rule import Examples, error, warning

RULES = (
    error(
        "F401",
        "unknown-predicate",
        "No predicate has this name.",
        "Besides the built-in ones, those of `predicates_module` under `global` can be used.",
        Examples(
            "condition: {name: fieldEquals, args: {key: n, value: 1}}",
            "condition: {name: fieldEqual, args: {key: n, value: 1}}",
        ),
    ),
    error(
        "F402",
        "missing-argument",
        "A predicate lacks an argument.",
        "The hint shows all that it takes; those in brackets may be left out.",
        Examples(
            "condition: {name: fieldEqual, args: {key: eggs}}",
            "condition: {name: fieldEqual, args: {key: eggs, value: 6}}",
        ),
    ),
    error(
        "F403",
        "unknown-argument",
        "A predicate takes no such argument.",
        "The hint shows what it takes.",
        Examples(
            "condition: {name: fieldExist, args: {keys: eggs}}", "condition: {name: fieldExist, args: {key: eggs}}"
        ),
    ),
    error(
        "F404",
        "shapeless-condition",
        "A condition is not built as conditions are.",
        "It is a table with `name` (a predicate), `and` or `or` (a list of conditions), `not` (a condition) "
        "or `expr` (a CEL expression).",
        Examples(
            "condition: {and: {name: alwaysTrue}}",
            "condition: {and: [{name: alwaysTrue}, {name: envExist, args: {env: X}}]}",
        ),
    ),
    error(
        "F405",
        "node-not-a-source",
        "A condition looks at a node that is not a source of its edge.",
        "Only the results of the nodes in `from` are at hand.",
        Examples(
            "- {from: A, to: B, condition: {name: fieldExist, node: C, args: {key: n}}}",
            "- {from: [A, C], to: B, condition: {name: fieldExist, node: C, args: {key: n}}}",
        ),
    ),
    error(
        "F406",
        "which-node",
        "A condition reads a result, and does not say whose.",
        "With one source that is clear; with several `node` says it; a starting edge has none.",
        Examples(
            "- {from: [A, B], to: C, condition: {name: fieldExist, args: {key: n}}}",
            "- {from: [A, B], to: C, condition: {name: fieldExist, node: A, args: {key: n}}}",
        ),
    ),
    error(
        "F407",
        "result-of-flow",
        "A condition reads the result of a sub-flow, which has none.",
        "Name a task inside it with `task`, and with `instances` whether all of its runs or any one must satisfy.",
        Examples(
            "condition: {name: fieldExist, node: prepare, args: {key: n}}",
            "condition: {name: fieldExist, node: prepare, task: Bake, instances: any, args: {key: n}}",
        ),
    ),
    error(
        "F408",
        "task-not-inside",
        "A condition looks inside something at a task that is not there.",
        "`task` names a task that runs in the sub-flow `node`, or in flows inside that.",
        Examples(
            "condition: {name: fieldExist, node: prepare, task: Bak, args: {key: n}}",
            "condition: {name: fieldExist, node: prepare, task: Bake, args: {key: n}}",
        ),
    ),
    error(
        "F409",
        "result-not-kept",
        "The result of a task is read, and is kept nowhere.",
        "Results of tasks without a storage are kept by the dispatcher, but not those of tasks with `storage_readonly`, "
        "nor those that Selinon's workers run without a storage.",
        Examples(
            "- {name: Bake, import: kitchen, storage: Oven, storage_readonly: true}",
            "- {name: Bake, import: kitchen, storage: Oven}",
        ),
    ),
    error(
        "F410",
        "bad-expression",
        "An expression is not CEL.",
        "CEL is the Common Expression Language (cel.dev). Columns count from the start of the expression.",
        Examples("condition: {expr: 'results.A.n >'}", "condition: {expr: 'results.A.n > 3'}"),
    ),
    error(
        "F411",
        "unknown-variable",
        "An expression reads a variable that there is not.",
        "There are `results`, by the names of the edge's source tasks, and `node_args`.",
        Examples("condition: {expr: 'A.n > 3'}", "condition: {expr: 'results.A.n > 3'}"),
    ),
    warning(
        "F412",
        "ignored-key",
        "A key beside `and`, `or`, `not` or `expr` is ignored.",
        "Of name, expr, or, not, and - in this order - the first is what a condition is.",
        Examples(
            "condition: {not: {name: isNone}, and: [{name: isDict}]}",
            "condition: {and: [{not: {name: isNone}}, {name: isDict}]}",
        ),
    ),
    warning(
        "F413",
        "changed-predicate",
        "A predicate means something else than in Selinon 1.4.",
        "There `empty` and `argsEmpty` were true for what is not empty, and `fieldLenGreaterEqual` tested for at most. "
        "`compat_predicates: selinon-1.4` under `global` brings that back, and ends this warning.",
        Examples("condition: {name: argsEmpty}       # written for Selinon", "condition: {not: {name: argsEmpty}}"),
    ),
    error(
        "F414",
        "expression-without-source",
        "An expression reads the result of a task that is not a source of its edge.",
        "Only the results of the nodes in `from` are at hand.",
        Examples(
            "- {from: A, to: B, condition: {expr: results.C.n > 3}}",
            "- {from: A, to: B, condition: {expr: results.A.n > 3}}",
        ),
    ),
)
