"""What docs/security.md says about roles, written from the code: ``python -m tests.security.permission_table``.

Rules are found by reading the source: public functions with a parameter ``by: Actor``. What a rule asks for is the
second argument of its ``act(by, …)``, ``look(by, …)`` or ``together(by, …)``, or that of the rules it hands ``by`` to.
"""

from __future__ import annotations

import ast
import functools
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from security.permissions import AREAS, DEFAULT_ROLES, PERMISSIONS

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "security.md"
PACKAGES = ("messages", "security", "reports", "forms", "records", "appointments", "billing", "campaigns", "outage")
BEGIN, END = "<!-- written by tests/security/permission_table.py -->", "<!-- end -->"
OPENERS = {"act": 1, "look": 1, "together": 1, "authorize": 2}
"""What checks, and which of its arguments is the permission."""
OWN = "(own)"
"""Asked for no permission: what everyone may do to their own things."""


@dataclass
class Rule:
    """A public function that acts for somebody. ``asks`` are its permissions, ``calls`` the functions that get
    ``by`` from it."""

    module: str
    name: str
    opens: bool = False
    is_part: bool = False
    """Whether it works inside the transaction of a rule, which has checked."""
    asks: set[str] = field(default_factory=set)
    calls: set[tuple[str, str]] = field(default_factory=set)
    unclear: bool = False
    """Whether a permission is worked out while it runs."""

    @property
    def title(self) -> str:
        """How the table names it."""
        return f"{self.module}.{self.name}"


@functools.cache
def every_function() -> dict[tuple[str, str], Rule]:
    """Every function that takes ``by``, public or not."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text())
            names = imported(tree)
            constants = {
                target.id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and _by(node):
                    found[module, node.name] = _read(node, module, names, constants)
    return found


def rules() -> list[Rule]:
    """The public ones, without the frame of rules itself and parts of other rules."""
    return [
        rule
        for rule in every_function().values()
        if not rule.name.startswith("_") and not rule.is_part and rule.module != "security.rules"
    ]


def asked(rule: Rule, seen: frozenset[tuple[str, str]] = frozenset()) -> set[str]:
    """The permissions a rule asks for, its own or those of what it hands ``by`` to."""
    if rule.opens:
        return rule.asks
    found: set[str] = set()
    for place in rule.calls - seen:
        target = every_function().get(place)
        if target is not None:
            found |= asked(target, seen | {place})
    return found


def checked(rule: Rule, seen: frozenset[tuple[str, str]] = frozenset()) -> bool:
    """Whether a rule reaches ``act`` or ``look``."""
    return rule.opens or any(
        checked(every_function()[place], seen | {place}) for place in rule.calls - seen if place in every_function()
    )


def imported(tree: ast.Module) -> dict[str, str]:
    """Local name to the dotted thing it stands for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    return names


def _by(node: ast.FunctionDef) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return any(a.arg == "by" and a.annotation is not None and ast.unparse(a.annotation) == "Actor" for a in arguments)


def _read(node: ast.FunctionDef, module: str, names: dict[str, str], constants: dict[str, object]) -> Rule:
    arguments = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    rule = Rule(module, node.name, is_part=bool(arguments & {"session", "work"}))
    for call in (found for found in ast.walk(node) if isinstance(found, ast.Call)):
        function = ast.unparse(call.func)
        passed = [*call.args, *(keyword.value for keyword in call.keywords)]
        if not any(isinstance(value, ast.Name) and value.id == "by" for value in passed):
            continue
        opener = OPENERS.get(function.rpartition(".")[2])
        if opener is not None and len(call.args) > opener:
            rule.opens = True
            _ask(rule, call.args[opener], constants)
        else:
            head, _, rest = function.partition(".")
            whole = f"{names[head]}.{rest}".rstrip(".") if head in names else f"{module}.{function}"
            place = whole.rpartition(".")
            rule.calls.add((place[0], place[2]))
    return rule


def _ask(rule: Rule, value: ast.expr, constants: dict[str, object]) -> None:
    if isinstance(value, ast.IfExp):
        _ask(rule, value.body, constants)
        _ask(rule, value.orelse, constants)
    elif isinstance(value, ast.Constant):
        rule.asks.add(OWN if value.value is None else str(value.value))
    elif isinstance(value, ast.Name) and value.id in constants:
        rule.asks.add(str(constants[value.id]))
    else:
        rule.unclear = True


def navigation() -> types.ModuleType:
    """pages/navigation.py without running the app."""
    tree = ast.parse((ROOT / "pages" / "navigation.py").read_text())
    tree.body = [node for node in tree.body if ast.unparse(node) != "main()"]
    module = types.ModuleType("navigation_table")
    sys.modules["navigation_table"] = module
    exec(compile(tree, "navigation.py", "exec"), module.__dict__)
    return module


def rules_of(script: Path, seen: set[Path] | None = None) -> Iterator[tuple[str, str]]:
    """The rules a page calls, itself or through its components."""
    seen = seen if seen is not None else set()
    if script in seen or not script.is_file():
        return
    seen.add(script)
    tree = ast.parse(script.read_text())
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            head, _, rest = ast.unparse(node).partition(".")
            whole = f"{names.get(head, '')}.{rest}".rstrip(".")
            place = whole.rpartition(".")
            if (place[0], place[2]) in every_function():
                yield place[0], place[2]
    for whole in names.values():
        if whole.startswith("pages.") and "frame" not in whole and "sidebar" not in whole:
            for part in (whole, whole.rpartition(".")[0]):
                yield from rules_of(ROOT / Path(*part.split(".")).with_suffix(".py"), seen)


def needed(page: object) -> tuple[str, ...]:
    """The permissions of which any one opens a page."""
    permission = page.permission  # type: ignore[attr-defined]
    return (permission,) if isinstance(permission, str) else tuple(permission or ())


def render() -> str:
    """The three tables."""
    roles = list(DEFAULT_ROLES)
    labels = [DEFAULT_ROLES[role][0] for role in roles]
    lines = ["### What each role may do", "", _head("Area", "Permission", "A person may", *labels)]
    for permission in PERMISSIONS.values():
        cells = [_mark(permission.name in DEFAULT_ROLES[role][2]) for role in roles]
        lines.append(_line(AREAS[permission.area], f"`{permission.name}`", permission.action, *cells))
    lines += ["", "### Which pages each role sees", "", _head("Section", "Page", "Path", "Needs", *labels)]
    for section, pages in navigation().SECTIONS.items():
        for page in pages:
            needs = needed(page)
            cells = [_mark(not needs or bool(set(needs) & DEFAULT_ROLES[role][2])) for role in roles]
            words = " or ".join(f"`{name}`" for name in needs) or "a sign-in"
            lines.append(_line(section, page.title, f"`/{page.path}`", words, *cells))
    lines += ["", "### Page x action x role", "", _head("Page", "Action", "Needs", *labels)]
    for pages in navigation().SECTIONS.values():
        for page in pages:
            for place in sorted(set(rules_of(ROOT / "pages" / page.script))):
                rule = every_function()[place]
                asks = sorted(asked(rule))
                if rule.name.startswith("_") or rule.is_part or not asks:
                    continue
                opens = [_mark(any(ask == OWN or ask in DEFAULT_ROLES[role][2] for ask in asks)) for role in roles]
                words = " or ".join("own things" if ask == OWN else f"`{ask}`" for ask in asks)
                lines.append(_line(page.title, f"`{rule.title}`", words, *opens))
    return "\n".join(lines)


def _head(*cells: str) -> str:
    return f"{_line(*cells)}\n{_line(*('---' for _ in cells))}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _mark(on: bool) -> str:
    return "yes" if on else "–"


def parse(document: str, heading: str) -> list[dict[str, str]]:
    """The rows of the table under a heading, by column."""
    text = document.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0].split(END)[0]
    rows = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def main() -> None:
    """Write the tables into the document."""
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{render()}\n\n{END}{after}")


if __name__ == "__main__":
    main()
