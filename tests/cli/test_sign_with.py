"""`aos-ota sign` with every kind of signer: the same bytes from each, and from none of them when something is wrong."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from softhsm import PIN
from terminal import typed

from aos_ota_plugin.keys.public import parse_public_key

KEYS = Path(__file__).parents[1] / "keys" / "data"
PUBLIC = KEYS / "public.pem"
PASSPHRASE = "correct horse"
URI = "pkcs11:token=OTA%20keys;object=ota"
MODULE = "?module-name=softhsm2"
hsm = pytest.mark.hsm
needs_pty = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "文件 夹"
    path.mkdir()
    (path / "p.bin").write_bytes(bytes(range(256)) * 100)
    for name, file in (("key.pem", "private.pem"), ("locked.pem", "private-encrypted.pem")):
        (path / name).write_bytes((KEYS / file).read_bytes())
        (path / name).chmod(0o600)
    return path


def ring(folder, public=PUBLIC):
    """A key ring whose current key is this public one: what tells a program's public key."""
    fingerprint = parse_public_key(public.read_bytes(), file="").fingerprint
    (folder / "ring.yaml").write_text(
        f"current:\n  fingerprint: {fingerprint}\n  public_key: {public}\n", encoding="utf-8"
    )
    return ("--key-ring", "ring.yaml")


@pytest.fixture
def sign(run, folder):
    """Sign with a key; the image's bytes, or what was said when there is none."""

    def call(key, *options, **environment):
        done = run("sign", "p.bin", "--key", key, "--version", "app-1", "-o", "out.bin", *options, **environment)
        for secret in (PASSPHRASE, PIN):
            assert secret not in done.stdout + done.stderr
        if done.returncode == 0:
            assert done.stderr == ""
            manifest = (folder / "out.json").read_text(encoding="utf-8")
            assert "pkcs11" not in manifest
            assert PIN not in manifest
            return (folder / "out.bin").read_bytes()
        assert done.returncode == 1
        assert done.stdout == ""
        assert not list(folder.glob("out*"))
        assert "\n  fix: " in done.stderr
        return done.stderr

    return call


@pytest.fixture
def expected(run, folder):
    done = run("sign", "p.bin", "--key", "key.pem", "--version", "app-1", "-o", "expected.bin")
    assert done.returncode == 0, done.stderr
    return (folder / "expected.bin").read_bytes()


# --- tokens


@pytest.fixture
def token(softhsm):
    made = softhsm()
    made.bring(KEYS / "private.pem", "ota", "a1b2")
    return made


@hsm
@pytest.mark.parametrize("query", [MODULE, "?module-path={module}", ""])
def test_a_token_makes_the_same_image(sign, expected, token, query):
    env = {} if query else {"AOS_OTA_PKCS11_MODULE": token.module}
    assert sign(URI + query.format(module=token.module), **token.env(), **env) == expected


@hsm
@pytest.mark.parametrize("mechanism", ["CKM_RSA_PKCS", "CKM_SHA256_RSA_PKCS"])
def test_a_token_with_one_mechanism_makes_the_same_image(sign, expected, softhsm, mechanism):
    token = softhsm(f"CKM_RSA_PKCS_KEY_PAIR_GEN,{mechanism}")
    token.bring(KEYS / "private.pem", "ota", "a1b2")
    offered = token.tool("--list-mechanisms", pin=None)
    assert ("SHA256-RSA-PKCS" in offered) == (mechanism == "CKM_SHA256_RSA_PKCS")
    assert sign(URI + MODULE, **token.env()) == expected


@hsm
def test_a_token_without_any_mechanism(sign, softhsm):
    token = softhsm("CKM_SHA256,CKM_RSA_PKCS_KEY_PAIR_GEN")
    token.bring(KEYS / "private.pem", "ota", "a1b2")
    assert "offers neither CKM_SHA256_RSA_PKCS nor CKM_RSA_PKCS" in sign(URI + MODULE, **token.env())


@hsm
def test_a_key_that_never_was_anywhere_else(sign, run, token, folder):
    """Made on the token, not extractable: nobody but the token could have signed."""
    token.tool("--keypairgen", "--key-type", "rsa:2048", "--label", "born here", "--id", "77", "--usage-sign")
    assert "always sensitive, never extractable, local" in token.tool(
        "--list-objects", "--type", "privkey", "--id", "77"
    )
    sign("pkcs11:object=born%20here" + MODULE, **token.env())
    token.tool("--read-object", "--type", "pubkey", "--id", "77", "--output-file", str(folder / "pub.der"), pin=None)
    done = run("verify", "out.bin", "--public-key", "pub.der")
    assert done.returncode == 0, done.stdout + done.stderr


@hsm
def test_without_a_public_object(sign, expected, token):
    token.tool("--delete-object", "--type", "pubkey", "--id", "a1b2")
    assert sign(URI + MODULE, **token.env()) == expected


@hsm
def test_pins(sign, expected, token, folder):
    uri = URI + MODULE
    assert "the token wants a PIN, and none was given" in sign(uri, **token.environ)
    assert "AOS_OTA_PKCS11_PIN is empty" in sign(uri, **token.env(""))
    assert "the token does not take this PIN, and few tries are left" in sign(uri, **token.env("999999"))
    assert "this PKCS#11 URI contains a PIN" in sign(f"{uri}&pin-value=777", **token.env())
    assert "pin-source cannot be read" in sign(f"{uri}&pin-source=pin", **token.environ)
    pin = folder / "pin"
    pin.write_text(PIN + "\n", encoding="utf-8")
    pin.chmod(0o644)
    assert "others can read or change the file with the PIN (mode 0644)" in sign(
        f"{uri}&pin-source=pin", **token.environ
    )
    pin.chmod(0o600)
    assert sign(f"{uri}&pin-source=pin", **token.environ) == expected
    assert (
        sign(
            f"{uri}&pin-source=file:{folder / 'pin'}".replace(" ", "%20")
            .replace("文件", "%E6%96%87%E4%BB%B6")
            .replace("夹", "%E5%A4%B9"),
            **token.environ,
        )
        == expected
    )


@hsm
def test_an_empty_pin_file(sign, token, folder):
    (folder / "pin").write_bytes(b"\n")
    (folder / "pin").chmod(0o600)
    assert "the first line of pin is empty" in sign(f"{URI}{MODULE}&pin-source=pin", **token.environ)


@hsm
def test_what_is_not_there(sign, token):
    said = sign("pkcs11:token=other;object=ota" + MODULE, **token.env())
    assert "there is no such token; libsofthsm2.so sees: OTA keys" in said
    assert "pkcs11:token=other;object=ota: " in said
    assert "the token has no such private key; it has: ota (id a1b2)" in sign(
        "pkcs11:object=no" + MODULE, **token.env()
    )
    token.bring(KEYS / "other-private.pem", "ota", "a1b3")
    assert "2 private keys match: ota (id a1b2), ota (id a1b3)" in sign(URI + MODULE, **token.env())
    token.token()
    assert "2 tokens match: OTA keys (serial " in sign(URI + MODULE, **token.env())


@hsm
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("rsa3072-private.pem", "an RSA key of 3072 bits with the exponent 65537; devices take exactly 2048 bits"),
        ("rsa1024-private.pem", "an RSA key of 1024 bits"),
        ("e3-private.pem", "an RSA key of 2048 bits with the exponent 3"),
        ("ec-private.pem", "this key is not an RSA key"),
    ],
)
def test_keys_that_devices_do_not_take(sign, softhsm, file, message):
    token = softhsm()
    token.bring(KEYS / file, "ota", "01")
    assert message in sign(URI + MODULE, **token.env())


@hsm
def test_modules_that_are_none(sign, folder):
    (folder / "no.so").write_text("not a library")
    assert "the PKCS#11 module" in sign(URI + "?module-path=no.so")
    assert "there is no PKCS#11 module" in sign(URI + "?module-path=missing.so")
    assert "no PKCS#11 module is set" in sign(URI)


@hsm
def test_a_token_that_goes_away_before_it_signs(token, tmp_path):
    script = (
        "import shutil, sys\n"
        "from aos_ota_plugin.errors import SigningKeyError\n"
        "from aos_ota_plugin.keys.access import Access\nfrom aos_ota_plugin.keys.load import load_private_key\n"
        "from aos_ota_plugin.keys.reference import parse_reference\n"
        "from aos_ota_plugin.keys.secret import Secret\n"
        f"signer = load_private_key(parse_reference({URI + MODULE!r}), Access(pin=Secret({PIN!r})))\n"
        "assert len(signer.sign_hash(bytes(32))) == 256\n"
        "shutil.rmtree(sys.argv[1])\n"
        "try:\n    signer.sign_hash(bytes(32))\n"
        "except SigningKeyError as error:\n    print(error)\n"
        f"    assert {PIN!r} not in repr(signer)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(token.tokens)],
        env={**os.environ, **token.environ},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\n  fix: " in done.stdout
    assert PIN not in done.stdout


def test_without_python_pkcs11(folder):
    script = (
        "import sys\nsys.modules['pkcs11'] = None\nfrom aos_ota_plugin.cli.main import main\n"
        f"main(['sign', 'p.bin', '--key', {URI + '?module-path=p.bin'!r}, '--version', 'a', '-o', 'out.bin'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PKCS#11 keys need the package python-pkcs11" in done.stderr
    assert 'fix: python -m pip install "aos_ota_plugin[pkcs11]"' in done.stderr
    assert not (folder / "out.bin").exists()


# --- programs


@pytest.mark.parametrize(
    "command", ["command:openssl dgst -sha256 -sign key.pem", "command:openssl dgst -sha256 -hex -r -sign key.pem"]
)
def test_openssl_itself_is_a_signer(sign, folder, expected, command):
    found = sign(command, *ring(folder))
    if "-hex" in command:  # its name of the file stands after the digits
        assert "is not an RSA-2048 signature" in found
    else:
        assert found == expected


def test_programs_that_fail(sign, folder):
    (folder / "tool.py").write_text("import sys\nsys.exit('the key is on holiday')\n")
    python = shlex.quote(sys.executable)
    trusted = ring(folder)
    said = sign(f"command:{python} tool.py", *trusted)
    assert "the signing command failed with status 1\n    the key is on holiday\n" in said
    assert "the program no/such is not there" in sign("command:no/such", *trusted)
    assert "there is no program" in sign("command:", *trusted)
    assert "AOS_OTA_SIGNER_TIMEOUT is not a whole number" in sign(
        "command:openssl", *trusted, AOS_OTA_SIGNER_TIMEOUT="soon"
    )
    (folder / "tool.py").write_text("import time\ntime.sleep(100)\n")
    assert "did not end within 1 seconds" in sign(f"command:{python} tool.py", *trusted, AOS_OTA_SIGNER_TIMEOUT="1")
    other = ring(folder, KEYS / "other-public.pem")
    assert "does not verify" in sign("command:openssl dgst -sha256 -sign key.pem", *other)


def test_a_program_needs_a_ring_that_names_its_public_key(sign, folder):
    command = "command:openssl dgst -sha256 -sign key.pem"
    assert "does not say which public key" in sign(command)
    trusted = ring(folder)
    text = (folder / "ring.yaml").read_text(encoding="utf-8")
    (folder / "ring.yaml").write_text(text.replace(str(PUBLIC), str(KEYS / "other-public.pem")), encoding="utf-8")
    assert "holds the key" in sign(command, *trusted)
    (folder / "ring.yaml").write_text(text.partition("  public_key")[0], encoding="utf-8")
    assert "does not say which public key" in sign(command, *trusted)


def test_a_public_key_that_is_not_the_other_half(run, folder):
    key = ("--key", "key.pem", "--public-key", KEYS / "other-public.pem")
    said = run("diff", "p.bin", "p.bin", "-o", "out.bin", *key).stderr
    assert "is not the other half of the signing key 7c440f8e8eac75a9" in said


@pytest.mark.parametrize("verb", ["diff", "pack", "push-message"])
def test_the_other_verbs_take_a_program(run, folder, expected, verb):
    key = ("--key", "command:openssl dgst -sha256 -sign key.pem", "--public-key", PUBLIC)
    if verb == "diff":
        (folder / "old.bin").write_bytes(bytes(range(255, -1, -1)) * 100)
        done = run("diff", "old.bin", "p.bin", "-o", "d.bin", *key)
        assert "signed by key 7c440f8e" in done.stdout
    elif verb == "pack":
        table = folder / "table.c"
        table.write_text("[HAL_PARTITION_OTA_TEMP] = { .partition_start_addr = 0xA000, .partition_length = 0x8000 },\n")
        done = run("pack", "images", "--mcu", "p.bin", "--table", table, "-o", "packed", *key)
        assert done.returncode == 0, done.stderr
        done = run("verify", "packed/ota_mcu.bin", "--public-key", PUBLIC)
    else:
        done = run("push-message", "expected.json", "--url", "http://h/x", *key)
    assert done.returncode == 0, done.stderr


# --- signing elsewhere


def elsewhere(run, verb, *options):
    return run(verb, "p.bin", "--public-key", PUBLIC, "--version", "app-1", *options)


def request(run, output, *options):
    return elsewhere(run, "sign-request", "-o", output, *options)


def attach(run, signature):
    return elsewhere(run, "sign-attach", "--signature", signature, "-o", "image.bin")


def test_signing_elsewhere(run, folder, expected):
    done = request(run, "请求.json")
    assert done.returncode == 0, done.stderr
    assert "openssl dgst -sha256 -sign KEY.pem -out SIGNATURE 请求.bin" in done.stdout
    assert sorted(path.name for path in folder.glob("请求*")) == ["请求.bin", "请求.json"]
    message = (folder / "请求.bin").read_bytes()
    document = json.loads((folder / "请求.json").read_text(encoding="utf-8"))
    assert document["message"] == message.hex()
    assert len(message) == 32
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", "key.pem", "-out", "sig", "请求.bin"], cwd=folder, check=True
    )
    made = (folder / "sig").read_bytes()
    for form in (made, made.hex().encode(), base64.encodebytes(made)):
        (folder / "sig").write_bytes(form)
        done = attach(run, "sig")
        assert done.returncode == 0, done.stderr
        assert (folder / "image.bin").read_bytes() == expected
    assert (
        json.loads((folder / "image.json").read_text())["payload"]
        == json.loads((folder / "expected.json").read_text())["payload"]
    )


def test_a_digest_signed_elsewhere(run, folder, expected):
    """By who signs digests: openssl pkeyutl, as an HSM's own console would."""
    request(run, "r.json")
    digest = bytes.fromhex(json.loads((folder / "r.json").read_text())["digest"])
    (folder / "sig").write_bytes(
        subprocess.run(
            [
                "openssl",
                "pkeyutl",
                "-sign",
                "-inkey",
                "key.pem",
                "-pkeyopt",
                "digest:sha256",
                "-pkeyopt",
                "rsa_padding_mode:pkcs1",
            ],
            cwd=folder,
            input=digest,
            capture_output=True,
            check=True,
        ).stdout
    )
    done = attach(run, "sig")
    assert done.returncode == 0, done.stderr
    assert (folder / "image.bin").read_bytes() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file of 0 bytes is not an RSA-2048 signature"),
        (bytes(256), "does not verify with the public key 7c440f8e8eac75a9"),
        (b"a" * 2000, "the file of 2000 bytes is not an RSA-2048 signature"),
        (None, "cannot read the signature sig"),
    ],
)
def test_signatures_that_do_not_fit(run, folder, content, message):
    if content is not None:
        (folder / "sig").write_bytes(content)
    done = attach(run, "sig")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "\n  fix: " in done.stderr
    assert not list(folder.glob("image*"))


def test_a_signature_of_another_payload(run, folder, expected):
    (folder / "sig").write_bytes(expected[-28 - 256 : -28])
    (folder / "p.bin").write_bytes(b"another")
    done = attach(run, "sig")
    assert done.returncode == 1
    assert "the signer of the hash" in done.stderr
    assert not list(folder.glob("image*"))


def test_nothing_is_emitted_for_a_release_that_would_be_refused(run, folder, expected):
    done = request(run, "r.json", "--base-release", "expected.json")
    assert done.returncode == 1  # the same version as the release in the field
    assert "app-1" in done.stderr
    assert not list(folder.glob("r.*"))
    (folder / "p.bin").write_bytes(b"")
    assert "the payload is empty" in request(run, "r.json").stderr
    assert not list(folder.glob("r.*"))


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("sign", ()),
        ("sign", ("--key", "key.pem")),
        ("sign", ("--key", "key.pem", "-o", "o", "--also", "diff")),
        ("sign-request", ("-o", "r.json")),
        ("sign-request", ("--public-key", PUBLIC)),
        ("sign-request", ("--public-key", PUBLIC, "-o", "r.bin")),
        ("sign-request", ("--public-key", PUBLIC, "-o", "r.json", "--also", "xz")),
        ("sign-request", ("--public-key", PUBLIC, "-o", "r.json", "--key", "key.pem")),
        ("sign-attach", ("--signature", "s", "-o", "o")),
        ("sign-attach", ("--public-key", PUBLIC, "-o", "o")),
        ("sign-attach", ("--public-key", PUBLIC, "--signature", "s")),
    ],
)
def test_wrong_usage(run, folder, verb, options):
    before = sorted(folder.iterdir())
    assert run(verb, "p.bin", "--version", "app-1", *options).returncode == 2
    assert sorted(folder.iterdir()) == before


def test_nothing_is_overwritten(run, folder):
    (folder / "r.bin").write_bytes(b"payload")
    done = run("sign-request", "r.bin", "--public-key", PUBLIC, "--version", "app-1", "-o", "r.json")
    assert "r.bin would be overwritten" in done.stderr
    assert (folder / "r.bin").read_bytes() == b"payload"


# --- passphrases


def test_passphrase_from_a_program(sign, expected, folder):
    (folder / "ask.py").write_text(
        f"import os\nprint({PASSPHRASE!r} if os.environ['AOS_OTA_PASSPHRASE_FOR'] == 'locked.pem' else 'no')\n",
        encoding="utf-8",
    )
    command = f"{shlex.quote(sys.executable)} ask.py"
    assert sign("locked.pem", AOS_OTA_PASSPHRASE_COMMAND=command) == expected
    (folder / "ask.py").write_text("print(1 / 0)")
    # A key that is not encrypted starts no program.
    assert sign("key.pem", AOS_OTA_PASSPHRASE_COMMAND=command) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print('wrong')", "the passphrase does not open the private key"),
        ("", "what the program of AOS_OTA_PASSPHRASE_COMMAND wrote is empty"),
        ("print()", "wrote is empty"),
        (
            "print('correct horse'); raise SystemExit(3)",
            "AOS_OTA_PASSPHRASE_COMMAND: the passphrase command failed with status 3",
        ),
        ("print('a' * 5000)", "wrote more than 4096 bytes"),
    ],
)
def test_programs_that_know_no_passphrase(run, folder, text, message):
    (folder / "ask.py").write_text(text)
    done = run(
        "sign",
        "p.bin",
        "--key",
        "locked.pem",
        "--version",
        "app-1",
        "-o",
        "out.bin",
        AOS_OTA_PASSPHRASE_COMMAND=f"{shlex.quote(sys.executable)} ask.py",
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert not list(folder.glob("out*"))


def test_an_empty_passphrase_is_no_fall_through(sign, expected, folder):
    (folder / "ask.py").write_text(f"print({PASSPHRASE!r})")
    env = {"AOS_OTA_KEY_PASSPHRASE": "", "AOS_OTA_PASSPHRASE_COMMAND": f"{shlex.quote(sys.executable)} ask.py"}
    assert "AOS_OTA_KEY_PASSPHRASE is empty" in sign("locked.pem", **env)
    assert "AOS_OTA_PASSPHRASE_COMMAND is empty" in sign("locked.pem", AOS_OTA_PASSPHRASE_COMMAND="")
    assert sign("key.pem", **env) == expected


def test_nobody_to_ask(sign):
    assert "is encrypted and no passphrase was given" in sign("locked.pem")


def on_terminal(folder, key, text, **environment):
    return typed(
        [sys.executable, "-m", "aos_ota_plugin", "sign", "p.bin", "--key", key, "--version", "app-1", "-o", "out.bin"],
        text,
        folder,
        **environment,
    )


@needs_pty
def test_passphrase_typed(folder, expected):
    status, shown = on_terminal(folder, "locked.pem", PASSPHRASE)
    assert status == 0, shown
    assert "passphrase of locked.pem:" in shown
    assert PASSPHRASE not in shown
    assert (folder / "out.bin").read_bytes() == expected


@needs_pty
@pytest.mark.parametrize(
    ("text", "message"), [("", "the passphrase of locked.pem is empty"), ("wrong", "does not open")]
)
def test_wrong_passphrase_typed(folder, text, message):
    status, shown = on_terminal(folder, "locked.pem", text)
    assert status == 1
    assert message in shown
    assert not list(folder.glob("out*"))


@hsm
@needs_pty
def test_pin_typed(folder, expected, token):
    status, shown = on_terminal(folder, URI + MODULE, PIN, **token.environ)
    assert status == 0, shown
    assert "PIN of pkcs11:token=OTA%20keys;object=ota:" in shown
    assert PIN not in shown
    assert (folder / "out.bin").read_bytes() == expected


# --- start-up


def test_a_plain_key_pays_for_no_other_signer(folder):
    script = (
        "import sys\nfrom aos_ota_plugin.cli.main import group\n"
        "group.main(['sign', 'p.bin', '--key', 'key.pem', '--version', 'a', '-o', 'out.bin'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('pkcs11', 'getpass', 'subprocess', 'shlex')\n"
        "       or name.startswith('aos_ota_plugin.') and name.rsplit('.', 1)[1] in ('pkcs11', 'pkcs11_uri', 'command', 'programs',\n"
        "           'signature', 'offline', 'passwords', 'pkcs11_token', 'prompt', 'secretfile', 'secret')])\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.splitlines()[-1] == "[]"
