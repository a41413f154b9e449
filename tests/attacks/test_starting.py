"""Other ways to start the app, and what they still refuse."""

import os
import subprocess
import sys
import time

import httpx
import pytest

from tests.attacks.stream import stream
from tests.conftest import ROOT, free_port, start_app


def test_running_the_page_script_without_the_gate_believes_no_header(served):
    port = free_port()
    environment = os.environ | {"BALLAST_HOME": str(served.home.path), "BALLAST_KEY_FILE": str(served.key_file)}
    environment.pop("BALLAST_DATABASE_URL", None)
    command = [sys.executable, "-m", "streamlit", "run", "pages/navigation.py", "--server.port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{url}/_stcore/health", timeout=1)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        for forged in ("sam", "olive", served.users["olive"]):
            with stream(url, headers={"X-Ballast-Session": forged}) as nobody:
                drawn = nobody.run()
            assert 'label: "Username"' in drawn
            assert "Harbor Spay" not in drawn
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.slow
def test_serving_others_without_encryption_is_refused_with_a_sentence(served):
    environment = os.environ | {"BALLAST_HOME": str(served.home.path), "BALLAST_KEY_FILE": str(served.key_file)}
    command = [sys.executable, "cli.py", "serve", "--host", "0.0.0.0", "--port", str(free_port())]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2
    assert "not served to other machines without encryption" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.fixture
def certificate(tmp_path):
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "clinic.example")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("clinic.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path / "tls.pem", tmp_path / "tls.key"


def test_over_tls_the_cookie_is_bound_to_the_host_and_the_certificates_names_are_answered(
    served, certificate, tmp_path
):
    cert, key = certificate
    url, process = start_app(
        served.home.path, served.key_file, tmp_path / "log", "--tls-cert", str(cert), "--tls-key", str(key), tls=True
    )
    try:
        with httpx.Client(base_url=url, verify=False) as client:
            answer = client.get("/", headers={"Host": "clinic.example"})
            assert answer.status_code == 200
            assert answer.headers["strict-transport-security"].startswith("max-age=")
            assert answer.headers["set-cookie"].startswith("__Host-ballast_browser=")
            assert "; Secure" in answer.headers["set-cookie"]
            assert client.get("/", headers={"Host": "other.example"}).status_code == 421
            assert client.get("/flow", cookies=served.cookies("sam"), follow_redirects=False).status_code == 303
    finally:
        process.terminate()
        assert process.wait(15) in (0, -15), "SIGTERM ends it"


@pytest.mark.slow
def test_a_key_that_does_not_fit_its_certificate_is_named(certificate, tmp_path, served):
    cert, _ = certificate
    environment = os.environ | {"BALLAST_HOME": str(served.home.path), "BALLAST_KEY_FILE": str(served.key_file)}
    command = [sys.executable, "cli.py", "serve", "--tls-cert", str(cert), "--tls-key", str(cert)]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 4
    assert "cannot be used" in answer.stderr
