"""Logging in at a real OpenSSH as partners set it up: PAM, one-time codes, several factors at once."""
import pytest

from lib import pam_sshd
from lib.files import drop, visible
from lib.pam_sshd import CODE, TOTP_SECRET, UNIX, PamSshd
from lib.wait import stays_true, wait_for

PASSWORD = "kanarienvogel 4711"


@pytest.fixture
def login(place, ferryd):
    """login(auth, methods, asks): a server that wants this, a route from it, a file there."""
    servers = []

    def start(auth, methods="any", asks=(UNIX,), **options):
        reason = pam_sshd.why_not()
        if reason or (CODE in asks and not pam_sshd.has_authenticator()):
            pytest.skip(reason or "needs libpam-google-authenticator")
        server = PamSshd(place / "partner", methods, asks, PASSWORD, **options).start()
        servers.append(server)
        source, path = server.make_folder("out")
        (place / "in").mkdir()
        ferryd.endpoints["partner"] = server.endpoint(auth=auth, trace={"mask": 1023, "when": "always"})
        ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": path, "poll": "200ms",
                                        "ready": {"stable_for": "0s"}, "after": "delete"},
                               "to": [{"path": str(place / "in")}]}
        drop(source, "a", b"abc")
        ferryd.start()
        return server

    yield start
    for server in servers:
        server.stop()


def secret(place, text=PASSWORD, name="secret"):
    file = place / name
    file.write_text(text + "\n")
    file.chmod(0o600)
    return {"file": str(file)}


def key_of(place):
    return {"publickey": {"key": str(place / "partner" / "user_key")}}


def arrives(ferryd, place, server):
    wait_for(lambda: visible(place / "in") == ["a"],
             lambda: f"the file\n{server.log_text()[-3000:]}\n{ferryd.trace_text()[-3000:]}", 60)
    wait_for(lambda: "logged in" in ferryd.trace_text(), "the trace")
    assert PASSWORD not in ferryd.trace_text() + ferryd.log_text()
    assert TOTP_SECRET not in ferryd.trace_text() + ferryd.log_text()


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_login__password_through_pam(methods, login, ferryd, place):
    server = login([{"password": secret(place)}], methods)
    arrives(ferryd, place, server)
    assert server.failures() == 0


@pytest.mark.parametrize("order", ["as asked", "reversed"])
def test_login__key_and_password(order, login, ferryd, place):
    auth = [key_of(place), {"password": secret(place)}]
    server = login(auth if order == "as asked" else auth[::-1], "publickey,password")
    arrives(ferryd, place, server)
    assert server.failures() == 0
    assert "Partial publickey" in server.log_text()


def test_login__key_and_one_time_code(login, ferryd, place):
    server = login([key_of(place), {"keyboard-interactive": [
        {"prompt": "code", "totp": secret(place, TOTP_SECRET)}]}], "publickey,keyboard-interactive", [CODE])
    arrives(ferryd, place, server)
    assert server.failures() == 0
    assert 'server asks: "Verification code: " (hidden)' in ferryd.trace_text()


def test_login__password_and_one_time_code(login, ferryd, place):
    server = login([{"keyboard-interactive": [
        {"prompt": "password", "answer": secret(place)},
        {"prompt": "code", "totp": {"secret": secret(place, TOTP_SECRET, "totp"), "digits": 6}}]}],
        "keyboard-interactive", [UNIX, CODE])
    arrives(ferryd, place, server)
    assert server.failures() == 0


def test_login__half_of_what_is_wanted_names_the_other_half(login, ferryd, place):
    login([key_of(place)], "publickey,password")
    said = ferryd.wait_stopped()
    assert "SSH-AUTH-PARTIAL" in said["code"] and "wants more: password" in said["message"]
    assert f"publickey {place}/partner/user_key (ssh-ed25519 SHA256:" in said["message"]


def test_login__a_wrong_password_is_sent_once_until_its_file_changes(login, ferryd, place):
    reference = secret(place, "wrong")
    server = login([{"password": reference}], "password")
    said = ferryd.wait_stopped()
    assert said["code"] == "SSH-AUTH-REFUSED" and "password refused" in said["message"]
    assert server.failures() == 1
    stays_true(lambda: server.failures() == 1, "one wrong password is sent once", 1.5)
    secret(place)
    arrives(ferryd, place, server)
    assert server.failures() == 1


def test_login__an_expired_password_is_told_and_not_changed(login, ferryd, place):
    login([{"password": secret(place)}], "keyboard-interactive", expired=True)
    said = ferryd.wait_stopped()
    assert said["code"] == "SSH-AUTH-EXPIRED" and "by hand" in said["message"]


def test_login__an_expired_password_that_the_server_takes_first_is_told(login, ferryd, place):
    """By the method `password` sshd lets the user in, and then ends the session."""
    login([{"password": secret(place)}], "password", expired=True)
    ferryd.wait_told("SFTP-ENDED", "the password has expired")


def test_login__a_code_of_a_wrong_secret_is_told_with_the_clock(login, ferryd, place):
    login([{"keyboard-interactive": [{"prompt": "code", "totp": secret(place, "A" * 26)}]}],
          "keyboard-interactive", [CODE])
    said = ferryd.wait_stopped()
    assert said["code"] == "SSH-AUTH-REFUSED" and "timedatectl" in said["message"]


def test_login__a_second_factor_that_is_refused_is_not_called_missing(login, ferryd, place):
    login([key_of(place), {"keyboard-interactive": [{"prompt": "code", "totp": secret(place, "A" * 26)}]}],
          "publickey,keyboard-interactive", [CODE])
    said = ferryd.wait_stopped()
    assert said["code"] == "SSH-AUTH-REFUSED" and "timedatectl" in said["message"]
    assert "keyboard-interactive refused" in said["message"] and "Add the missing" not in said["message"]


def test_login__a_wrong_password_behind_a_key_is_told_as_wrong(login, ferryd, place):
    server = login([key_of(place), {"password": secret(place, "wrong")}], "publickey,password")
    said = ferryd.wait_stopped()
    assert said["code"] == "SSH-AUTH-REFUSED" and "password refused" in said["message"]
    assert "Check the password" in said["message"] and server.failures() == 1


def test_login__no_code_is_sent_twice_after_a_lost_connection(login, ferryd, place):
    """The PAM module refuses a code it has seen; the next one comes within half a minute."""
    server = login([{"keyboard-interactive": [{"prompt": "code", "totp": secret(place, TOTP_SECRET)}]}],
                   "keyboard-interactive", [CODE])
    arrives(ferryd, place, server)
    server.restart()
    drop(server.home / "out", "b", b"def")
    wait_for(lambda: visible(place / "in") == ["a", "b"], lambda: f"b\n{server.log_text()[-3000:]}", 90)
    assert server.failures() == 0


def test_login__a_wrong_password_is_sent_once_by_all_workers_together(login, ferryd, place):
    """Routes on every worker use the endpoint; each has a connection of its own."""
    ferryd.daemon["workers"] = 4
    reference = secret(place, "wrong")
    for number in range(8):
        (place / f"in{number}").mkdir()
        ferryd.routes[f"in{number}"] = {
            "from": {"endpoint": "partner", "path": f"/none/{number}", "poll": "200ms"},
            "to": [{"path": str(place / f"in{number}")}]}
    server = login([{"password": reference}], "password")
    wait_for(lambda: ferryd.log_text().count("cannot be polled") == 9, "nine routes to know of it")
    assert ferryd.log_text().count("code=SSH-AUTH-REFUSED") == 9
    assert server.failures() == 1
    secret(place)
    arrives(ferryd, place, server)
    assert server.failures() == 1
