"""Texts with merge fields: what may stand between the braces, and how it becomes something that only values go into.

The language is Jinja's, cut down to fields, the words for those who have none (``{{ patient_name or "your pet" }}``),
four ways to write a value, and choices (``{% if species == "cat" %} … {% endif %}``). There are no loops, calls, sums
or attributes, so that a text ends, stays small and reaches nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from campaigns.merging import FIELDS
from data.errors import BadInput

BRACED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
FILTERS = ("upper", "lower", "title", "capitalize")
DEEPEST = 8
_LOOPS = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Or, nodes.And, nodes.Not,
    nodes.If, nodes.Compare, nodes.Operand, nodes.Filter,
)  # fmt: skip


class UnresolvedField(BadInput):
    """There is no {label} for this recipient, and the text says nothing in its place. Write words for that case, such
    as {example}, or leave these people out of the segment."""

    @property
    def field(self) -> str:
        """The name of the field."""
        return str(self.facts["field"])


class NotAText(BadInput):
    """{what}"""


@dataclass(frozen=True)
class Problem:
    """Something about a template that its author should know; one that ``stops`` keeps it from being sent."""

    place: str
    words: str
    stops: bool = True


def _needed(value: Any, name: str) -> Any:
    """A value that must be there."""
    if not value:
        raise UnresolvedField(
            field=name, label=FIELDS[name].label.lower(), example=f'{{{{ {name} or "…" }}}}'
        )  # fmt: skip
    return value


def _environment(escaped: bool) -> SandboxedEnvironment:
    made = SandboxedEnvironment(undefined=StrictUndefined, autoescape=escaped)
    made.filters = {name: made.filters[name] for name in FILTERS} | {"needed": _needed}
    made.tests, made.globals = {}, {}
    return made


_HTML, _PLAIN = _environment(True), _environment(False)


def parsed(text: str) -> nodes.Template:
    """A text taken apart; raises NotAText with a sentence for what may not stand in it."""
    try:
        tree = _PLAIN.parse(text)
    except TemplateSyntaxError as failure:
        raise NotAText(what=f"Line {failure.lineno}: {_grammar(str(failure.message))}") from None
    except RecursionError:
        raise NotAText(what="The braces lie too deep in each other. Write it in fewer steps.") from None
    _check(tree, 0)
    return tree


def _grammar(message: str) -> str:
    if "unexpected end" in message or "end of template" in message or "Unexpected end" in message:
        return "something that begins is not closed: {{ … }} and {% if … %} … {% endif %} belong together."
    if "Unknown" in message or "unknown tag" in message:
        return "only {% if %}, {% else %} and {% endif %} may stand between {% and %}."
    return "this cannot be read as a merge field. Write it like {{ client_first_name }}."


def _check(node: nodes.Node, depth: int) -> None:
    if isinstance(node, _LOOPS):
        raise NotAText(
            what=f"Line {node.lineno}: a text repeats nothing and fetches nothing. Write what it says once, and use "
            "{{ patient_names }} for several patients."
        )  # fmt: skip
    if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.Const) and not isinstance(node.value, str)):
        raise NotAText(
            what=f"Line {node.lineno}: between the braces stands a field, or a field with words for those who have "
            'none, such as {{ patient_name or "your pet" }}, and nothing else.'
        )  # fmt: skip
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.args or node.kwargs):
        raise NotAText(what=f"Line {node.lineno}: after | may stand {', '.join(FILTERS)}, not {node.name}.")
    if isinstance(node, nodes.Operand) and node.op not in ("eq", "ne"):
        raise NotAText(what=f"Line {node.lineno}: fields are compared with == or != only.")
    if depth > DEEPEST * 6:
        raise NotAText(what="The braces lie too deep in each other. Write it in fewer steps.")
    for child in node.iter_child_nodes():
        _check(child, depth + 1)


def gist(text: str, most: int = 110) -> str:
    """The first words of a text with made-up values in the place of its fields: for a list."""

    def example(found: re.Match[str]) -> str:
        name = re.match(r"\{\{\s*(\w+)", found[0])
        return FIELDS[name[1]].example if name and name[1] in FIELDS else ""

    told = " ".join(BRACED.sub(example, text).split())
    return told if len(told) <= most else told[: most - 2].rsplit(" ", 1)[0] + " …"


def names_in(tree: nodes.Node) -> list[str]:
    """The fields a text names, each once, in their order."""
    return list(dict.fromkeys(one.name for one in tree.find_all(nodes.Name)))


def words_in(tree: nodes.Node) -> list[str]:
    """The words a text puts where a field is empty, or compares one with."""
    return [str(one.value) for one in tree.find_all(nodes.Const)]


def unknown(names: list[str], place: str) -> Iterator[Problem]:
    """What is no field."""
    for name in names:
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1)
            meant = f" Did you mean {near[0]}?" if near else " Choose one from the list of fields."
            yield Problem(place, f"There is no field called {name}.{meant}")


class Ready:
    """A text into which only values go. ``kind`` is the clinic's: its neutral words stand for what is withheld."""

    def __init__(self, text: str, kind: str, *, escaped: bool = False) -> None:
        tree = parsed(text)
        self.fields = names_in(tree)
        self._known = {name: "" for name in self.fields}
        for output in tree.find_all(nodes.Output):
            output.nodes = [_resolved(one, kind) for one in output.nodes]
        environment = _HTML if escaped else _PLAIN
        try:
            self._template: Template = environment.from_string(tree)
        except (TemplateError, SyntaxError, RecursionError):
            raise NotAText(what="The braces lie too deep in each other. Write it in fewer steps.") from None

    def put(self, values: dict[str, str]) -> str:
        """The text with these values; raises UnresolvedField."""
        return self._template.render(self._known | values)


def _resolved(node: nodes.Expr, kind: str) -> nodes.Expr:
    """An expression that never shows nothing: a protected field has neutral words, every other must have a value."""
    if isinstance(node, nodes.Name):
        field = FIELDS.get(node.name)
        if field is not None and field.phi:
            return nodes.Or(node, nodes.Const(field.neutral_for(kind)), lineno=node.lineno)
        return nodes.Filter(node, "needed", [nodes.Const(node.name)], [], None, None, lineno=node.lineno)
    if isinstance(node, nodes.Or):
        right = node.right if isinstance(node.right, nodes.Const) else _resolved(node.right, kind)
        return nodes.Or(node.left, right, lineno=node.lineno)
    if isinstance(node, nodes.Filter) and node.node is not None:
        inner = _resolved(node.node, kind)
        return nodes.Filter(inner, node.name, [], [], None, None, lineno=node.lineno)
    return node
