"""The PostgreSQL that comes along: nothing survives us, nothing is lost, nobody else is hurt."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from support.crash import code, running
from support.embedded import KEEPER, ask
from support.folders import quick_folder
from support.waiting import until
from vestibule.errors import Conflict, Unavailable
from vestibule.platform.db import Database, EmbeddedPostgres, migrate
from vestibule.platform.db.holders import holders

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the death signal of a parent is Linux's")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be root or to stop being it")
has_15 = pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's PostgreSQL 15 is not installed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calm(seed_home: Path) -> AsyncIterator[EmbeddedPostgres]:
    """One that is only asked, never hurt."""
    with quick_folder() as folder:
        home = folder / "pg"
        shutil.copytree(seed_home, home, symlinks=True, ignore=lambda _, names: [name for name in names if name == "s"])
        it = EmbeddedPostgres(home)
        await it.start()
        yield it
        await it.stop()


async def kill_postmaster(server: EmbeddedPostgres) -> None:
    """kill -9, and wait until the supervisor has another one up."""
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await until(lambda: server.pid != killed and server.ready, what="a new postmaster")


@pytest.mark.parametrize(
    ("binaries", "major"),
    [
        pytest.param(None, "18", id="bundled"),
        pytest.param(
            DEBIAN_15, "15", id="debian-15", marks=pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's 15 is not installed")
        ),
    ],
)
async def test_from_nothing_to_a_migrated_database(quick_path: Path, binaries: Path | None, major: str) -> None:
    server = EmbeddedPostgres(quick_path / "deep" / "pg", binaries=binaries)
    try:
        url = await server.start()
        assert (await migrate(url))[0] == "0000_ground"
        assert str(await ask(url, "show server_version")).startswith(major)
        db = await Database.open(url)
        await db.ping()
        await db.close()
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("listen_addresses", "", "no TCP"),
        ("data_checksums", "on", "a bad disk is noticed"),
        ("fsync", "on", "a power cut takes nothing"),
        ("full_page_writes", "on", "nor tears a page"),
        ("synchronous_commit", "on", "COMMIT means committed"),
        ("password_encryption", "scram-sha-256", "no md5"),
        ("log_error_verbosity", "terse", "no DETAIL, for it quotes rows"),
        ("log_min_error_statement", "panic", "no statements"),
        ("unix_socket_permissions", "0700", "our own user only"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_settings_that_matter(calm: EmbeddedPostgres, setting: str, value: str, reason: str) -> None:
    assert await ask(calm.url(), f"show {setting}") == value


@pytest.mark.asyncio(loop_scope="module")
async def test_the_login_role_is_no_superuser(calm: EmbeddedPostgres) -> None:
    assert await ask(calm.url(), "select rolsuper or rolbypassrls or rolreplication from pg_roles where rolname = current_user") is False


@pytest.mark.parametrize("wrong", ["", ":wrong"])
async def test_nobody_comes_in_without_the_password(server: EmbeddedPostgres, quick_path: Path, wrong: str) -> None:
    no_passwords = quick_path / "pgpass"
    no_passwords.touch(mode=0o600)
    address = server.url().split("@", maxsplit=1)[1]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://vestibule{wrong}@{address}", passfile=no_passwords)


async def test_secrets_and_folders_are_closed_to_others(quick_path: Path) -> None:
    server = EmbeddedPostgres(quick_path / "pg")
    await server.start()
    await server.stop()
    for name in ("password", "password-login", "lock", "data", "s", "."):
        assert stat.S_IMODE((server.home / name).stat().st_mode) & 0o077 == 0, name


async def test_a_second_server_on_the_same_folder_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(Conflict, match="database-in-use"):
        await EmbeddedPostgres(server.home).start()
    assert await ask(server.url(), "select 1") == 1


async def test_whoever_is_refused_may_share_the_server_that_is_there(server: EmbeddedPostgres) -> None:
    """`vestibule worker` beside `vestibule serve`."""
    other = EmbeddedPostgres(server.home)
    with pytest.raises(Conflict):
        await other.start()
    assert await ask(await other.shared(), "select 1") == 1


async def test_a_server_still_being_made_is_waited_for(quick_path: Path) -> None:
    """Both processes started at once on an empty folder: the second finds the folder taken long before anybody could sign in."""
    first, second = EmbeddedPostgres(quick_path / "pg"), EmbeddedPostgres(quick_path / "pg")
    making = asyncio.create_task(first.start())
    await until(lambda: first._lock is not None, what="the first has the folder")
    try:
        with pytest.raises(Conflict):
            await second.start()
        assert await ask(await second.shared(), "select 1") == 1
    finally:
        await making
        await first.stop()


async def test_nobody_waits_without_end_for_a_server_that_does_not_come(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server._take_lock()
    other = EmbeddedPostgres(home)
    try:
        with pytest.raises(Conflict):
            await other.start()
        with pytest.raises(Unavailable, match="database-unavailable"):
            await other.shared(patience=0.2)
    finally:
        await server.stop()


async def test_a_long_path_still_gets_a_socket(home: Path, quick_path: Path) -> None:
    long = quick_path / ("x" * 100)
    home.rename(long)
    server = EmbeddedPostgres(long)
    try:
        assert await ask(await server.start(), "select 1") == 1
    finally:
        await server.stop()
        shutil.rmtree(server._sockets)


async def test_a_socket_folder_prepared_by_somebody_else_is_refused(home: Path, quick_path: Path) -> None:
    long = quick_path / ("x" * 100)
    home.rename(long)
    server = EmbeddedPostgres(long)
    await server.start()
    await server.stop()
    server._sockets.chmod(0o777)
    try:
        with pytest.raises(Conflict, match="database-socket-folder"):
            await EmbeddedPostgres(long).start()
    finally:
        shutil.rmtree(server._sockets)


async def test_a_making_that_was_cut_short_is_made_again(quick_path: Path) -> None:
    """initdb works beside its place; half of one is never taken for a cluster."""
    half = quick_path / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(quick_path / "pg")
    assert await ask(await server.start(), "select 1") == 1
    await server.stop()


async def test_what_was_committed_is_there_after_a_restart(home: Path) -> None:
    for round_ in range(2):
        server = EmbeddedPostgres(home)
        url = await server.start()
        await ask(url, "create table if not exists kept (n int)")
        assert await ask(url, "select count(*) from kept") == round_
        await ask(url, "insert into kept values (1)")
        await server.stop()
    assert holders(server.data) == []


async def test_a_broken_cluster_is_an_error_that_names_the_log(home: Path) -> None:
    (home / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(Unavailable, match=r"database-start-failed.*server\.log"):
        await EmbeddedPostgres(home).start()
    assert "incompatible with server" in (home / "server.log").read_text()


async def test_a_killed_server_comes_back_with_what_was_committed(server: EmbeddedPostgres) -> None:
    url = server.url()
    await migrate(url)
    await ask(url, "create table kept (n int); insert into kept values (42); grant select on kept to vestibule_app")
    db = await Database.open(url)
    await kill_postmaster(server)
    async with db.anyone() as tx:
        assert await tx.fetchval("select n from kept") == 42
    await db.close()


async def test_a_server_killed_again_and_again_comes_back(server: EmbeddedPostgres) -> None:
    for _ in range(4):
        await kill_postmaster(server)
    assert await ask(server.url(), "select 1") == 1


@on_linux
async def test_a_killed_parent_leaves_no_postgres(home: Path) -> None:
    async with running(code(KEEPER, str(home))) as keeper:
        await keeper.said("^postmaster")
        assert holders(home / "data")
        keeper.kill()
        await keeper.ended()
        await until(lambda: not holders(home / "data"), seconds=30, what="no postgres left")
    log = (home / "server.log").read_text()
    assert "database system is shut down" in log, "it shut down in order: no recovery is owed"


async def test_a_killed_parent_s_successor_takes_over_at_once(home: Path) -> None:
    """Even when the old server is still there: it is ours, so it is ended, and its committed rows stay."""
    async with running(code(KEEPER, str(home))) as keeper:
        url = (await keeper.said(r"^url (\S+)"))[1]
        await ask(url, "create table kept (n int); insert into kept values (42)")
        keeper.kill()
        await keeper.ended()
    server = EmbeddedPostgres(home)
    try:
        assert await ask(await server.start(), "select n from kept") == 42
    finally:
        await server.stop()


async def test_an_orphan_is_ended_by_the_next_start(home: Path) -> None:
    """What macOS leaves after kill -9 of the parent: a living server of ours without a supervisor."""
    orphan_of = EmbeddedPostgres(home)
    await orphan_of.start()
    assert orphan_of._watch is not None
    orphan_of._watch.cancel()
    orphan = orphan_of.pid
    assert orphan_of._lock is not None
    os.close(orphan_of._lock)
    orphan_of._lock = None
    server = EmbeddedPostgres(home)
    try:
        assert await ask(await server.start(), "select 1") == 1
        assert orphan not in holders(server.data)
    finally:
        await server.stop()
        assert orphan_of._server is not None
        await orphan_of._server.wait()


@as_root
async def test_as_root_the_server_is_not_root(server: EmbeddedPostgres) -> None:
    """It runs in a user namespace: no file changed its owner."""
    assert {path.stat().st_uid for path in server.data.rglob("*")} == {0}
    status = Path(f"/proc/{server.pid}/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    assert int(effective.split()[1], 16) == 0, "no capability is left"


@as_root
@has_15
async def test_as_root_without_namespaces_the_folder_is_given_to_nobody() -> None:
    """On Debian's programs, for nobody cannot read those below root's closed home folder."""
    top = Path("/tmp") / f"vst-owner-{os.getpid()}"
    top.mkdir(mode=0o755)
    server = EmbeddedPostgres(top / "pg", binaries=DEBIAN_15, namespace=False)
    try:
        url = await server.start()
        assert await ask(url, "select 1") == 1
        assert {path.stat().st_uid for path in server.data.rglob("*")} == {65534}
        assert top.stat().st_uid == 0, "nothing above our folder changes its owner"
        await kill_postmaster(server)
    finally:
        await server.stop()
    again = EmbeddedPostgres(top / "pg", binaries=DEBIAN_15)  # a later start, namespaces allowed: the folder's owner decides
    try:
        assert await ask(await again.start(), "select 1") == 1
    finally:
        await again.stop()
        shutil.rmtree(top)


@as_root
async def test_as_an_ordinary_user(quick_path: Path) -> None:
    """Judged in a user namespace, where the whole program is an ordinary user even below root's closed home folder."""
    under = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    async with running(code("import os; print('uid', os.geteuid())\n" + KEEPER, str(quick_path / "pg")), under=under) as keeper:
        assert (await keeper.said(r"^uid (\d+)"))[1] == "1000"
        url = (await keeper.said(r"^url (\S+)"))[1]
        assert await ask(url, "select 1") == 1
        keeper.kill()
        await keeper.ended()
        await until(lambda: not holders(quick_path / "pg" / "data"), seconds=30, what="no postgres left")
