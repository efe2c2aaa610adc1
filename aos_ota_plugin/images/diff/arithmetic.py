"""Sums and differences of byte strings, byte by byte modulo 256, computed with big integers."""

from __future__ import annotations

from aos_ota_plugin.images.info import BytesLike


def add(left: BytesLike, right: BytesLike) -> bytes:
    """Return ``left[i] + right[i]`` modulo 256 for every i; both have the same length."""
    first, second, low, high = _operands(left, right)
    # Without their top bits no byte carries into its neighbour; the top bits add without carry, which is xor.
    return (((first & low) + (second & low)) ^ ((first ^ second) & high)).to_bytes(len(left), "little")


def subtract(left: BytesLike, right: BytesLike) -> bytes:
    """Return ``left[i] - right[i]`` modulo 256 for every i; both have the same length."""
    first, second, low, high = _operands(left, right)
    # A set top bit is there to be borrowed from; the real one follows from the three.
    return (((first | high) - (second & low)) ^ ((first ^ second ^ high) & high)).to_bytes(len(left), "little")


def _operands(left: BytesLike, right: BytesLike) -> tuple[int, int, int, int]:
    size = len(left)
    if len(right) != size:
        raise ValueError(f"{size} and {len(right)} bytes")
    low = int.from_bytes(b"\x7f" * size, "little")
    return (
        int.from_bytes(left, "little"),
        int.from_bytes(right, "little"),
        low,
        low + int.from_bytes(b"\x01" * size, "little"),
    )
