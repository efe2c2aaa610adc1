"""Check what a build needs: programs, workspace, settings, keys, clock, git history."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Iterator, Optional

from aos_ota_plugin.children import program_output
from aos_ota_plugin.errors import BuildError, OtaError, WorkspaceError
from aos_ota_plugin.pipeline import setting_files
from aos_ota_plugin.pipeline.kept_releases import with_base_release
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.rendering import render_all
from aos_ota_plugin.pipeline.site import names_of
from aos_ota_plugin.pipeline.start_checks import check_images, check_kept_folder, plan_sources
from aos_ota_plugin.release import policy
from aos_ota_plugin.release.proofs import Proofs
from aos_ota_plugin.settings.resolve import OtaSettings
from aos_ota_plugin.verify.check import Check
from aos_ota_plugin.verify.history_check import check_history
from aos_ota_plugin.workspace.chip import SOLUTION_FOLDER, load_chip
from aos_ota_plugin.workspace.compiler import find_aos_compiler, find_compiler
from aos_ota_plugin.workspace.component_files import NAME
from aos_ota_plugin.workspace.disk import load_package
from aos_ota_plugin.workspace.find import find_components, find_root, find_solution, read_configuration
from aos_ota_plugin.workspace.launcher import AOS_TOOLS, Launcher, check_program, find_git, find_launcher
from aos_ota_plugin.workspace.solution import SolutionView, load_solution
from aos_ota_plugin.workspace.solution_settings import missing_of, resolve_view
from aos_ota_plugin.workspace.used_components import inputs_of

if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey

_OWN = ("out", "aos_sdk", ".git")
_SLACK = 2
"""Seconds that a file may be ahead of the clock: some file systems round."""
_DAY = 86_400


class _Setup:
    """What the checks examine; later ones need results of earlier ones, or are left out."""

    def __init__(self, directory: str, board: Optional[str], *, load_drivers: bool) -> None:
        self.start = os.path.abspath(directory)
        self.board = board
        self.load_drivers = load_drivers
        self.launcher: Optional[Launcher] = None
        self.solution = ""
        self.view: Optional[SolutionView] = None
        self.settings: Optional[OtaSettings] = None
        self.public_key: Optional[PublicKey] = None


def examine(directory: str, board: Optional[str], *, load_drivers: bool = False) -> Iterator[Check]:
    """Yield the result of each check, for the solution in or around `directory`, built for `board`.

    With ``load_drivers`` the PKCS#11 modules that the settings name are loaded: they are programs, which somebody
    else's workspace may have brought. An error of ours becomes a failed check; nothing is changed on the disk.
    """
    setup = _Setup(directory, board, load_drivers=load_drivers)
    for name, check in _CHECKS.items():
        try:
            yield from check(setup, name)
        except OtaError as error:
            yield Check(name, False, f"{error.place}: {error.problem}" if error.place else error.problem, error.remedy)


def _launcher(setup: _Setup, name: str) -> Iterator[Check]:
    launcher = setup.launcher = find_launcher()
    yield Check(name, True, f"starts SCons on Python {launcher.version[0]}.{launcher.version[1]} ({launcher.python})")


def _tools(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.launcher is None:
        return
    words = [setup.launcher.python, "-c", "from importlib.metadata import version\nprint(version('aos-tools'))"]
    installed = (program_output(words, seconds=120) or b"").decode("utf-8", "replace").strip()[:80]
    if not installed:
        raise BuildError("the Python that runs SCons has no aos-tools", remedy=f"python -m pip install {AOS_TOOLS}")
    wanted = AOS_TOOLS.partition("==")[2]
    yield Check(
        name,
        True if installed == wanted else None,
        installed,
        ""
        if installed == wanted
        else f"aos_ota_plugin is tested with {wanted}; if a build fails: python -m pip install {AOS_TOOLS}",
    )


def _workspace(setup: _Setup, name: str) -> Iterator[Check]:
    setup.solution = find_solution(setup.start)
    depends = {depend.name for depend in load_package(Path(setup.solution)).depends}
    if NAME in depends and NAME not in find_components(find_root(setup.solution)):
        # aos-tools goes on without it, and exits 0: then nothing of ours runs.
        raise WorkspaceError(
            f"the solution depends on {NAME}, which is not in this workspace: aos make says so in one "
            "line, goes on without it, and makes an unsigned firmware",
            remedy="put it in place with `aos-ota init`",
        )
    root = find_root(setup.solution)
    board = setup.board
    if board is None and os.path.realpath(setup.start) == os.path.realpath(root):
        board = read_configuration(root)[1] or None
    view = setup.view = load_solution(setup.solution, board=board)
    yield Check(name, True, f"{view.solution.name} for {view.board.name if view.board else 'its chip'} in {view.root}")
    for missing in missing_of(view):
        yield Check(
            name,
            False,
            f"{view.solution.file}: there is no component {missing} in this workspace, and aos make builds without it",
            f"install it with `aos install {missing}`, or correct the name",
        )
    for notice in view.notices:
        yield Check(name, None, str(notice))


def _hook(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.view is None:
        return
    if any(package.name == NAME for package in setup.view.components):
        yield Check(name, True, f"the component {NAME}")
    elif os.path.isfile(os.path.join(setup.solution, "site_scons", "site_init.py")):
        yield Check(name, True, "site_scons/site_init.py")
    else:
        raise WorkspaceError("nothing lets aos_ota_plugin into this solution's build", remedy="run `aos-ota init`")


def _compiler(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.view is None:
        return
    prefix = setup.view.hardware.get("toolchain_prefix", "")
    path = setup.view.hardware.get("toolchain_path", "")
    if not prefix:
        yield Check(name, None, "the chip's package.yaml names no toolchain_prefix, so it was not looked for")
        return
    tools = os.path.join(os.path.expanduser("~"), ".aliot", prefix)
    own = find_compiler(path, prefix) if path else None
    compiler = own or find_aos_compiler(tools, prefix)
    missing = f"there is no {prefix}-gcc in {os.path.join(path, 'bin')}, where toolchain_path says" if path else ""
    if compiler:
        check_program(compiler, "--version", "gcc", "install it again, with the libraries that it needs")
        yield Check(
            name,
            True if own or not path else None,
            compiler if own or not path else f"{missing}: aos make takes {compiler}",
            "" if own or not path else "correct toolchain_path in the chip's package.yaml, or leave it out",
        )
    elif path:
        raise BuildError(missing, remedy="install it, or correct toolchain_path in the chip's package.yaml")
    else:
        yield Check(
            name,
            None,
            f"there is no {prefix}-gcc in {tools}: aos make will download it",
            "without a network, install it and set toolchain_path in the chip's package.yaml",
        )


def _git(setup: _Setup, name: str) -> Iterator[Check]:
    yield Check(name, True, find_git())


def _partition(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.settings is None or setup.view is None:
        return
    view = setup.view
    size = setting_files.partition_size(
        setup.settings, view.board.path if view.board else None, view.chip.path if view.chip else None
    )
    yield Check(name, True, f"the OTA partition has {size} bytes (0x{size:x})")


def _chip(setup: _Setup, name: str) -> Iterator[Check]:
    view = setup.view
    if setup.settings is None or view is None or not any(package.postimage_script for package in view.components):
        return
    chip = load_chip(view.chip.name if view.chip else None, view.solution.path, setup.settings.chip_file or "")
    if chip.file:
        check_images(setup.settings, names_of(chip), chip.name)
        yield Check(name, True, f"{chip.name} is described by {chip.file}")
    else:
        yield Check(
            name,
            False,
            f"an image step runs, and no description says what it makes on the chip {chip.name or '(none)'}",
            f"describe it in {os.path.join(view.solution.path, SOLUTION_FOLDER, 'CHIP.yaml')} or a file of "
            "OTA_CHIP_FILE (docs/chips.md)",
        )


def _render(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.settings is None or setup.view is None:
        return
    inputs = inputs_of(setup.view)
    plan = plan_sources(inputs, setup.settings)
    render_all(inputs, plan, setup.settings, setup.public_key)
    source = plan.application.source or "the template's application"
    yield Check(name, True, f"the version goes into {source if plan.application.version_in_source else 'ota_app.h'}")


def _settings(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.view is None:
        return
    view = setup.view
    settings = setup.settings = with_base_release(resolve_view(view), view.board.name if view.board else None)
    yield Check(name, True, f"{settings.app_version}, {settings.security} mode, identity: {settings.identity}")
    for notice in settings.notices:
        yield Check(name, None, notice)
    check_kept_folder(settings, view.board.name if view.board else None)
    if settings.security == "none":
        yield Check(name, None, "images are not signed: devices take whatever reaches them", "set OTA_CONFIG_RSA to y")


def _keys(setup: _Setup, name: str) -> Iterator[Check]:
    if setup.settings is None:
        return
    settings = setup.settings
    build_keys = BuildKeys(settings)
    setting_files.check_files(settings, build_keys)
    drivers = [] if setup.load_drivers else list(_drivers(settings))
    for driver in drivers:
        yield Check(
            name,
            None,
            f"the token's driver {driver} was not loaded, and the token not asked",
            "`aos-ota doctor --load-drivers` does both; it runs the driver's code",
        )
    if drivers:
        return
    keys = build_keys.key_set
    signer, public_key = keys.signer, keys.public_key
    setup.public_key = keys.embedded
    if signer is not None:
        yield Check(name, True, f"signing key {signer.public_key.short_fingerprint}: signs, and is kept from others")
    if public_key is not None and (signer is None or public_key != signer.public_key):
        yield Check(
            name,
            signer is None,
            f"devices trust {public_key.short_fingerprint}",
            "" if signer is None else "drop OTA_PUBLIC_KEY, or give the one that belongs to OTA_SIGNING_KEY",
        )
    ring = keys.ring
    if public_key is not None and not settings.allow_development_key:
        policy.refuse_development_key(public_key)
    if public_key is not None and ring is not None:
        policy.prove_ring(ring, public_key, keys.next_key, Proofs())
        following = ring.next.label if ring.next else "none"
        yield Check(
            name, True, f"key ring: current {ring.current.label}, next {following}, {len(ring.retired)} retired"
        )


def _drivers(settings: OtaSettings) -> Iterator[str]:
    """Yield the PKCS#11 modules that the settings name. Raises SigningKeyError where one is not there."""
    for reference in (settings.signing_key, settings.second_signer):
        if reference is not None and reference.uri is not None:
            from aos_ota_plugin.keys.pkcs11_module import find_module

            yield find_module(reference.uri, folder=settings.solution_dir, environ=os.environ)


def _clock(setup: _Setup, name: str) -> Iterator[Check]:
    now = time.time()
    installed = os.stat(__file__).st_mtime
    if now < installed - _DAY:
        raise BuildError(
            f"it says {time.strftime('%Y-%m-%d', time.localtime(now))}, and aos_ota_plugin was installed after that",
            remedy="set the clock: SCons goes by time stamps",
        )
    ahead = [path for path in _sources(setup.solution) if _mtime(path) > now + _SLACK] if setup.solution else []
    if ahead:
        more = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
        yield Check(
            name,
            None,
            f"{ahead[0]}{more} changed in the future: every build compiles it again",
            "set the clock if it is wrong; then save the file once more",
        )
    else:
        yield Check(name, True, time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now)))


def _history(setup: _Setup, name: str) -> Iterator[Check]:
    return check_history(setup.solution, setup.settings, name) if setup.solution else iter(())


def _sources(folder: str) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _OWN]
        yield from (Path(place, name) for name in files)


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0


_CHECKS: Dict[str, Callable[[_Setup, str], Iterator[Check]]] = {
    "aos make": _launcher,
    "aos-tools": _tools,
    "git": _git,
    "workspace": _workspace,
    "hook": _hook,
    "compiler": _compiler,
    "settings": _settings,
    "partition": _partition,
    "keys": _keys,
    "chip": _chip,
    "sources": _render,
    "clock": _clock,
    "git history": _history,
}
