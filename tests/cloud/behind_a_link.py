"""Run in a network namespace of its own: downloads leave the cloud by a slow link with a short queue, which drops packets.

What queues there is TCP's to send again; what is cut off there is the device's to go on with. Prints what came of it.
"""

import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

from cloud_world import PAYLOAD, SIGNER, World
from waiting import until

from aos_ota_plugin.cloud.faults import LINKS
from aos_ota_plugin.images.full import build

QUEUE = 4  # packets, of the ten that TCP sends before it hears of the first


def tc(*words):
    return subprocess.run(["tc", *map(str, words)], check=True, capture_output=True, text=True).stdout


def shape(port, rate):
    """`rate` bytes a second for what comes from that port of 127.0.0.1; all else is let alone."""
    tc("qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb", "default", 1)
    tc("class", "add", "dev", "lo", "parent", "1:", "classid", "1:1", "htb", "rate", "10gbit")
    tc(
        "class",
        "add",
        "dev",
        "lo",
        "parent",
        "1:",
        "classid",
        "1:2",
        "htb",
        "rate",
        f"{rate * 8}bit",
        "burst",
        2000,
        "cburst",
        2000,
    )
    tc("qdisc", "add", "dev", "lo", "parent", "1:2", "handle", "2:", "pfifo", "limit", QUEUE)
    tc(
        "filter",
        "add",
        "dev",
        "lo",
        "parent",
        "1:",
        "protocol",
        "ip",
        "u32",
        "match",
        "ip",
        "sport",
        port,
        "0xffff",
        "flowid",
        "1:2",
    )


def cut_off(server):
    """End its connections so that nothing of what waits in the kernel is sent any more."""
    for connection in list(server._open):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.drop()


def queue():
    return next(one for one in json.loads(tc("-s", "-j", "qdisc", "show", "dev", "lo")) if one["kind"] == "pfifo")


def main(folder, keys, link):
    world = World(Path(folder), keys)
    try:
        (identity,) = world.register("one")
        model = world.device(identity)
        world.online(model)
        rate = LINKS[link].rate
        size = max(34_000, 2 * rate)  # two records of TLS, which arrive as a whole each, and some; two seconds at least
        image = build((PAYLOAD * 10)[:size], sign=SIGNER.sign_hash)
        shape(world.cloud.config.image_port, rate)
        job = world.push(world.upload(image), "one", wait=False)
        until(lambda: model.state.downloaded > 16_384)
        cut_off(world.cloud.images)
        task = world.ended(job)["one"]
        print(
            json.dumps(
                {
                    "state": task["state"],
                    "resumed": model.state.resumed,
                    "downloaded": model.state.downloaded,
                    "size": len(image),
                    "dropped": queue()["drops"],
                    "sent": queue()["bytes"],
                }
            )
        )
    finally:
        world.end()


main(*sys.argv[1:])
