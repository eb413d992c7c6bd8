"""F1: files and YAML."""

from __future__ import annotations

from asyncflow.config.rules.rule import Examples, error, warning

RULES = (
    error(
        "F101",
        "unreadable-file",
        "A file cannot be read.",
        "It does not exist, or may not be read by this user.",
        Examples("asyncflow check flow.yaml      # the file is called flows.yaml", "asyncflow check flows.yaml"),
    ),
    error(
        "F102",
        "not-utf-8",
        "A file is not UTF-8.",
        "YAML files are read as UTF-8, with or without a byte order mark.",
        Examples("a file saved as Latin-1 or UTF-16", "iconv -f latin1 -t utf-8 flows.yaml > fixed.yaml"),
    ),
    error(
        "F103",
        "yaml-syntax",
        "A file is not YAML.",
        "Nothing after this place can be understood, so the rest of the file is not checked.",
        Examples("flows: [dinner", "flows: [dinner]"),
    ),
    error(
        "F104",
        "duplicate-key",
        "A key is given twice in one table.",
        "Most YAML readers silently take the last one. One of the two is a mistake.",
        Examples("- name: Bake\n  queue: oven\n  queue: kitchen", "- name: Bake\n  queue: kitchen"),
    ),
    error(
        "F105",
        "alias-bomb",
        "Aliases multiply to far more than what is written.",
        "A few lines of aliases to aliases can stand for billions of values. Nobody writes that for a flow.",
        Examples("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]    # and so on, 30 times", "a: [x, x]"),
    ),
    error(
        "F106",
        "too-deep",
        "Values are nested too deep, or an alias stands inside its own anchor.",
        "A configuration is a few levels deep; a hundred is a mistake, and endless cannot be.",
        Examples("a: &a [*a]", "a: &a [b]\nc: *a"),
    ),
    error(
        "F107",
        "unsupported-tag",
        "A value has a tag that is not supported, or that does not fit it.",
        "Only the tags of JSON's types are known: !!str, !!int, !!float, !!bool, !!null, !!seq, !!map.",
        Examples("started: !!timestamp 2026-01-01", "started: '2026-01-01'"),
    ),
    error(
        "F108",
        "key-not-text",
        "A key is a list or a table.",
        "Keys become the keys of JSON objects, and those are text.",
        Examples("? [a, b]\n: c", "ab: c"),
    ),
    error(
        "F109",
        "not-a-json-number",
        "A number is infinite or not a number.",
        "Values are sent to workers as JSON, which has neither.",
        Examples("value: .inf", "value: 1e308      # or '.inf', quoted, for the text"),
    ),
    error(
        "F110",
        "no-yaml-files",
        "A folder holds no YAML files.",
        "Folders are searched with all that is in them for .yaml and .yml; hidden files and folders are skipped.",
        Examples("asyncflow -c docs list", "asyncflow -c flows list"),
    ),
    error(
        "F111",
        "empty-file",
        "A file holds nothing but comments.",
        "Leave it out, or write into it what was meant.",
        Examples("# flows:", "flows: [dinner]"),
    ),
    error(
        "F112",
        "not-a-table",
        "A file does not hold a table at its top.",
        "A file holds one or more of tasks, flows, storages, global and flow-definitions.",
        Examples("- name: dinner\n  edges: []", "flow-definitions:\n  - name: dinner\n    edges: [{from: , to: Bake}]"),
    ),
    error(
        "F113",
        "second-document",
        "A file holds a second YAML document.",
        "Everything after `---` would be overlooked.",
        Examples("flows: [dinner]\n---\nflows: [lunch]", "flows: [dinner, lunch]"),
    ),
    error(
        "F114",
        "bad-merge",
        "`<<` merges something that is no table.",
        "It takes an alias of a table, or a list of such.",
        Examples("configuration:\n  <<: text", "configuration:\n  <<: *defaults"),
    ),
    warning(
        "F115",
        "unknown-part",
        "A key at the top of a file is not a part of a configuration, and is ignored.",
        "Keys that begin with x- are for your own use, such as holding anchors.",
        Examples("tasks-defaults: &defaults {queue: kitchen}", "x-defaults: &defaults {queue: kitchen}"),
    ),
    error(
        "F116",
        "not-json",
        "A configuration made in Python holds more than JSON can say.",
        "Only None, booleans, numbers, text, lists, sets of text and dictionaries are possible.",
        Examples(
            '{"tasks": [{"name": "Bake", "import": baking}]}', '{"tasks": [{"name": "Bake", "import": "baking"}]}'
        ),
    ),
    warning(
        "F120",
        "word-for-boolean",
        "yes, no, on or off is read as true or false.",
        "YAML 1.1 says so, YAML 1.2 says it is text. Files written for Selinon mean YAML 1.1, so that is kept.",
        Examples("args: {key: proceed, value: yes}", "args: {key: proceed, value: 'yes'}     # or true"),
    ),
    warning(
        "F121",
        "odd-number",
        "A value looks like a number of YAML 1.1, and is read as text.",
        "YAML 1.1 takes 12:30:45 for 45045, 1_000 for 1000 and 010 for 8. Such surprises are left out.",
        Examples("args: {key: start, value: 12:30:45}", "args: {key: start, value: '12:30:45'}"),
    ),
    warning(
        "F122",
        "date",
        "A value looks like a date, and is read as text.",
        "JSON has no dates, so results and node args never hold one: comparing with text is what works.",
        Examples("args: {key: day, value: 2026-01-31}", "args: {key: day, value: '2026-01-31'}"),
    ),
)
