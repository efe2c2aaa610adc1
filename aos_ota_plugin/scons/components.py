"""Change the components of an aos build, whether aos-tools has read them already or not.

aos-tools reads components one after another, ours somewhere among them. A component that is still to be read is changed
through its description, a component that has been read through the environment that its targets share. Both take
effect, because SCons expands command lines only when it builds.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence, Set

from aos_ota_plugin.pipeline.mode_proof import MACRO, Command, CompiledSource
from aos_ota_plugin.scons.command_words import command_words
from aos_ota_plugin.scons.paths import library_stem
from aos_ota_plugin.workspace import used_components
from aos_ota_plugin.workspace.used_components import BuildInputs, UsedComponent

LOCAL_RSA = MACRO
_COMMANDS = {".c": "$CCCOM", **dict.fromkeys((".cc", ".cpp", ".cxx"), "$CXXCOM")}
"""The construction variables with the commands that compile a source, by its suffix."""


class Components:
    """The components in use, and the changes to how they are compiled."""

    def __init__(self, defconfig: Any, env: Any) -> None:
        self.build_env = defconfig.build_env
        self.solution = defconfig.build_env.solution
        self._env = env

    def find(self, name: str) -> Optional[Any]:
        """Return the component of that name, None if it is not in use."""
        for component in self.solution.components:
            if component.name == name:
                return component
        return None

    def inputs(self) -> BuildInputs:
        """Return the components in use, for the checks at a build's start."""
        components = {component.name: _used(component) for component in self.solution.components}
        solution = components[self.solution.solution_component.name]
        return BuildInputs(solution, components, " ".join(self.solution.CFLAGS))

    def drop_defines(self, names: Iterable[str]) -> None:
        """Remove settings from every compile line: a changed setting would rebuild every object file."""
        unwanted = set(names)
        for name in unwanted:
            self.solution.defines.pop(name, None)
        for component in self.solution.components:
            self._drop_from(component, unwanted)

    def set_define(self, component: Any, name: str, value: int) -> None:
        """Compile one component with ``name`` defined."""
        env = self._read_env(component)
        if env is not None:
            env.Append(CPPDEFINES=[(name, value)])
        else:
            define = component.build_config.define
            # aos-tools quotes the values of a mapping, and takes a list as it is: the macro is added in the same form.
            component.build_config.define = (
                {**define, name: value} if isinstance(define, dict) else [*_listed(define), f"{name}={value}"]
            )

    def compile_all_with(self, flags: Sequence[str], environment: Mapping[str, str]) -> None:
        """Compile every component with additional flags and environment variables."""
        read = (self._read_env(component) for component in self.solution.components)
        for env in (self.build_env.env, *(env for env in read if env is not None)):
            env.Append(CCFLAGS=list(flags))
            env["ENV"].update(environment)

    def add_include_folder(self, component: Any, folder: str) -> None:
        """Add an include folder: a rendered source needs the headers beside its original."""
        env = self._read_env(component)
        if env is not None:
            env.AppendUnique(CPPPATH=[folder])
        elif folder not in component.build_config.internal_include_updated:
            component.build_config.internal_include_updated.append(folder)

    def add_source(self, component: Any, node: Any) -> None:
        """Compile one more source into a component."""
        library = self._library(component)
        if library is None:
            component.source_files_updated.append("#" + node.path.replace(os.sep, "/"))
            return
        objects = library.get_build_env().Object(node)
        library.add_source(objects)
        library.get_executor().add_sources(objects)

    def compiled_sources(self, component: Any) -> Optional[List[CompiledSource]]:
        """Return the C sources of a component with the commands that compile them; None for a prebuilt one."""
        library = self._library(component)
        if library is None:
            return None
        return [
            CompiledSource(node.sources[0].rfile().abspath, node.abspath, functools.partial(_command, node))
            for node in library.sources
            if node.has_builder() and node.sources
        ]

    def image_steps(self) -> List[str]:
        """Return every component's ``postimage_script``, in the order in which aos-tools would run them."""
        scripts = list(self.build_env.postimage_scripts)
        for component in self.solution.components:
            script = component.build_config.postimage_script
            if script and script not in scripts:
                scripts.append(script)
        return scripts

    def take_image_steps(self) -> List[str]:
        """Take every ``postimage_script`` away from aos-tools; return them as ``image_steps`` does."""
        scripts = self.image_steps()
        self.build_env.postimage_scripts.clear()
        for component in self.solution.components:
            component.build_config.postimage_script = ""
        return scripts

    def _drop_from(self, component: Any, unwanted: Set[str]) -> None:
        component.build_config.define = _without(component.build_config.define, unwanted)
        env = self._read_env(component)
        if env is not None and "CPPDEFINES" in env:
            env["CPPDEFINES"] = _without(env["CPPDEFINES"], unwanted)

    def _library(self, component: Any) -> Optional[Any]:
        solution = self.solution
        stem = library_stem(component.name)
        for folder, name in (
            (solution.lib_path, stem + ".a"),
            (solution.userspace_lib_path, stem + ".a"),
            (solution.dylib_path, stem + ".so"),
        ):
            node = self._env.File(os.path.join(folder, name))
            if node.has_builder():
                return node
        return None

    def _read_env(self, component: Any) -> Optional[Any]:
        library = self._library(component)
        return library.get_build_env() if library is not None else None


def _command(node: Any) -> Command:
    """Return the compile command of an object file, whose action SCons has dropped by now."""
    env, source = node.get_build_env(), node.sources[0]
    variable = _COMMANDS.get(os.path.splitext(source.name)[1].lower())
    if variable is None:
        return Command((), {})
    from SCons.Subst import escape_list

    # SCons hands this line to a shell, which takes the backslashes out of -DNAME=\"text\".
    line = escape_list(env.subst_list(variable, target=[node], source=node.sources)[0], env["ESCAPE"])
    words = command_words(" ".join(str(word) for word in line))
    environment = {str(name): str(value) for name, value in env["ENV"].items()}
    return Command((env.WhereIs(words[0]) or words[0], *words[1:]), environment)


def _used(component: Any) -> UsedComponent:
    return UsedComponent(
        component.name, component.path, component.build_config.cflag, tuple(component.source_files_updated)
    )


def source_files(component: Any) -> Iterator[str]:
    """Yield the sources that a component compiles, in its order.

    They are paths below the component, with forward slashes.
    """
    return used_components.source_files(component.path, component.source_files_updated)


def find_source(component: Any, name: str) -> Optional[str]:
    """Return the path below the component, with forward slashes, of its source file called ``name``."""
    return next((path for path in source_files(component) if os.path.basename(path) == name), None)


def _without(defines: Any, unwanted: Set[str]) -> Any:
    """Return the macros, a mapping or a list as before, without the unwanted ones."""
    if isinstance(defines, dict):
        return {name: value for name, value in defines.items() if _define_name(name) not in unwanted}
    return [item for item in _listed(defines) if _define_name(item) not in unwanted]


def _listed(defines: Any) -> List[Any]:
    """Return macros as a list; SCons also takes a single macro as a text."""
    return [defines] if isinstance(defines, str) and defines else list(defines or ())


def _define_name(item: Any) -> str:
    if isinstance(item, (dict, tuple, list)):
        item = next(iter(item), "")
    return str(item).partition("=")[0].strip()
