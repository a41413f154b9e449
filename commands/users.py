"""``ballast user``, ``ballast role`` and ``ballast audit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from commands.context import common, operator, tell
from data.errors import CheckFailed
from security import audit_reading, invitations, role_matrix, users
from security.clinics import add_user
from security.permissions import PERMISSIONS


class ChainBroken(CheckFailed):
    """The audit log is not whole: {problem}. Keep the latest backup and tell the owner."""


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("add")
@click.argument("name")
@click.option("--role", required=True)
@click.option("--full-name", default="", help="The person's name as colleagues read it.")
@click.option(
    "--password-stdin", is_flag=True, required=True, expose_value=False, help="Read the password from standard input."
)
@common
def user_add(name: str, role: str, full_name: str) -> None:
    """Add a person."""
    password = sys.stdin.readline().rstrip("\n")
    by = operator()
    add_user(name, role, password, name=full_name, by=by)
    tell({"username": name.lower(), "role": role}, f"{name} can sign in as {role}.")


@user.command("list")
@common
def user_list() -> None:
    """Everybody with an account."""
    rows = users.list_users(by=operator())
    found = [
        {"username": row.username, "name": row.name, "role": row.role, "status": row.status, "sessions": row.sessions,
         "last_sign_in_at": row.last_sign_in_at, "second_factor": row.has_second_factor}
        for row in rows
    ]  # fmt: skip
    words = "\n".join(f"{row.username:<20} {row.role_label:<16} {row.status:<9} {row.name}" for row in rows)
    tell({"users": found}, words)


@user.command("disable")
@click.argument("name")
@common
def user_disable(name: str) -> None:
    """Stop a person from signing in and sign them out."""
    by = operator()
    users.disable(users.find_by_name(name, by=by).id, by=by)
    tell({"username": name, "status": "disabled"}, f"{name} can no longer sign in.")


@user.command("enable")
@click.argument("name")
@common
def user_enable(name: str) -> None:
    """Let a disabled or locked person sign in again."""
    by = operator()
    found = users.find_by_name(name, by=by)
    users.enable(found.id, by=by)
    users.release(found.id, by=by)
    tell({"username": name, "status": "active"}, f"{name} can sign in again.")


@user.command("set-role")
@click.argument("name")
@click.argument("role")
@common
def user_set_role(name: str, role: str) -> None:
    """Promote or demote a person."""
    by = operator()
    users.set_role(users.find_by_name(name, by=by).id, role, by=by)
    tell({"username": name, "role": role}, f"{name} is {role} now.")


@user.command("reset")
@click.argument("name")
@click.option("--second-factor", is_flag=True, help="Forget the second factor instead of the password.")
@common
def user_reset(name: str, second_factor: bool) -> None:
    """Print a one-time link by which a person chooses a new password."""
    by = operator()
    found = users.find_by_name(name, by=by)
    if second_factor:
        users.forget_second_factor(found.id, by=by)
        tell({"username": name}, f"{name} sets up a new second factor at the next sign-in.")
        return
    users.release(found.id, by=by)
    make = invitations.invite_again if found.status == "invited" else invitations.reset_password
    link = make(found.id, by=by)
    words = f"{name} chooses a password at the clinic's address followed by {link.path} until {link.expires_at:%c} UTC."
    tell({"username": name, "path": link.path, "expires_at": link.expires_at}, words)


@click.group()
def role() -> None:
    """What roles may do."""


@role.command("list")
@common
def role_list() -> None:
    """Every role and how many people have it."""
    rows = role_matrix.list_roles(by=operator())
    found = [
        {"role": row.slug, "label": row.label, "people": row.people, "second_factor": row.second_factor,
         "permissions": sorted(row.permissions)}
        for row in rows
    ]  # fmt: skip
    words = "\n".join(f"{row.slug:<16} {row.label:<20} {len(row.permissions):>3} permissions, {row.people} people"
                      for row in rows)  # fmt: skip
    tell({"roles": found}, words)


@role.command("show")
@click.argument("name")
@common
def role_show(name: str) -> None:
    """What one role may do."""
    text = role_matrix.export_role(name, by=operator())
    row = next(found for found in role_matrix.list_roles(by=operator()) if found.slug == name)
    document: dict[str, Any] = {
        "role": row.slug, "label": row.label, "second_factor": row.second_factor,
        "permissions": sorted(row.permissions),
    }  # fmt: skip
    lines = [f"{row.label} may"] + [f"  {PERMISSIONS[held].action}" for held in PERMISSIONS if held in row.permissions]
    tell(document | {"file": text}, "\n".join(lines))


@role.command("export")
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of standard output.")
@common
def role_export(name: str, output: Path | None) -> None:
    """A role as one readable file."""
    text = role_matrix.export_role(name, by=operator())
    if output is None:
        tell({"role": name, "file": text}, text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8")
    tell({"role": name, "path": str(output)}, f"Wrote {output}.")


@role.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def role_import(file: Path) -> None:
    """Read a role from a file."""
    slug = role_matrix.import_role(file.read_text(encoding="utf-8"), by=operator())
    tell({"role": slug}, f"The role {slug} was read and saved.")


@click.group()
def audit() -> None:
    """Who did and saw what."""


@audit.command("verify")
@common
def audit_verify() -> None:
    """Walk the audit log's chain; names the first row that was altered, removed or added."""
    verdict = audit_reading.verify_audit(by=operator())
    document = {"rows": verdict.rows, "good": verdict.bad_seq is None, "bad_row": verdict.bad_seq,
                "problem": verdict.problem, "head": verdict.head_hash}  # fmt: skip
    tell(document, f"{verdict.rows} rows, each linked to the one before." if verdict.bad_seq is None else "")
    if verdict.bad_seq is not None:
        raise ChainBroken(problem=verdict.problem)


@audit.command("export")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of standard output.")
@common
def audit_export(output: Path | None) -> None:
    """The audit log as CSV, with its hashes."""
    text = audit_reading.export_audit(audit_reading.Filters(), by=operator())
    if output is None:
        tell({"csv": text}, text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8", newline="")
    tell({"path": str(output), "rows": text.count("\n") - 1}, f"Wrote {output}.")
