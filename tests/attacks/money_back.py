"""Which public rules can reach a line of code that gives money back or lets go of it, read from the source."""

from __future__ import annotations

import ast
import functools

from tests.security import permission_table as table

LETS_GO = ("refunded", "forgiven", "voided")
Place = tuple[str, str]


def _names(call: ast.Call) -> set[str]:
    return {value.id for value in (*call.args, *(one.value for one in call.keywords)) if isinstance(value, ast.Name)}


def _words(call: ast.Call) -> set[object]:
    values = (*call.args, *(one.value for one in call.keywords))
    return {part.value for value in values for part in ast.walk(value) if isinstance(part, ast.Constant)}


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` as it is written; nothing for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def _moves_money(call: ast.Call) -> bool:
    """Whether a call writes a payment, orders a refund, or writes that an invoice is let go of."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else _dotted(call.func)
    if name == "Payment" or (name in ("add", "bulk", "insert") and "Payment" in _names(call)):
        return True
    if name == "ProcessorOrder":
        return "refund" in _words(call)
    return name in ("add_event", "InvoiceEvent") and bool(_words(call) & set(LETS_GO))


@functools.cache
def _functions() -> dict[Place, tuple[bool, frozenset[Place]]]:
    """By module and name (methods by theirs): whether it moves money itself, and what it mentions."""
    found: dict[Place, tuple[bool, frozenset[Place]]] = {}
    for package in table.PACKAGES:
        for path in sorted((table.ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(table.ROOT).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text())
            names = table.imported(tree)
            for node in ast.walk(tree):
                if not isinstance(node, ast.FunctionDef):
                    continue
                moves, mentions = False, set()
                for part in ast.walk(node):  # also functions handed on without being called
                    if isinstance(part, ast.Call):
                        moves = moves or _moves_money(part)
                    elif isinstance(part, ast.Name | ast.Attribute):
                        text = _dotted(part)
                        head, _, rest = text.partition(".")
                        whole = f"{names[head]}.{rest}".rstrip(".") if head in names else f"{module}.{text}"
                        place = whole.rpartition(".")
                        mentions.add((place[0], place[2]))
                        if isinstance(part, ast.Attribute):
                            mentions.add((module, part.attr))
                known = found.get((module, node.name), (False, frozenset()))
                found[module, node.name] = known[0] or moves, known[1] | mentions
    return found


def reaches(place: Place) -> bool:
    """Whether a function moves money, itself or by what it mentions."""
    seen, open_ = {place}, [place]
    while open_:
        moves, mentions = _functions().get(open_.pop(), (False, frozenset()))
        if moves:
            return True
        fresh = mentions - seen
        seen |= fresh
        open_ += fresh
    return False


def rules_that_move_money() -> set[str]:
    """The public rules among them."""
    return {rule.title for rule in table.rules() if reaches((rule.module, rule.name))}


def writers() -> set[str]:
    """Every function that moves money by itself, public or not: what is handed on by a table is not mentioned."""
    return {".".join(place) for place, (moves, _) in _functions().items() if moves}
