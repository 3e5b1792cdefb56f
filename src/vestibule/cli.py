"""The `vestibule` command. Each command is a thin door; what it does lives below."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vestibule import __version__
from vestibule.errors import VestibuleError
from vestibule.settings import SETTINGS, Settings, SettingsError, load

app = typer.Typer(
    help="Vestibule: the room before the visit, between a health record and a video meeting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
connection_app = typer.Typer(help="EHR connections: what to copy into the record.", no_args_is_help=True)
app.add_typer(connection_app, name="connection")
audit_app = typer.Typer(help="The audit: prove that nobody changed it.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")
config_app = typer.Typer(help="The configuration as a file: see docs/howto/config-as-code.md.", no_args_is_help=True)
app.add_typer(config_app, name="config")
admin_app = typer.Typer(help="What the operator does for an organisation.", no_args_is_help=True)
app.add_typer(admin_app, name="admin")
console = Console()
errors = Console(stderr=True)
T = TypeVar("T")


def main() -> None:
    """Run the command; an error we know by name becomes one sentence and exit code 1, never a stack trace."""
    try:
        app()
    except SettingsError as error:
        errors.print("[bold red]Some settings are wrong:[/]")
        for mistake in error.mistakes:
            errors.print(f"  - {mistake}", markup=False)
        sys.exit(2)
    except VestibuleError as error:
        errors.print(f"{error.sentence} (code {error.code}, while {error.phase})", markup=False, soft_wrap=True)
        sys.exit(1)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; Ctrl-C ends it quietly."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _settings() -> Settings:
    return load()


@app.command()
def version() -> None:
    """Print the version."""
    console.print(__version__)


@app.command()
def settings() -> None:
    """Print every setting with its present value and its meaning; secrets are only said to be set or not."""
    now = _settings()
    table = Table("setting", "value", "meaning", show_lines=True)
    for setting in SETTINGS:
        value = getattr(now, setting.field)
        shown = ("(set)" if value else "(not set)") if setting.secret else str(value if not isinstance(value, tuple) else ", ".join(value))
        table.add_row(setting.name, shown, setting.help)
    console.print(table)


@app.command()
def serve() -> None:
    """Serve web pages, launches, live status and the room's signalling."""
    from vestibule.run import serve_here

    serve_here(_settings())


@app.command()
def worker() -> None:
    """Carry out effects (what the record must be told) and housekeeping; any number may run."""
    from vestibule.run import work_here

    _run(work_here(_settings()))


@app.command()
def mllp() -> None:
    """Take appointments as HL7 v2 messages, over MLLP and HTTPS; any number may run behind one address."""
    from vestibule.listen import listen_here

    listen_here(_settings())


@app.command()
def migrate() -> None:
    """Bring the database to this version's shape. Safe to run twice and from several machines at once."""
    from vestibule.run import migrate_database

    with console.status("Applying migrations ..."):
        applied = _run(migrate_database(_settings()))
    console.print(f"Applied {len(applied)}: {', '.join(applied)}" if applied else "The database is up to date.")


@app.command()
def doctor(
    connection: Annotated[str, typer.Option(help="Only connections with this text in their name, organisation or address.")] = "",
) -> None:
    """Check this installation: settings, database, keys, addresses, every EHR connection; each finding with cause and remedy."""
    from vestibule.installation import examine

    with console.status("Examining ..."):
        groups = _run(examine(_settings(), connection))
    colour = {"good": "green", "look": "yellow", "stops": "red"}
    for group in groups:
        console.print(f"\n[bold]{escape(group.title)}[/]", highlight=False)
        for finding in group.findings:
            line = f"  [bold {colour[finding.level]}]{finding.level:<6}[/] {escape(finding.what)} [dim]({finding.code})[/]"
            console.print(line, highlight=False, soft_wrap=True)
            if finding.remedy:
                console.print(f"         {escape(finding.remedy)}", style="dim", highlight=False, soft_wrap=True)
    found = [finding.level.value for group in groups for finding in group.findings]
    console.print(f"\n{found.count('stops')} in the way, {found.count('look')} worth a look. Codes: docs/howto/doctor-findings.md")
    if "stops" in found:
        raise typer.Exit(1)


@app.command()
def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Forget everything the demo kept, then start.")] = False,
    port: Annotated[int, typer.Option(help="First port to try; a busy one is stepped over.")] = 8080,
    data: Annotated[Path, typer.Option(help="Folder that keeps the demo's data between runs.")] = Path("var/demo"),
    empty: Annotated[bool, typer.Option("--empty", help="Set nothing up: begin where a newcomer begins.")] = False,
) -> None:
    """Start everything on this machine with the practice hospital and print one address. Ctrl-C leaves nothing running."""
    from vestibule.demo import run_demo

    _run(run_demo(console, data=data, port=port, reset=reset, empty=empty))


@app.command()
def link(
    visit: Annotated[str, typer.Argument(help="The visit's id, or its contact serial number (CSN).")],
    role: Annotated[str, typer.Option(help="patient, interpreter, family or guest")] = "patient",
    hours: Annotated[int, typer.Option(min=1, max=168, help="How long the link works.")] = 24,
) -> None:
    """Make a join link for one visit and print it. It is shown once: only its hash is kept."""
    from vestibule.run import make_link

    console.print(_run(make_link(_settings(), visit, role, hours)), soft_wrap=True, highlight=False)


@app.command("operator-link")
def operator_link(minutes: Annotated[int, typer.Option(min=1, max=60, help="How long the link waits to be used.")] = 10) -> None:
    """Print a one-time link that opens the operator pages in a browser."""
    from vestibule.run import make_operator_link

    for name, url in _run(make_operator_link(_settings(), minutes)):
        console.print(f"{name}: {url}", soft_wrap=True, highlight=False)


@connection_app.command("list")
def connection_list() -> None:
    """List the EHR connections and what to copy into the record for each."""
    from vestibule.connections import list_connections

    for line in _run(list_connections(_settings())):
        console.print(line, highlight=False)


_Organisation = Annotated[str, typer.Option("--organisation", help="Only this one, by its name or id.")]


@audit_app.command("verify")
def audit_verify(
    organisation: _Organisation = "",
    head: Annotated[list[str] | None, typer.Option("--head", help="A head noted down earlier, to be met; may be repeated.")] = None,
) -> None:
    """Walk every chain and say whether it is whole; name the first entry that is not, and what is wrong with it."""
    from vestibule.audits import verify_audit

    verdict = _run(verify_audit(_settings(), organisation, head or []))
    for line in verdict.lines():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not verdict.sound:
        raise typer.Exit(1)


@audit_app.command("head")
def audit_head(organisation: _Organisation = "") -> None:
    """Print where each chain ends. Keep it elsewhere: `verify --head` then proves that nothing before it was cut off or written anew."""
    from vestibule.audits import audit_heads

    for name, head in _run(audit_heads(_settings(), organisation)):
        console.print(f"{name}: entry {head.seq}, head {head.hash.hex()}", markup=False, highlight=False, soft_wrap=True)


@config_app.command("export")
def config_export(
    organisation: Annotated[str, typer.Option(help="Only the organisation of this name.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write to this file instead of the screen.")] = None,
) -> None:
    """Write the configuration as YAML: organisations, departments, connections; no secrets, no people."""
    from vestibule.configuration.commands import export

    text = _run(export(_settings(), organisation))
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")


_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A YAML file; see docs/howto/config-as-code.md.")]
_Prune = Annotated[bool, typer.Option("--prune", help="Remove departments and connections that the file does not name.")]


@config_app.command("plan")
def config_plan(file: _File, prune: _Prune = False) -> None:
    """Show what applying a file would change, and change nothing. Exit code 2 when there is something."""
    from vestibule.configuration.commands import plan

    outcome = _run(plan(_settings(), file, prune=prune))
    for line in outcome.lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if outcome.changes:
        raise typer.Exit(2)


@config_app.command("apply")
def config_apply(file: _File, prune: _Prune = False) -> None:
    """Make the configuration what a file says; what needs approval is submitted for it. Applying twice changes nothing."""
    from vestibule.configuration.commands import apply

    for line in _run(apply(_settings(), file, prune=prune)).lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@admin_app.command("invite")
def admin_invite(
    organisation: Annotated[
        str, typer.Option(help="The organisation's name; created if there is none of it. May be left out if there is one.")
    ] = "",
    email: Annotated[str, typer.Option(help="Only who signs in with this address can use the link.")] = "",
) -> None:
    """Print a one-time link for an administrator, the first one or another. It is shown once: only its hash is kept."""
    from vestibule.inviting import invite_administrator

    for line in _run(invite_administrator(_settings(), organisation, email)):
        console.print(line, soft_wrap=True, highlight=False)
