"""From YAML text to an `asyncflow.model.flow.Configuration`, every mistake with its place and a hint."""

from asyncflow.config.loading import Checked, Loaded, check, load, load_mapping
from asyncflow.config.render import render
from asyncflow.config.rules import CODES
from asyncflow.config.rules.rule import Rule
from asyncflow.config.schema import schema

__all__ = ["CODES", "Checked", "Loaded", "Rule", "check", "load", "load_mapping", "render", "schema"]
