"""Predicates on the environment and on web servers, asked of a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from asyncflow.model.names import Json
from asyncflow.predicates import BUILT_INS

env_exist, env_equal, http_status = (BUILT_INS.outside[name] for name in ("envExist", "envEqual", "httpStatus"))


class Answers(BaseHTTPRequestHandler):
    """Knows one page, /recipes/pie, and answers nothing but HEAD."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/recipes/pie" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture(scope="module")
def web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_env_exist_sees_a_variable_even_when_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCFLOW_TEST_PIE", "")
    assert env_exist(env="ASYNCFLOW_TEST_PIE") is True
    monkeypatch.delenv("ASYNCFLOW_TEST_PIE")
    assert env_exist(env="ASYNCFLOW_TEST_PIE") is False


@pytest.mark.parametrize(("value", "answer"), [("1", True), ("2", False), (1, False), (None, False)])
def test_env_equal_compares_with_a_string(value: Json, answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCFLOW_TEST_PIE", "1")
    assert env_equal(env="ASYNCFLOW_TEST_PIE", value=value) is answer


@pytest.mark.parametrize("env", ["ASYNCFLOW_TEST_ABSENT", "", 5, None, ["HOME"], "\ud800"])
def test_a_name_that_no_variable_has_is_false(env: Json) -> None:
    assert env_exist(env=env) is False
    assert env_equal(env=env, value=None) is False


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/recipes/pie", 200, True),
        ("recipes/pie", 200, True),
        ("/recipes/pie", 404, False),
        ("/recipes/pie", "200", False),
        ("/recipes/soup", 404, True),
        ("/recipes/soup", 200, False),
        ("/no good", 200, False),
        ("/ü", 200, False),
        (5, 200, False),
    ],
)
def test_http_status_compares_the_status_that_the_server_sends(
    path: Json, status: Json, answer: bool, web_server: str
) -> None:
    assert http_status(host=web_server, path=path, status=status) is answer


@pytest.mark.parametrize("host", ["127.0.0.1:port", "bad host", "x" * 300, 5, None])
def test_http_status_of_a_host_that_is_none_is_false(host: Json) -> None:
    assert http_status(host=host, path="/", status=200, timeout=0.2) is False


def test_http_status_is_false_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    assert http_status(host=host, path="/", status=200) is False


@pytest.mark.parametrize("timeout", [0, -1, "soon", None])
def test_http_status_with_a_timeout_that_is_none_is_false(timeout: Json, web_server: str) -> None:
    assert http_status(host=web_server, path="/recipes/pie", status=200, timeout=timeout) is False


def test_q33_http_status_gives_up_on_a_server_that_stays_silent(silent_server: str) -> None:
    begun = time.monotonic()
    assert http_status(host=silent_server, path="/", status=200, timeout=0.1) is False
    assert time.monotonic() - begun < 2
