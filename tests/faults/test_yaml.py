"""Every kind of mistake in the configuration: all told at once, each at its place, with the cure."""
import re

import pytest

GOOD = """\
version: 1
daemon:
  state_dir: {place}/state
  socket: {place}/ctl
trace: {{dir: {place}/trace}}
endpoints:
  partner:
    host: sftp.example
    user: ferry
    auth: [{{password: {{env: PW}}}}]
    host_key: {{pins: ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]}}
routes:
  in:
    from: {{endpoint: partner, path: /out, poll: 30s}}
    to: [{{path: {place}/in}}]
"""

# what is replaced, by what, line the problem is told at, words
MISTAKES = [
    ("version: 1", "version: 2", 1, ["version", "2"]),
    ("version: 1\n", "", 1, ["version", "missing"]),
    ("poll: 30s", "pol: 30s", 14, ["routes.in.from.pol", 'did you mean "poll"']),
    ("poll: 30s", "poll: 30", 14, ["routes.in.from.poll", "unit", "30s"]),
    ("poll: 30s", "poll: 30 s s", 14, ["routes.in.from.poll"]),
    ("poll: 30s", "poll: 1ms", 14, ["routes.in.from.poll", "between"]),
    ("poll: 30s", "poll: [30s]", 14, ["routes.in.from.poll", "list"]),
    ("poll: 30s", "poll: 30s, cron: '* * * * *'", 14, ["cron"]),
    ("poll: 30s", "cron: '61 * * * *'", 14, ["routes.in.from.cron", "61"]),
    ("poll: 30s", "cron: '* * * * *', time_zone: Europe/Berlinn", 14, ["time_zone", "Berlinn"]),
    ("poll: 30s", "poll: 30s, order: newest", 14, ["routes.in.from.order", "-mtime"]),
    ("poll: 30s", "poll: 30s, after: remove", 14, ["routes.in.from.after", "delete"]),
    ("poll: 30s", "poll: 30s, hidden: yes", 14, ["routes.in.from.hidden", "true"]),
    ("poll: 30s", "poll: 30s, recurse: 33", 14, ["routes.in.from.recurse", "32"]),
    ("poll: 30s", "poll: 30s, poll: 40s", 14, ["routes.in.from.poll", "twice"]),
    ("endpoint: partner", "endpoint: partnr", 14, ["routes.in.from.endpoint", "partnr", "partner"]),
    ("path: {place}/in", "path: {place}/nowhere", 15, ["routes.in.to[0].path", "nowhere"]),
    ("path: {place}/in", "path: in", 15, ["routes.in.to[0].path", "absolute"]),
    ("path: {place}/in", "path: {place}/in, mode: 0640", 15, ["routes.in.to[0].mode", "quotes", '"0640"']),
    ("path: {place}/in", "path: {place}/in, mode: '0988'", 15, ["routes.in.to[0].mode", "octal"]),
    ("path: {place}/in", "path: {place}/in, exists: overwrite", 15, ["routes.in.to[0].exists", "replace"]),
    ("path: {place}/in", "path: {place}/in, name: '{{nam}}'", 15, ["routes.in.to[0].name", "nam"]),
    ("path: {place}/in", "name: x", 15, ["routes.in.to[0]", "path", "missing"]),
    ("    to: [{{path: {place}/in}}]\n", "", 14, ["routes.in", '"to"', "missing"]),
    ("password: {{env: PW}}", "password: secret", 10, ["auth", "credential"]),
    ("password: {{env: PW}}", "pasword: {{env: PW}}", 10, ["auth", "password"]),
    ("password: {{env: PW}}", "publickey: {{key: /no/such/key}}", 10, ["/no/such/key", "No such file"]),
    ("pins: [", "pinz: [", 11, ["host_key.pinz", 'did you mean "pins"']),
    ("47DEQpj8", "47DE", 11, ["pins"]),
    ("user: ferry", "user: ferry\n    port: 70000", 10, ["port", "65535"]),
    ("user: ferry", "user: &x ferry", 9, ["anchors"]),
    ("user: ferry", "user: *x", 9, ["alias"]),
    ("user: ferry", "user: !str ferry", 9, ["tags"]),
    ("user: ferry", "user: 'ferry", 16, ["quote", "begins on line 9"]),
    ("    user: ferry", "\tuser: ferry", 9, ["tab"]),
    ("    user: ferry", "   user: ferry", 9, []),
    ("  state_dir:", "  state_dri:", 3, ["daemon.state_dri", 'did you mean "state_dir"']),
    ("trace: {{dir: {place}/trace}}", "trace: {{dir: {place}/trace, mask: [kexx]}}", 5, ["trace.mask", "kex"]),
    ("version: 1", "version: 1\ninclude: [nothing.yaml]", 2, ["nothing.yaml"]),
    ("routes:", "---\nroutes:", 12, ["document"]),
]


def check_text(ferryd, text):
    (ferryd.folder / "in").mkdir(exist_ok=True)
    ferryd.write_config(text)
    return ferryd.check()


def test_yaml__the_good_one_is_good(ferryd, place):
    status, said = check_text(ferryd, GOOD.format(place=place))
    assert status == 0, said


@pytest.mark.parametrize("old,new,line,words", MISTAKES, ids=[m[1].strip()[:40] for m in MISTAKES])
def test_yaml__each_mistake_is_told(old, new, line, words, ferryd, place):
    assert old in GOOD
    status, said = check_text(ferryd, GOOD.replace(old, new, 1).format(place=place))
    assert status != 0, said
    assert f"{ferryd.config}:{line}:" in said, said
    assert re.search(rf"^{re.escape(str(ferryd.config))}:{line}:\d+: ", said, re.M), said
    for word in words:
        assert word in said, said


def test_yaml__all_mistakes_at_once(ferryd, place):
    text = GOOD
    for old, new in (("state_dir:", "state_dri:"), ("user: ferry", "user: 7 seas\n    prot: 22"),
                     ("poll: 30s", "poll: 30"), ("path: {place}/in", "path: {place}/in, exists: maybe")):
        text = text.replace(old, new, 1)
    status, said = check_text(ferryd, text.format(place=place))
    assert status != 0
    for word in ("state_dri", "prot", "poll", "exists"):
        assert word in said, said
    lines = [int(n) for n in re.findall(r"^[^:]+:(\d+):\d+: (?!warning)", said, re.M)]
    assert len(lines) >= 4 and lines == sorted(lines), said


@pytest.mark.parametrize("text,words", [
    ("", ["empty"]),
    ("just text\n", []),
    ("[" * 100, []),
    ("version: 1\n" + "a: {" * 40 + "}" * 40, ["16"]),
    ("version: 1\ndaemon: \xff\n", []),
    ("version: 1\ndaemon: {state_dir: \"/x\\0y\"}\n", ["NUL"]),
    ("version: 1\n# " + "x" * (2 << 20), ["large"]),
], ids=["empty", "text", "brackets", "deep", "latin1", "nul", "large"])
def test_yaml__what_is_no_configuration_at_all(text, words, ferryd):
    ferryd.config.write_bytes(text.encode("latin-1"))
    status, said = ferryd.check()
    assert status != 0 and str(ferryd.config) in said
    for word in words:
        assert word in said, said


def test_yaml__a_daemon_does_not_start_on_it(ferryd, place):
    ferryd.write_config(GOOD.replace("poll: 30s", "pol: 30s").format(place=place))
    (place / "in").mkdir()
    ferryd.launch()
    assert ferryd.wait_exit() != 0
    assert 'did you mean "poll"' in ferryd.log_text()


def test_yaml__missing_file(ferryd, place):
    status, said = ferryd.check()
    assert status != 0 and str(ferryd.config) in said and "No such file" in said
