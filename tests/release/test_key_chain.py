"""From manifests to the question who trusts whom: every step, every word of advice."""

from __future__ import annotations

from hypothesis import given as generated
from hypothesis import strategies as st
from test_key_rotation import ring_of

from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Approval, BaseRelease, Manifest, Proof
from aos_ota_plugin.verify.key_chain import approval_problem, key_chain

A, B, C = "a" * 64, "b" * 64, "c" * 64


def release(version, trusts, signed_by=None, base=None, **more):
    number = f"{int(version[-3] + version[-1]):064x}"
    return Manifest(
        version,
        "local",
        "kv",
        trusts,
        Artifact("p", "payload", 1, "0" * 32, number),
        (),
        (),
        solution="lamp",
        base=BaseRelease(base.version, base.payload.sha256) if base else None,
        signed_by=signed_by,
        **more,
    )


ONE = release("app-1.0", A)
TWO = release("app-1.1", B, A, ONE)
THREE = release("app-1.2", B, B, TWO)


def chain(*manifests, ring=None):
    return key_chain([(one.version, one) for one in manifests], ring)


def test_a_rotation_from_its_manifests_alone():
    found = chain(THREE, ONE, TWO)
    assert [(link.manifest.version, link.step) for link in found.links] == [
        ("app-1.0", "first"),
        ("app-1.1", "holds"),
        ("app-1.2", "holds"),
    ]
    assert found.problems == ()
    assert found.notes == (
        f"app-1.1 is a transition release: devices that skip it trust {A[:16]} and refuse what {B[:16]} signs",
    )
    assert found.next_step.startswith("no key ring")


def test_a_step_that_devices_refuse():
    found = chain(ONE, THREE._replace(base=BaseRelease("app-1.0", ONE.payload.sha256)))
    assert [link.step for link in found.links] == ["first", "broken"]
    assert len(found.problems) == 1
    assert "OTA_VERIFY_RSA_FAIL" in found.problems[0]
    known = THREE._replace(
        base=BaseRelease("app-1.0", ONE.payload.sha256),
        proofs=(Proof("key differs from the base release", "allowed by OTA_ALLOW_NEW_KEY"),),
    )
    assert chain(ONE, known).problems == ()
    assert [link.step for link in chain(ONE, known).links] == ["first", "not by update"]
    assert [link.step for link in chain(THREE).links] == ["base not here"]


def test_what_comes_next():
    steps = {
        "sign with the current key": chain(ONE, ring=ring_of(A)),
        "release a transition: OTA_EMBED_NEXT_KEY=y and app-1.0 as the base release": chain(ONE, ring=ring_of(A, B)),
        "once the fleet runs app-1.1: make bbbbbbbbbbbbbbbb the current key": chain(ONE, TWO, ring=ring_of(A, B)),
        f"devices on app-1.1 trust {B[:16]}, and the ring's current key is {A[:16]}": chain(ONE, TWO, ring=ring_of(A)),
    }
    for says, found in steps.items():
        assert found.next_step.startswith(says), found.next_step
    assert chain(THREE, ring=ring_of(B, None, A)).next_step == f"sign with the current key {B[:16]}"


def test_retired_keys_and_shared_ones_are_said():
    found = chain(ONE, TWO, release("app-9.9", C, A)._replace(solution="kettle"), ring=ring_of(B, None, A))
    assert any(f"devices on app-1.0 trust the retired key {A[:16]}" in note for note in found.notes)
    assert any(f"the key {A[:16]} signs 2 products: lamp, kettle" in note for note in found.notes)


def test_old_manifests_were_signed_by_the_key_that_they_trust():
    assert ONE.signer == A
    assert not ONE.is_transition
    assert ONE._replace(security="cloud").signer is None


@generated(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([A, B]), st.sampled_from([None, A, B]), st.integers(0, 9)),
        max_size=8,
    )
)
def test_any_heap_of_manifests_has_an_order(rows):
    """Circles of base releases, too: manifests come from anywhere."""
    manifests = [
        release(f"app-1.{mine}", trusts, signed)._replace(base=BaseRelease(f"app-1.{base}", f"{10 + base:064x}"))
        for mine, trusts, signed, base in rows
    ]
    found = key_chain([(str(number), one) for number, one in enumerate(manifests)], ring_of(A, B))
    assert sorted(link.file for link in found.links) == sorted(str(number) for number in range(len(manifests)))


def test_approvals():
    approved = ONE._replace(approval=Approval(C, "1" * 64, "0" * 512))
    assert approval_problem(ONE, C, False, None) == "no second signer approved it"
    assert "not by " + B[:16] in approval_problem(approved, B, True, None)
    assert approval_problem(approved, C, False, None) == "the approval's signature is not good"
    assert "another image" in approval_problem(approved, C, True, "2" * 64)
    assert approval_problem(approved, C, True, "1" * 64) == approval_problem(approved, C, True, None) == ""
