"""`token`: who may use the HTTP API from elsewhere."""

from __future__ import annotations

import click

from asyncflow.app import token_file
from asyncflow.cli.console import print_json
from asyncflow.cli.environment import settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.options import Output, Where
from asyncflow.model.names import Json
from asyncflow.web.tokens import Scope, Token, TokenFile


def create(scope: str, name: str, where: Where, output: Output) -> int:
    """The body of `asyncflow token create`."""
    file = _file(where)
    token, text = file.create(Scope(scope), name)
    if output.json:
        print_json({**_told(token), "token": text})
        return Exit.OK
    click.echo(text)
    if not output.quiet:
        click.echo(f"token {token.id} of scope {scope}; its digest is in {file.path}, itself it is nowhere", err=True)
    return Exit.OK


def list_tokens(where: Where, output: Output) -> int:
    """The body of `asyncflow token list`."""
    tokens = _file(where).tokens()
    if output.json:
        print_json({"tokens": [_told(token) for token in tokens]})
        return Exit.OK
    for token in tokens:
        click.echo(f"{token.id}  {token.scope.value:5}  {token.created_at[:19]}  {token.name}".rstrip())
    return Exit.OK


def revoke(id: str, where: Where, output: Output) -> int:
    """The body of `asyncflow token revoke`."""
    token = _file(where).revoke(id)
    if output.json:
        print_json(_told(token))
    elif not output.quiet:
        click.echo(f"revoked token {id} of scope {token.scope.value}", err=True)
    return Exit.OK


def _file(where: Where) -> TokenFile:
    return token_file(settings_of(where))


def _told(token: Token) -> dict[str, Json]:
    return {"id": token.id, "name": token.name, "scope": token.scope.value, "created_at": token.created_at}
