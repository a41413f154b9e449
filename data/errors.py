"""Failures as sentences.

Each failure is a class whose docstring is the sentence a person reads: what happened, where, what to do.
Facts go in by keyword. ``exit_code`` is what the ``ballast`` command answers with (design section 6).
"""

from __future__ import annotations

import inspect


class Refusal(Exception):
    """The request could not be carried out."""

    exit_code = 2

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(" ".join(inspect.cleandoc(self.__doc__ or "").split()).format(**facts))

    @property
    def message(self) -> str:
        """The sentence for the person who meets it."""
        return str(self)


class BadInput(Refusal):
    """{problem}"""


class NotFound(Refusal):
    """There is no {what} {name} here. It may have been removed, or it belongs to another clinic."""


class EditedMeanwhile(Refusal):
    """{who} changed this {what} while you had it open. Nothing of yours was saved: look at the new version and
    enter your change again."""


class NotPermitted(Refusal):
    """Your role may not {action}. Ask an administrator to do it, or to change your role."""

    exit_code = 3


class SessionEnded(Refusal):
    """You have been signed out. Sign in again; what you typed is kept as a draft."""

    exit_code = 3


class EnvironmentFailure(Refusal):
    """{problem}"""

    exit_code = 4


class CheckFailed(Refusal):
    """{problem}"""

    exit_code = 1
