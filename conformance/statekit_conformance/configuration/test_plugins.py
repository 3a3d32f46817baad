"""Plugins: only the one that is configured is imported, and one that cannot work is named at opening."""

from __future__ import annotations

from statekit.plugins import BUILT_IN
from statekit_conformance import clause

BROKEN = "raise RuntimeError('this plugin was imported')\n"
OPENED = """
    import statekit, sys
    state = statekit.open(sys.argv[1])
    print(repr(state))
    print(sorted(name for name in sys.modules if name.endswith("_plugin")))
    """


@clause("P-06")
def test_a_neighbours_broken_plugin_is_never_imported(installed):
    installed.add("good-plugin", "good")
    installed.add("broken-plugin", "broken", text=BROKEN)
    shown, modules = installed.run(OPENED, "good:somewhere").splitlines()
    assert "good" in shown
    assert modules == "['good_plugin']"


@clause("P-06")
def test_a_built_in_backend_imports_no_plugin(installed, subject, url):
    installed.add("broken-plugin", "broken", text=BROKEN)
    if url.partition(":")[0] == "broken":
        return
    shown, modules = installed.run(OPENED, url).splitlines()
    assert subject.backend.name in shown
    assert modules == "[]"


@clause("P-06")
def test_importing_statekit_imports_no_plugin_and_no_sdk(installed):
    installed.add("broken-plugin", "broken", text=BROKEN)
    loaded = installed.run(
        """
        import sys
        before = set(sys.modules)
        import statekit
        statekit.open
        print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
        """
    )
    for name in ("broken_plugin", "boto3", "botocore", "redis", "google.cloud", "cryptography", "pluggy", "asyncio"):
        assert f"'{name}'" not in loaded


@clause("P-02", "P-06")
def test_a_plugins_options_are_read_from_its_declaration(installed):
    installed.add("good-plugin", "good")
    refused, opened = installed.refusals("good:somewhere?color=blue", "good:somewhere?colour=blue")
    assert '"colour"' in refused
    assert opened == "it was opened"


@clause("P-07")
def test_two_plugins_with_one_scheme_are_refused_and_both_are_named(installed):
    installed.add("one-plugin", "same", text=BROKEN)
    installed.add("other-plugin", "same", text=BROKEN)
    (message,) = installed.refusals("same:somewhere")
    assert "one-plugin" in message
    assert "other-plugin" in message
    assert '"same"' in message


@clause("P-07")
def test_two_plugins_with_one_scheme_disturb_no_third(installed):
    installed.add("one-plugin", "same", text=BROKEN)
    installed.add("other-plugin", "same", text=BROKEN)
    installed.add("good-plugin", "good")
    assert installed.refusals("good:somewhere") == ["it was opened"]


@clause("P-07")
def test_a_plugin_cannot_take_a_scheme_that_is_built_in(installed):
    for scheme in BUILT_IN:
        installed.add(f"greedy-{scheme}-plugin", scheme, text=BROKEN)
    assert installed.refusals(*(f"{scheme}:somewhere" for scheme in BUILT_IN)) == ["it was opened"] * len(BUILT_IN)


@clause("P-08")
def test_a_plugin_for_another_contract_is_refused_and_says_who_has_to_move(installed):
    installed.add("new-plugin", "new", contract="CONTRACT + 1")
    installed.add("old-plugin", "old", contract="CONTRACT - 1")
    new, old = installed.refusals("new:somewhere", "old:somewhere")
    assert "new-plugin 1.2" in new
    assert "upgrade statekit" in new
    assert "old-plugin 1.2" in old
    assert "upgrade the plugin" in old


@clause("P-08")
def test_a_plugin_that_fails_to_import_is_refused_and_named(installed):
    installed.add("broken-plugin", "broken", text=BROKEN)
    installed.add("lacking-plugin", "lacking", text="import a_module_that_nobody_has\n")
    broken, lacking = installed.refusals("broken:somewhere", "lacking:somewhere")
    assert "broken-plugin 1.2" in broken
    assert "lacking-plugin 1.2" in lacking
    assert "a_module_that_nobody_has" in lacking


@clause("P-08")
def test_a_plugin_without_a_usable_hook_is_refused_and_named(installed):
    texts = {
        "hookless": "",
        "raising": "def statekit_backends():\n    raise RuntimeError\n",
        "asking": "def statekit_backends(something):\n    return []\n",
        "empty": "def statekit_backends():\n    return []\n",
        "lying": "def statekit_backends():\n    return ['a backend']\n",
    }
    for name, text in texts.items():
        installed.add(f"{name}-plugin", name, text=text)
    refused = installed.refusals(*(f"{name}:somewhere" for name in texts))
    assert [name for name, message in zip(texts, refused, strict=True) if f"{name}-plugin 1.2" in message] == list(
        texts
    )
