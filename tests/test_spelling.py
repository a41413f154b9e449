"""The words on screen are spelt as American clinics spell them."""

import ast
import re

import pytest

from tests.conftest import ROOT

PACKAGES = ("appointments", "billing", "forms", "messages", "opening", "pages", "records", "reports", "security", "web")
BRITISH = re.compile(
    r"\b\w*(colour|behaviour|neighbour|favour|cancelled|cancelling|licence|labelled|anaesth|apnoea|haem|oedema|"
    r"diarrhoea|centimetre|catalogue|organis|recognis|authoris|sterilis|customis|summaris)\w*\b",
    re.IGNORECASE,
)
NAME = re.compile(r"[a-z_:.{}-]+")


def _said(tree):
    """Every string but the documentation of code; the sentence of a failure is said to people."""
    told = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    silent = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        sentence = isinstance(node, ast.ClassDef) and node.bases
        for one in body if isinstance(body, list) and not sentence else []:
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                silent.add(id(one.value))
    return [node.value for node in told if id(node) not in silent and not NAME.fullmatch(node.value)]


@pytest.mark.slow
def test_the_words_on_screen_are_spelt_the_american_way():
    synonyms = {"licence number"}
    wrong = []
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        wrong += [(path.name, text) for text in _said(ast.parse(path.read_text())) if text not in synonyms
                  and BRITISH.search(text)]  # fmt: skip
    for path in (ROOT / "reports").rglob("*.toml"):
        wrong += [(path.name, line) for line in path.read_text().splitlines()
                  if re.match("(label|title|purpose|definition|empty)", line) and BRITISH.search(line)]  # fmt: skip
    assert not wrong
