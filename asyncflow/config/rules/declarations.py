"""F2: keys, tasks, storages, global."""

from __future__ import annotations

from asyncflow.config.rules.rule import Examples, error, warning

RULES = (
    error(
        "F201",
        "unknown-key",
        "A table has a key that means nothing there.",
        "It is probably a slip, and what it was to do would silently not happen.",
        Examples(
            "- name: Bake\n  import: kitchen\n  max_retries: 3", "- name: Bake\n  import: kitchen\n  max_retry: 3"
        ),
    ),
    error(
        "F202",
        "missing-key",
        "A table lacks a key that it needs.",
        "The hint says what the key takes.",
        Examples("foreach: {function: iter_guests}", "foreach: {function: iter_guests, import: kitchen.guests}"),
    ),
    error(
        "F203",
        "wrong-value",
        "A value is not of the kind that its key takes.",
        "The message says what the key takes, and what was found.",
        Examples("max_retry: -1", "max_retry: 0"),
    ),
    error(
        "F204",
        "defined-twice",
        "Two tasks, storages or flows have the same name, or a task and a flow.",
        "Edges name tasks and flows alike, so a name must stand for one of them.",
        Examples(
            "tasks:\n  - {name: Bake, import: kitchen}\n  - {name: Bake, import: bakery}",
            "tasks:\n  - {name: Bake, import: kitchen}\n  - {name: BakeBread, import: bakery, classname: Bake}",
        ),
    ),
    error(
        "F205",
        "same-key",
        "Two spellings of the same key are given.",
        "Some keys have a second spelling for files written after Selinon's documentation.",
        Examples("storage_readonly: true\nstorage_read_only: false", "storage_readonly: true"),
    ),
    error(
        "F206",
        "unknown-storage",
        "A task or a trace names a storage that is not declared.",
        "Storages are declared under `storages`.",
        Examples("- name: Bake\n  import: kitchen\n  storage: Ovn", "- name: Bake\n  import: kitchen\n  storage: Oven"),
    ),
    error(
        "F207",
        "unset-variable",
        "An environment variable that the configuration names is not set.",
        "In queues and a few other texts {NAME} stands for the variable NAME.",
        Examples("queue: '{DEPLOYMENT}_bake'      # DEPLOYMENT is not set", "export DEPLOYMENT=production"),
    ),
    error(
        "F208",
        "stray-brace",
        "A brace in a text that may name environment variables cannot be understood.",
        "Write {{ and }} for the braces themselves.",
        Examples("queue: 'bake_{'", "queue: 'bake_{{'"),
    ),
    error(
        "F209",
        "task-without-code",
        "A task says neither or both of where its code is.",
        "A plain Celery task is known by its registered name, a flow task by the module of its class.",
        Examples(
            "- name: Bake\n  celery_task: kitchen.bake\n  import: kitchen",
            "- name: Bake\n  celery_task: kitchen.bake\n- name: Eat\n  import: kitchen",
        ),
    ),
    error(
        "F210",
        "key-of-other-kind",
        "A task has a key of the other kind of task.",
        "`args` and `kwargs` build the call of a plain Celery task; a flow task is called with the node args. "
        "`envelope: selinon` is for flow tasks.",
        Examples(
            "- name: Bake\n  import: kitchen\n  args: [node_args.temperature]",
            "- name: Bake\n  celery_task: kitchen.bake\n  args: [node_args.temperature]",
        ),
    ),
    error(
        "F211",
        "bad-jmespath",
        "A template is not a JMESPath.",
        "Texts in templates are JMESPaths (jmespath.org) over `node_args`, `results` and `errors`. "
        "Text itself is written {value: TEXT}.",
        Examples("args: ['node_args.']", "args: [node_args.temperature]"),
    ),
    error(
        "F212",
        "unknown-root",
        "A template reads something that there is not.",
        "There are `node_args`, `results` (by the name of the source task) and, in fallbacks, `errors`.",
        Examples("args: [temperature]", "args: [node_args.temperature]     # or {value: temperature}"),
    ),
    error(
        "F213",
        "bad-schema",
        "A JSON Schema is missing or wrong.",
        "Paths are relative to the YAML file, or else to the working directory. Schemas are not fetched from the network.",
        Examples("output_schema: schemas/bred.json", "output_schema: schemas/bread.json"),
    ),
    warning(
        "F214",
        "schema-not-here",
        "The JSON Schema of a flow task is not found here.",
        "The worker reads it, relative to its own working directory, so it may be right all the same.",
        Examples(
            "output_schema: /srv/worker/bread.json      # on this machine there is none", "output_schema: bread.json"
        ),
    ),
    warning(
        "F215",
        "idle-retry-key",
        "A key about retries has no effect, because there are none.",
        "Without `max_retry` a task or flow is tried once.",
        Examples("retry_countdown: 10", "max_retry: 3\nretry_countdown: 10"),
    ),
    warning(
        "F216",
        "low-ceiling",
        "The longest wait between attempts is shorter than the first.",
        "Every wait would then be the ceiling.",
        Examples("retry_countdown: 60\nretry_ceiling: 10", "retry_countdown: 10\nretry_backoff: 2\nretry_ceiling: 60"),
    ),
    warning(
        "F217",
        "unused-task",
        "A task is declared, and no flow starts it.",
        "That may be meant; else a name in a flow is not what it should be.",
        Examples(
            "tasks: [{name: Bake, import: kitchen}]     # and no edge names Bake", "- {from: MakeDough, to: Bake}"
        ),
    ),
    warning(
        "F218",
        "unused-storage",
        "A storage is declared, and nothing uses it.",
        "Perhaps a task lacks its `storage`.",
        Examples("- {name: Bake, import: kitchen}", "- {name: Bake, import: kitchen, storage: Oven}"),
    ),
    warning(
        "F219",
        "same-class",
        "Two tasks are the same class, with different schemas or retries.",
        "That works. It is mentioned because it is more often an oversight than meant.",
        Examples(
            "- {name: Bake, import: kitchen, max_retry: 2}\n- {name: Bake2, import: kitchen, classname: Bake}",
            "- {name: Bake, import: kitchen, max_retry: 2}\n"
            "- {name: Bake2, import: kitchen, classname: Bake, max_retry: 2}",
        ),
    ),
    error(
        "F220",
        "no-storage",
        "A key about a task's storage is given, and the task has none.",
        "",
        Examples(
            "- name: Bake\n  import: kitchen\n  storage_readonly: true",
            "- name: Bake\n  import: kitchen\n  storage: Oven\n  storage_readonly: true",
        ),
    ),
    warning(
        "F221",
        "late-soft-limit",
        "A task is killed before its soft time limit.",
        "The soft limit lets the task clean up, so it must come before the hard one.",
        Examples("time_limit: 60\nsoft_time_limit: 90", "time_limit: 90\nsoft_time_limit: 60"),
    ),
    error(
        "F222",
        "no-tasks",
        "No tasks are declared.",
        "A flow without tasks does nothing. Perhaps the nodes file was not given.",
        Examples("asyncflow -c flows.yaml list", "asyncflow -c nodes.yaml -c flows.yaml list"),
    ),
    error(
        "F223",
        "second-global",
        "A key of `global` is given in two files.",
        "It cannot be told which of the two should hold.",
        Examples(
            "global: {trace: [logging: true]}      # in both files", "global: {trace: [logging: true]}      # in one"
        ),
    ),
    error(
        "F224",
        "bad-cache",
        "A cache is not known, or takes no such option.",
        "There are FIFO, LIFO, LRU, MRU and RR, each with `max_cache_size`. Your own needs `import`.",
        Examples("cache: {name: LFU}", "cache: {name: LRU, configuration: {max_cache_size: 100}}"),
    ),
    warning(
        "F225",
        "result-never-there",
        "A plain Celery task reads the result of a task that no edge leads from.",
        "A node sees the results of the sources of the edge that starts it, not those further back.",
        Examples(
            "- {name: Eat, celery_task: eat, args: [results.Bake]}\n# in the flow\n- {from: Cool, to: Eat}",
            "- {name: Eat, celery_task: eat, args: [results.Cool]}\n# in the flow\n- {from: Cool, to: Eat}",
        ),
    ),
)
