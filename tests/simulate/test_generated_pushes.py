"""Generated push messages, as JSON text, and sizes: the emulated agent of each build answers as the model does."""

from __future__ import annotations

import hashlib
import json
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aos_ota_plugin.device.answer import judge_by_agent
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.device.verdicts import Device
from aos_ota_plugin.lab.simulate.cases import offer_case
from aos_ota_plugin.lab.simulate.device import Offer, batch, url_of
from aos_ota_plugin.lab.simulate.firmware import (
    CLOUD,
    NEW,
    OLD,
    VENDOR,
    VENDOR_CLOUD,
    digestsign,
    sign_payload,
    unsigned,
)

COUNT = 300
LEFT_OUT = "left out"


def choose(chance, usual, *others):
    """Return the usual value nine times in ten, else one of the others."""
    return usual if chance.random() < 0.9 else chance.choice(others)


def message_text(chance, image, signature):
    """Return a push for an image: its values, the spelling of its names and the JSON around them vary."""
    sha256, md5 = hashlib.sha256(image).hexdigest(), hashlib.md5(image).hexdigest()
    size = len(image)
    data = {
        "url": choose(chance, url_of(image), LEFT_OUT, None, 7),
        "version": choose(chance, "app-9.0.0", "app-1.0.0", "w" * 70, "", None, 7, LEFT_OUT),
        "signMethod": choose(chance, "SHA256", "Md5", "sha256 ", "md5x", "SHA1", "", None, LEFT_OUT),
        "sign": choose(chance, sha256, md5, sha256.upper(), sha256 + "00", md5 + "f", "0" * 64, "", None, LEFT_OUT),
        "md5": choose(chance, md5, LEFT_OUT, "0" * 32, md5 + "00", None),
        "size": choose(chance, size, size + 1, size + 27, size + 28, size + 419, size + 420, size - 1, size - 421, 0, -5,
                       size + 0.5, 1e300, str(size), True, None, LEFT_OUT),
        "digestsign": choose(chance, signature, "", "A", "AAAA", "==", "?", signature[:-1], signature + "\n", None,
                             LEFT_OUT),
        "module": choose(chance, LEFT_OUT, "default", None, 7),
    }  # fmt: skip
    names = [name for name in data if data[name] is not LEFT_OUT]
    chance.shuffle(names)
    members = [f"{json.dumps(spelled(chance, name))}:{json.dumps(data[name])}" for name in names]
    if members and chance.random() < 0.1:
        members.append(chance.choice(members).replace("a", "b"))
    top = [f'"message":{json.dumps(choose(chance, "success", "successful", "failed", 1, None))}']
    top.append(f"{json.dumps(spelled(chance, 'data'))}:{{{','.join(members)}}}")
    chance.shuffle(top)
    text = ("{" + choose(chance, ",", " ,\t", ",\r\n").join(top) + "}").encode("utf-8")
    text = choose(chance, b"", b"\xef\xbb\xbf", b" \x01") + text + choose(chance, b"", b" and more", b"}", b"\n")
    return choose(chance, text, text[:-2], text.replace(b":", b": "), text.replace(b'"', b"'", 1))


def spelled(chance, name):
    return choose(chance, name, name.upper(), name.capitalize(), f"{name} ")


@pytest.mark.qemu
@pytest.mark.parametrize("firmware", [OLD, VENDOR, CLOUD, VENDOR_CLOUD])
def test_the_agent_answers_as_the_model(built, tmp_path_factory, firmware):
    local, hardened = firmware in (OLD, VENDOR), firmware in (OLD, CLOUD)
    payload = b"firmware" * 200
    image = sign_payload(payload, built.key) if local else unsigned(payload)
    signature = digestsign(image, built.key)
    case = offer_case(built, image)._replace(firmware=built.firmware[firmware].payload, local=local, hardened=hardened)
    device = Device(case.key, local, case.version, HAAS100_RTOS_SIZE, hardened)

    @settings(max_examples=3, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 1 << 32))
    def compare(seed):
        chance = random.Random(seed)
        texts = [message_text(chance, image, signature) for _ in range(COUNT)]
        answers = batch(tmp_path_factory.mktemp("设 备"), built, case, [Offer(image, NEW, push=text) for text in texts])
        found = {text: int(verdict) for text, (_, verdict) in zip(texts, answers)}
        wanted = {text: int(judge_by_agent(device, text, image).verdict) for text in texts}
        assert {text: (found[text], wanted[text]) for text in texts if found[text] != wanted[text]} == {}
        assert len(set(wanted.values())) > 3

    compare()
