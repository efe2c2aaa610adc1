"""Reads workspaces with aos-tools' own classes, as ``aos make`` does, until standard input ends.

Each line in is a JSON object: ``folder`` (the solution), ``board`` (what --board says) and ``arguments`` ([name, value]
pairs). Each line out is what aos-tools made of it, or ``{"fails": why}`` where it ends or breaks.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import warnings

warnings.filterwarnings("ignore")
SECONDS = 1


def real_tools():
    """aos-tools' classes; importing its package would run `scons` and ask for a terminal."""
    with contextlib.redirect_stdout(io.StringIO()):
        from aostools import package, solution, yoc
    return package, solution, yoc


def read(tools, task):
    package, solution, yoc = tools
    os.chdir(task["folder"])
    if task["board"]:
        try:
            package.set_specified_board("")
            from aostools.subcmds.make import Make

            Make.saveSolutionAndBoardParams(None, yoc.Configure().yoc_path, task["board"])
        except BaseException as trouble:
            return {"not rewritten": f"{type(trouble).__name__}: {trouble}"}
    package.set_specified_board(task["board"])
    solution.SCons.ARGLIST[:] = [tuple(pair) for pair in task["arguments"]]
    ran_out = []
    signal.signal(signal.SIGVTALRM, lambda number, frame: late(ran_out))
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)  # of this process alone, whatever else the machine does
    try:
        workspace = yoc.YoC()
        workspace.conf.disable_auto_install = True  # it would ask the network
        workspace.doBoardPreConfig(task["board"])
        read_in = workspace.getSolution(task["board"], exit_if_lost=True)
    except BaseException as trouble:  # it ends by exit(-1), exit(0), or by an error of Python's
        # Conditions in a circle multiply in it; and it goes on after errors that it does not look at.
        return {"hangs": True} if ran_out else {"fails": f"{type(trouble).__name__}: {trouble}"}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if ran_out:
        return {"hangs": True}
    return described(read_in)


def late(ran_out):
    ran_out.append(True)
    raise TimeoutError


def described(read_in):
    hardware = {name: getattr(read_in, name) for name in ("toolchain_prefix", "toolchain_path", "cpu_name")}
    return {
        "components": [component.name for component in read_in.components],
        "types": {component.name: component.type for component in read_in.components},
        "depends": {
            component.name: sorted({str(name) for one in component.depends for name in one})
            for component in read_in.components
        },
        "defines": {name: repr(value) for name, value in read_in.org_defines.items()},
        "def_config": {
            component.name: {name: repr(value) for name, value in component.defconfig.items()}
            for component in read_in.components
        },
        "sources": {component.name: component.source_files_updated for component in read_in.components},
        "waiting": [component.name for component in read_in.cond_components],
        "board": read_in.board_component.name if read_in.board_component else None,
        "chip": read_in.chip_component.name if read_in.chip_component else None,
        "hardware": hardware,
    }


if __name__ == "__main__":
    classes = real_tools()
    tasks = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")  # its exit() closes sys.stdin
    for line in tasks:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            answer = read(classes, json.loads(line))
        if "fails" in answer:
            answer["fails"] += " " + shown.getvalue()[-300:]
        print(json.dumps(answer), flush=True)
