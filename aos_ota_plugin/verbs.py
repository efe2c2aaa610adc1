"""All verbs by group and family, and today's names of earlier verbs and options."""

from __future__ import annotations

from typing import Dict

GROUPS: Dict[str, Dict[str, str]] = {
    "Build and release": {
        "init": "set a solution up for signed OTA images",
        "config": "show every setting, and where its value comes from",
        "menuconfig": "change the solution's settings in a menu",
        "doctor": "check the set-up, and say how to mend it",
        "make": "run `aos make` with every setting passed on, and its true exit status",
        "sign": "sign a payload outside a build, as the build does",
        "sign-request": "write what the machine with the key has to sign",
        "sign-attach": "make the image with a signature from another machine",
        "sign-approved": "sign a payload with a second signer's approval",
        "sbom": "list the solution's components in CycloneDX",
        "report": "show which file to send over which channel, and how long it takes",
        "push-message": "print the message that offers a file of a release to a device",
        "release": "keep the release that was built last, list kept ones, withdraw one",
        "verify-release": "check a kept release, its statement and components, or rebuild it and compare",
    },
    "Keys": {
        "keygen": "make a signing key",
        "keys": "show which key signed each release, which key devices trust, and what to do next",
        "approve": "approve a payload as its second signer",
    },
    "Tools": {
        "verify": "check an image as a device would: accepted, or the device's own error",
        "explain": "explain an error code of a device, and what to look at",
        "info": "show what an image, manifest or key is, and what is inside it",
        "diff": "make a diff image from one payload or release to another",
        "apply": "make the new payload from an old one and a diff image",
        "pack": "combine images, pack files, or unpack them",
        "send": "write a file to a board's flash over its serial port",
        "receive": "receive files over a serial port",
    },
    "Cloud": {"cloud": "run a cloud on this machine, and roll releases out with it"},
    "Lab": {
        "demo": "build two signed releases of the demo workspace with the real aos make",
        "simulate": "take an emulated device through upgrades that must succeed or be refused",
        "device": "run an emulated device that connects to a cloud by itself",
        "story": "show a rollout: a cloud and three emulated devices, side by side",
        "fleet": "take hundreds of device models through a rollout, with faults",
        "flash": "write a build's files to the flash of an emulated board, and show its partitions",
    },
}
"""Each group of the help, with its verbs in the order a newcomer needs them."""

FAMILIES: Dict[str, Dict[str, str]] = {
    "cloud": {
        "run": "run the cloud: broker, image server, rollouts, a page to watch",
        "register": "register devices",
        "upload": "add a package",
        "push": "push a package to devices: to one first, then to the others",
        "status": "show devices, packages and rollouts",
        "cancel": "cancel a rollout",
    },
    "pack": {
        "images": "combine images for one device: APP, KERNEL, ALL, FS, MCU",
        "files": "pack a folder's files for a module, a sub-device or scripts",
        "unpack": "unpack a data-file pack into a folder",
    },
}
"""The verbs that have verbs of their own."""

FORMER_VERBS = {
    "register": "cloud register",
    "upload": "cloud upload",
    "push": "cloud push",
    "status": "cloud status",
    "pack-files": "pack files",
    "unpack-files": "pack unpack",
    "inspect": "info",
}
"""What a verb is called that 0.1.0 had under another name."""

FORMER_OPTIONS = {
    "sign": {
        "--emit-digest": "aos-ota sign-request",
        "--attach-signature": "aos-ota sign-attach",
        "--second-signer": "aos-ota sign-approved --second-signer",
        "--second-approval": "aos-ota sign-approved --second-approval",
        "--second-public-key": "aos-ota sign-approved --second-public-key",
        "--public-key": "--key-ring, whose current key is that of a --key that is a command",
        "--allow-changed-payload": "--allow changed-payload",
        "--allow-new-key": "--allow new-key",
        "--allow-development-key": "--allow development-key",
        "--embeds-next-key": "--allow next-key",
        "--xz": "--also xz",
        "--diff": "--also diff",
    },
    "cloud push": {"--cancel": "aos-ota cloud cancel"},
    "cloud": dict.fromkeys(
        ("--host", "--scheme", "--mqtt-port", "--image-port", "--api-port", "--link"), "aos-ota cloud run"
    ),
    "pack": dict.fromkeys(
        (
            *("--app", "--kernel", "--all", "--fs", "--mcu", "--table", "--key", "--public-key", "--unsigned"),
            *("--ota-size", "-o", "--output", "--json"),
        ),
        "aos-ota pack images",
    ),
}
"""What stands in place of an option that a verb of 0.1.0 had."""


def verb_paths() -> Dict[str, str]:
    """Return every verb as it is typed (``cloud push``), with its line of help."""
    paths: Dict[str, str] = {}
    for verbs in GROUPS.values():
        for name, text in verbs.items():
            if name in FAMILIES:
                paths.update({f"{name} {inner}": line for inner, line in FAMILIES[name].items()})
            else:
                paths[name] = text
    return paths
