"""TLS with real servers: whom we trust, who we are, and what is said when one of both does not work."""
import base64
import hashlib
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lib.fixtures import fetch_from
from lib.ftpd import Authority, Proftpd, Vsftpd
from lib.wait import wait_for

SERVERS = {"proftpd": Proftpd, "vsftpd": Vsftpd}
WANTS_CERTIFICATE = {
    "proftpd": "TLSVerifyClient on\nTLSCACertificateFile {ca}",
    "vsftpd": "require_cert=YES\nvalidate_cert=YES\nca_certs_file={ca}",
}


@pytest.fixture
def asks(ferryd, serve, place):
    """asks(server, tls=…): ferryd begins to fetch a file; the code of its error, or "done"."""

    def begin(server, tls=None, **settings):
        source, _ = fetch_from(ferryd, server, place)
        endpoint = server.endpoint(**settings)
        if tls is not None:
            endpoint["tls"] = {**endpoint.get("tls", {}), **tls}
        ferryd.endpoints["bank"] = endpoint
        (source / "a").write_bytes(b"x" * 5000)
        ferryd.start()
        return wait_for(lambda: outcome(ferryd), ferryd.told)

    return begin


def outcome(ferryd):
    if [job["state"] for job in ferryd.jobs()] == ["done"]:
        return "done"
    bank = [e for e in ferryd.items("status", "endpoint") if e["name"] == "bank"]
    error = bank[0]["error"] if bank else None
    return error and error["code"]


def client(place, server, how):
    """Our certificate and key, as `how` says, under tls:."""
    authority = Authority(place / "stranger", "Stranger") if how == "stranger" else server.authority
    passphrase = b"open sesame" if "passphrase" in how else None
    certificate, key = authority.issue("client", names=["ferry"], passphrase=passphrase)
    tls = {"certificate": str(certificate), "key": str(key)}
    if how in ("passphrase", "wrong passphrase"):
        secret = place / "passphrase"
        secret.write_text("open sesame" if how == "passphrase" else "open barley")
        secret.chmod(0o600)
        tls["passphrase"] = {"file": str(secret)}
    if how == "mismatch":
        tls["key"] = str(server.authority.issue("other")[1])
    if how == "together":
        both = place / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        both.chmod(0o600)
        return {"certificate": str(both)}
    return tls


# ---- who we are -------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("how,code,words", [
    ("plain", "done", ""),
    ("together", "done", ""),
    ("passphrase", "done", ""),
    ("wrong passphrase", "TLS-PASSPHRASE", "the passphrase in tls.passphrase does not open it"),
    ("no passphrase", "TLS-PASSPHRASE", "it is encrypted; set tls.passphrase"),
    ("mismatch", "TLS-KEY-MISMATCH", "does not belong to the certificate"),
    ("stranger", "TLS-ALERT", "it does not take our certificate"),
    ("none", "TLS-ALERT", "tls.certificate"),
])
def test_tls__client_certificates(asks, ferryd, serve, place, name, how, code, words):
    server = serve(SERVERS[name], extra=WANTS_CERTIFICATE[name])
    assert asks(server, tls=None if how == "none" else client(place, server, how)) == code, ferryd.told()
    assert words in ferryd.told()


@pytest.mark.parametrize("key,code", [("certificate", "TLS-CERTIFICATE-FILE"), ("key", "TLS-KEY-FILE")])
@pytest.mark.parametrize("how", ["missing", "garbage"])
@pytest.mark.parametrize("when", ["before a connection", "within one"])
def test_tls__client_certificates_that_went_bad_since_the_check(asks, ferryd, serve, place, key, code, how, when):
    server = serve(Proftpd, extra=WANTS_CERTIFICATE["proftpd"])
    tls = client(place, server, "plain")
    assert asks(server, tls=tls) == "done"
    ferryd.stop()
    ferryd.resume()
    # the configuration was read with both in place
    (server.home / "out" / "b").write_bytes(b"y")
    wait_for(lambda: len(ferryd.jobs()) == 2, ferryd.told)  # it is connected
    path = place / "server0" / "tls" / ("client.pem" if key == "certificate" else "client.key")
    if how == "missing":
        path.unlink()
    else:
        path.write_text("garbage")
    if when == "before a connection":
        server.kill()
        server.start()
    ferryd.wait_stopped("bank")
    ferryd.wait_told(code, f"tls.{key}")
    assert "TLS-OWN-CERTIFICATE" not in ferryd.log_text()  # names no setting


def test_tls__authorities_that_went_bad_since_the_check(asks, ferryd, serve):
    server = serve(Proftpd)
    assert asks(server) == "done"
    ferryd.stop()
    ferryd.resume()
    server.ca.write_text("garbage")
    server.kill()
    server.start()  # the next connection is a new one
    ferryd.wait_told("TLS-CA-FILE", "install ca-certificates")


# ---- whom we trust ----------------------------------------------------------------------------------

def pin(certificate):
    cert = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = cert.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256//" + base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.mark.parametrize("pins,code", [(["right"], "done"), (["wrong"], "TLS-PIN"), (["wrong", "right"], "done")],
                         ids=["right", "wrong", "rotated"])
def test_tls__pinned_public_keys(asks, ferryd, serve, place, pins, code):
    server = serve(Proftpd)
    known = {"right": pin(server.certificate[0]), "wrong": pin(server.authority.issue("other")[0])}
    assert asks(server, tls={"pins": [known[p] for p in pins]}) == code, ferryd.told()
    assert code == "done" or "verify the new key with the partner" in ferryd.told()


@pytest.mark.parametrize("whose,code", [("ours", "done"), ("stranger", "TLS-UNKNOWN-CA")])
def test_tls__a_directory_of_authorities(asks, ferryd, serve, place, whose, code):
    server = serve(Proftpd)
    authority = server.authority if whose == "ours" else Authority(place / "stranger", "Stranger")
    folder = place / "authorities"
    folder.mkdir()
    shutil.copy(authority.pem, folder / "ca.pem")
    subprocess.run(["openssl", "rehash", str(folder)], check=True)
    assert asks(server, tls={"ca": str(folder)}) == code, ferryd.told()


def test_tls__an_authority_that_kept_its_name_and_changed_its_key(asks, ferryd, serve, place):
    server = serve(Proftpd)
    renewed = Authority(place / "renewed")
    assert asks(server, tls={"ca": str(renewed.pem)}) == "TLS-UNKNOWN-CA", ferryd.told()
    assert "another key" in ferryd.told()


# ---- versions and ciphers ----------------------------------------------------------------------------

STRONG, STRONGER = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"


@pytest.mark.parametrize("make,extra,tls,code,words", [
    (Proftpd, "TLSProtocol TLSv1.3", {}, "TLS-ALERT", "tls.max"),
    (Proftpd, "TLSProtocol TLSv1.3", {"max": "1.3"}, "done", ""),
    (Proftpd, "TLSProtocol TLSv1.3", {"min": "1.3", "max": "1.3"}, "done", ""),
    (Proftpd, "TLSProtocol TLSv1.2", {"max": "1.3"}, "done", ""),
    (Proftpd, "TLSProtocol TLSv1.2", {"min": "1.3", "max": "1.3"}, "TLS-ALERT", "tls.min"),
    (Vsftpd, "ssl_ciphers=" + STRONGER, {"ciphers": STRONGER}, "done", ""),
    (Vsftpd, "ssl_ciphers=" + STRONGER, {"ciphers": STRONG}, "TLS-ALERT", "tls.ciphers"),
    (Proftpd, "", {"session_reuse": False}, "TLS-SESSION-REUSE", "keep tls.session_reuse on"),
    (Vsftpd, "", {"session_reuse": False}, "TLS-SESSION-REUSE", "keep tls.session_reuse on"),
], ids=lambda p: None)
def test_tls__versions_ciphers_and_session_reuse(asks, ferryd, serve, make, extra, tls, code, words):
    assert asks(serve(make, extra=extra), tls=tls) == code, ferryd.told()
    assert words in ferryd.told()


# ---- the wrong door -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("theirs,ours,code,cure", [
    ("explicit", "implicit", "TLS-NOT-TLS", "use tls.mode: explicit"),
    ("implicit", "explicit", "FTP-GREETING-TIMEOUT", "wants tls.mode: implicit"),
])
def test_tls__implicit_and_explicit_mixed_up(asks, ferryd, serve, name, theirs, ours, code, cure):
    server = serve(SERVERS[name], tls=theirs)
    assert asks(server, tls={"mode": ours}, timeouts={"handshake": "1s"}) == code, ferryd.told()
    assert cure in ferryd.told()


@pytest.mark.parametrize("mode", ["implicit", "explicit"])
def test_tls__an_ssh_server_on_that_port(asks, ferryd, serve, partner, mode):
    server = serve(Proftpd)
    assert asks(server, tls={"mode": mode}, port=partner.port) == "FTP-NOT-FTP", ferryd.told()
    assert "this is an SSH server; use protocol: sftp" in ferryd.told()
