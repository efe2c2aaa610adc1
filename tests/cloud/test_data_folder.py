"""The cloud's folder: whose it is, whose keys it takes, and its certificates over the years."""

import datetime
import errno
import os
import shutil
import ssl

import pytest

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.certificates import Issued, issue, make_ca, validity
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.errors import FormatError, OutputError, SecretError
from aos_ota_plugin.keys.generate import generate_private_pem

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
HOSTS = ["127.0.0.1", "localhost"]
posix = pytest.mark.skipif(os.name != "posix", reason="permission bits")


@pytest.fixture
def folder(tmp_path, cloud_keys):
    return shutil.copytree(cloud_keys, tmp_path / "云 cloud")


def open_to_others(folder):
    return [path.name for path in [folder, *folder.iterdir()] if path.stat().st_mode & 0o077]


@posix
def test_a_folder_that_was_there_is_closed_to_others(tmp_path):
    path = tmp_path / "cloud"
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    (line,) = data_folder.prepare(path)
    assert line == f"{path} could be read by others; it is closed to them now"
    assert open_to_others(path) == []
    assert (path / data_folder.DATABASE).stat().st_mode & 0o777 == 0o600
    assert data_folder.prepare(path) == []


@posix
def test_a_database_that_others_could_read_is_closed_and_said(tmp_path):
    path = tmp_path / "cloud"
    data_folder.prepare(path)
    for name in (data_folder.DATABASE, f"{data_folder.DATABASE}-wal"):
        (path / name).touch()
        (path / name).chmod(0o644)
    path.chmod(0o755)
    lines = data_folder.prepare(path)
    assert [line.split()[0] for line in lines[1:]] == ["cloud.sqlite", "cloud.sqlite-wal"]
    assert "the secrets of its devices" in lines[1]
    assert open_to_others(path) == []


@posix
def test_a_folder_of_others_things_is_not_taken(tmp_path):
    (tmp_path / "letter.txt").write_text("x")
    tmp_path.chmod(0o755)
    with pytest.raises(OutputError, match="other things than a cloud"):
        data_folder.prepare(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@posix
def test_a_folder_of_another_user_is_named(tmp_path, monkeypatch):
    def listdir(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(OutputError, match="cannot read .*: Permission denied"):
        data_folder.prepare(tmp_path)


@posix
@pytest.mark.parametrize("name", ["ca.key", "server.key", "ota_key.pem", "cloud.json"])
def test_a_key_that_others_can_read_is_refused(folder, name):
    data_folder.write_config(folder, data_folder.new_config("127.0.0.1"))
    data_folder.check_secrets(folder)
    (folder / name).chmod(0o640)
    with pytest.raises(SecretError, match="others can read or change this file") as caught:
        data_folder.check_secrets(folder)
    assert caught.value.place.file == str(folder / name)


@posix
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_named(folder, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(OutputError, match=r"cannot lock .*cloud\.lock: its file system has no locks") as caught:
        Cloud(folder, data_folder.new_config("127.0.0.1"))
    assert "a disk of this machine" in caught.value.remedy


@posix
@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_lock_file_is_named(folder, make):
    make(folder / "cloud.lock")
    with pytest.raises(OutputError, match=r"cloud\.lock: a (folder|link) stands there"):
        Cloud(folder, data_folder.new_config("127.0.0.1"))


@posix
def test_an_identity_that_others_can_read_is_refused(folder):
    identity = folder / "devices" / "demo" / "灯 one.json"
    identity.parent.mkdir(parents=True)
    identity.write_text("{}")
    identity.chmod(0o600)
    data_folder.check_secrets(folder)
    identity.chmod(0o644)
    with pytest.raises(SecretError, match=r"with a secret of the cloud \(mode 0644\)") as caught:
        Cloud(folder, data_folder.new_config("127.0.0.1"))
    assert caught.value.place.file == str(identity)
    assert f"chmod -R go= '{folder / 'devices'}'" in caught.value.remedy


def serial_of_handshake(context, folder):
    """The serial number of the certificate that a new connection gets, checked under the folder's root."""
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    ends = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
    server_side = context.wrap_bio(*ends[0], server_side=True)
    client_side = client.wrap_bio(*ends[1], server_hostname="localhost")
    done = set()
    while len(done) < 2:
        for side, mine, other in ((client_side, ends[1], ends[0]), (server_side, ends[0], ends[1])):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
            other[0].write(mine[1].read())
    return client_side.getpeercert()["serialNumber"]


def test_the_certificate_is_renewed_under_its_root_for_the_context_in_use(folder):
    ca = (folder / "ca.pem").read_bytes()
    data_folder.install(folder, issue(data_folder._authority(folder, NOW), HOSTS, NOW - 30 * DAY, NOW + 8 * DAY))
    context = data_folder.load_context(folder)
    before = serial_of_handshake(context, folder)
    assert not data_folder.renew_certificate(folder, HOSTS, NOW, context)
    assert serial_of_handshake(context, folder) == before
    assert data_folder.renew_certificate(folder, HOSTS, NOW + DAY, context)
    assert serial_of_handshake(context, folder) != before
    assert (folder / "ca.pem").read_bytes() == ca


def without_authority(folder):
    """A root certificate as another program may make it: CA:false."""
    issued = issue(Issued((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes()), HOSTS, NOW, NOW + DAY)
    (folder / "ca.pem").write_bytes(issued.certificate)
    (folder / "ca.key").write_bytes(issued.key)


def with_another(name):
    return lambda folder: (folder / name).write_bytes(
        getattr(make_ca(NOW), "key" if name == "ca.key" else "certificate")
    )


def with_text(name, data):
    return lambda folder: (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "file", "problem"),
    [
        (without_authority, "ca.pem", "not one of an authority"),
        (with_text("ca.pem", b"no certificate"), "ca.pem", "cannot be read"),
        (with_text("ca.pem", b""), "ca.pem", "cannot be read"),
        (with_another("ca.key"), "ca.key", "not that of the root certificate"),
        (with_another("ca.pem"), "ca.key", "not that of the root certificate"),
        (with_text("ca.key", b"\xff"), "ca.key", "key of the root certificate cannot be read"),
    ],
)
def test_a_root_that_signs_nothing_is_refused_by_its_name_and_never_replaced(folder, damage, file, problem):
    damage(folder)
    before = {name: (folder / name).read_bytes() for name in ("ca.pem", "ca.key", "server.pem")}
    with pytest.raises(FormatError, match=problem) as caught:
        Cloud(folder, data_folder.new_config("127.0.0.1"))
    assert caught.value.place.file == str(folder / file)
    assert "moving both ca.pem and ca.key away" in caught.value.remedy
    assert {name: (folder / name).read_bytes() for name in before} == before


def of_another_root(folder):
    data_folder.install(folder, issue(make_ca(NOW), HOSTS, NOW, NOW + 400 * DAY))


def of_another_host(folder):
    data_folder.install(folder, issue(data_folder._authority(folder, NOW), ["old"], NOW, NOW + 400 * DAY))


def near_its_end(folder):
    data_folder.install(folder, issue(data_folder._authority(folder, NOW), HOSTS, NOW, NOW + DAY))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (of_another_root, "another root has signed it"),
        (of_another_host, "it is for another host"),
        (near_its_end, "it is not good for another week"),
        (with_text("server.pem", b"x"), "no certificate of a server can be read in it"),
        (with_another("server.pem"), "no certificate of a server can be read in it"),
        (lambda folder: None, None),
    ],
)
def test_a_certificate_of_the_server_that_is_replaced_is_named_with_the_reason(folder, damage, problem):
    damage(folder)
    lines = []
    context = data_folder.tls_context(folder, HOSTS, NOW, lines.append)
    assert lines == ([f"server.pem is made anew under the same root certificate: {problem}"] if problem else [])
    assert serial_of_handshake(context, folder)


def test_a_public_key_that_firmware_trusts_is_never_replaced(folder):
    public = (folder / "ota_key.pub.pem").read_bytes()
    mine = (folder / "ota_key.pem").read_bytes()
    data_folder.signing_key(folder)
    (folder / "ota_key.pem").unlink()
    with pytest.raises(FormatError, match=r"ota_key\.pem is missing, and firmware may trust") as caught:
        data_folder.signing_key(folder)
    assert caught.value.place.file == str(folder / "ota_key.pub.pem")
    assert not (folder / "ota_key.pem").exists()
    (folder / "ota_key.pem").write_bytes(generate_private_pem(None))
    with pytest.raises(FormatError, match=r"this is not the public half of ota_key\.pem"):
        data_folder.signing_key(folder)
    assert (folder / "ota_key.pub.pem").read_bytes() == public
    (folder / "ota_key.pub.pem").unlink()
    (folder / "ota_key.pem").write_bytes(mine)
    data_folder.signing_key(folder)
    assert (folder / "ota_key.pub.pem").read_bytes() == public


def test_a_certificate_that_is_not_valid_yet_is_renewed(folder):
    context = data_folder.load_context(folder)
    assert data_folder.renew_certificate(folder, HOSTS, NOW - 400 * DAY, context)


@pytest.mark.parametrize(
    "days, words", [(-3650, "is not valid before"), (3650 - 91, None), (3650 - 89, "ends on"), (3651, "ended on")]
)
def test_a_root_that_ends_is_said_and_stays(folder, days, words):
    ca = (folder / "ca.pem").read_bytes()
    _, ends = validity(ca)
    now = ends + (days - 3650) * DAY
    lines = data_folder.authority_warnings(folder, now)
    assert [words in line and line.startswith("WARNING: ca.pem") for line in lines] == ([True] if words else [])
    assert (folder / "ca.pem").read_bytes() == ca


@pytest.mark.parametrize("lost", ["ca.pem", "ca.key"])
def test_half_of_a_root_that_is_lost_is_never_replaced(folder, lost):
    context = data_folder.tls_context(folder, HOSTS, NOW)
    other = folder / ({"ca.pem", "ca.key"} - {lost}).pop()
    before = other.read_bytes()
    (folder / lost).unlink()
    (folder / "server.pem").unlink()
    for work in (
        lambda: data_folder.tls_context(folder, HOSTS, NOW),
        lambda: data_folder.renew_certificate(folder, HOSTS, NOW, context),
    ):
        with pytest.raises(FormatError, match=f"{lost} is missing, and firmware trusts the authority"):
            work()
    assert (other.read_bytes(), (folder / lost).exists()) == (before, False)


def test_a_new_root_gets_a_certificate_of_its_own_and_none_while_the_cloud_runs(folder):
    context = data_folder.tls_context(folder, HOSTS, NOW)
    before = (folder / "server.pem").read_bytes()
    for name in ("ca.pem", "ca.key"):
        (folder / name).unlink()
    with pytest.raises(FormatError, match=r"ca\.pem is missing"):
        data_folder.renew_certificate(folder, HOSTS, NOW, context)
    data_folder.tls_context(folder, HOSTS, NOW)
    assert (folder / "server.pem").read_bytes() != before


def test_a_database_that_is_damaged_further_in_is_named_at_the_start(tmp_path):
    folder = tmp_path / "云"
    Cloud(folder, data_folder.new_config("127.0.0.1")).stop()
    database = folder / "cloud.sqlite"
    data = bytearray(database.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    database.write_bytes(bytes(data))
    with pytest.raises(FormatError, match="cannot be used") as caught:
        Cloud(folder, data_folder.new_config("127.0.0.1"))
    assert "restore a copy" in caught.value.remedy


def test_an_emptied_database_is_refused_and_stays(tmp_path):
    folder = tmp_path / "云"
    Cloud(folder, data_folder.new_config("127.0.0.1")).stop()
    (folder / "cloud.sqlite").write_bytes(b"")
    with pytest.raises(FormatError, match=r"cloud\.sqlite is empty") as caught:
        Cloud(folder, data_folder.read_config(folder))
    assert "restore a copy" in caught.value.remedy
    assert (folder / "cloud.sqlite").read_bytes() == b""


def test_a_first_start_that_was_interrupted_goes_on(tmp_path):
    folder = tmp_path / "云"
    data_folder.prepare(folder)
    data_folder.signing_key(folder)
    assert (folder / "cloud.sqlite").read_bytes() == b""
    Cloud(folder, data_folder.new_config("127.0.0.1")).stop()
    assert (folder / "cloud.sqlite").read_bytes() != b""
