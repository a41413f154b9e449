"""One page of the app, as the table in navigation.py names it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page: script below pages/, title, Material icon, the permission it needs, its one-segment path.

    Of several permissions any one opens the page.
    """

    script: str
    title: str
    icon: str
    permission: str | tuple[str, ...] | None
    path: str
    in_menu: bool = True

    def opens_for(self, may: frozenset[str]) -> bool:
        """Whether somebody with these permissions may see it."""
        needed = (self.permission,) if isinstance(self.permission, str) else self.permission
        return needed is None or any(name in may for name in needed)
