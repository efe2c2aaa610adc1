"""What is found in the lines of git's log, and what is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.settings.history import History, Leak, find_leaks, search_history

SECRETS = {"the device secret": b"0123456789abcdef"}


def log(text):
    return [line + b"\n" for line in text.encode().split(b"\n")]


def leaks(text, secrets=SECRETS):
    return list(find_leaks(log(text), secrets))


def test_what_is_found():
    text = """\0aaaa

diff --git a/x.c b/x.c
--- /dev/null
+++ b/x.c
@@ -0,0 +1,2 @@
+char *secret = "0123456789abcdef";
+again 0123456789abcdef
diff --git a/k.pem b/k.pem
+++ b/k.pem
+-----BEGIN PRIVATE KEY-----
+MIIE
\0bbbb
+++ b/sub/ota.secrets.yaml
+device_secret: 'x'
+++ "b/\\347\\247\\230 \\"k\\".pem"
+-----BEGIN RSA PRIVATE KEY-----
+MIIE"""
    assert leaks(text) == [
        Leak("the device secret", "aaaa", "x.c"),
        Leak("a private key that is not encrypted", "aaaa", "k.pem"),
        Leak("a secrets file", "bbbb", "sub/ota.secrets.yaml"),
        Leak("a private key that is not encrypted", "bbbb", '秘 "k".pem'),
    ]


def test_no_path_shows_a_secret_and_no_odd_path_ends_the_search():
    """A name that holds a secret; one with a backslash and digits that are no octal number."""
    text = """\0aaaa
+++ b/0123456789abcdef.c
+0123456789abcdef
+++ "b/\\692.c"
+0123456789abcdef"""
    assert leaks(text) == [Leak("the device secret", "aaaa", "<secret>.c"), Leak("the device secret", "aaaa", "692.c")]


def test_what_is_none():
    assert (
        leaks("""\0aaaa
+++ b/k.pem
+-----BEGIN ENCRYPTED PRIVATE KEY-----
+MIIE
+++ b/k1.pem
+-----BEGIN RSA PRIVATE KEY-----
+Proc-Type: 4,ENCRYPTED
+++ b/k.pub.pem
+-----BEGIN PUBLIC KEY-----
+MIIB
-0123456789abcdef
+++ /dev/null
 0123456789abcdef""")
        == []
    )
    assert leaks("\0a\n+++ b/f\n+a short one: abc", {"a short one": b"abc"}) == []


def test_no_repository_and_no_git(tmp_path, monkeypatch):
    assert search_history(str(tmp_path), {}) is None
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert search_history(str(tmp_path), {}) == History((), complete=False)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"\0abc\n",
                    b'+++ "b/\\3',
                    b"+++ b/x\n",
                    b'+++ "b/\\400\\"\n',
                    b"+-----BEGIN PRIVATE KEY-----\n",
                    b"+0123456789abcdef\n",
                    b'+++ "',
                ]
            ),
        ),
        max_size=12,
    )
)
def test_any_lines(lines):
    for leak in find_leaks(lines, SECRETS):
        assert leak.kind
        assert leak.commit.isascii()
