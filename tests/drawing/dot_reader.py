"""A reader of the part of DOT that the writer may use; anything else is an error."""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<word>[A-Za-z_]\w*)|(?P<sign>->|[{}\[\];,=]))')


@dataclass
class Graph:
    """Nodes and clusters with their attributes, and edges with theirs."""

    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    clusters: list[str] = field(default_factory=list)
    edges: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    defaults: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._graph = Graph()

    def read(self) -> Graph:
        self._expect("digraph")
        self._string()
        self._block()
        assert not self._tokens, self._tokens
        return self._graph

    def _block(self) -> None:
        self._expect("{")
        while self._tokens[0] != "}":
            self._statement()
        self._expect("}")

    def _statement(self) -> None:
        if self._tokens[0] == "subgraph":
            self._expect("subgraph")
            self._graph.clusters.append(self._string())
            self._block()
            return
        if self._tokens[0] in {"graph", "node", "edge"}:
            self._graph.defaults.append((self._tokens.pop(0), self._attributes()))
        else:
            name = self._string()
            if self._tokens[0] == "->":
                self._expect("->")
                self._graph.edges.append((name, self._string(), self._attributes()))
            else:
                assert name not in self._graph.nodes
                self._graph.nodes[name] = self._attributes()
        self._expect(";")

    def _attributes(self) -> dict[str, str]:
        found = {}
        self._expect("[")
        while self._tokens[0] != "]":
            name = self._string()
            self._expect("=")
            found[name] = self._string()
            if self._tokens[0] == ",":
                self._expect(",")
        self._expect("]")
        return found

    def _string(self) -> str:
        token = self._tokens.pop(0)
        assert token.startswith('"'), token
        return re.sub(r"\\(.)", lambda sign: "\n" if sign[1] == "n" else sign[1], token[1:-1])

    def _expect(self, token: str) -> None:
        assert self._tokens.pop(0) == token


def _tokens(text: str):
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        assert found, text[place : place + 40]
        yield found[found.lastgroup]
        place = found.end()


def read_dot(text: str) -> Graph:
    return Reader(text).read()
