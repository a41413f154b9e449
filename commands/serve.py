"""``ballast serve``: the app on this machine, or for others over TLS."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import click

from commands.context import common, open_home, wants_json
from data.errors import BadInput, EnvironmentFailure
from data.home import Home
from security.sign_in import is_loopback

ROOT = Path(__file__).parent.parent


class PlainHttp(BadInput):
    """Ballast is not served to other machines without encryption. Give --tls-cert and --tls-key, or put a reverse
    proxy with TLS before it and name its address with --behind-proxy; without either, leave out --host {host}."""


class BadCertificate(EnvironmentFailure):
    """The certificate {path} cannot be used: {problem}"""


@click.command()
@click.option("--port", default=8501, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key (PEM).")
@click.option("--behind-proxy", metavar="ADDRESS", help="The address of the TLS proxy that stands before Ballast.")
@click.option("--name", "names", multiple=True, help="A host name people type, besides those in the certificate.")
@common
def serve(
    port: int,
    host: str = "127.0.0.1",
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    behind_proxy: str | None = None,
    names: tuple[str, ...] = (),
) -> None:
    """Serve the clinic to browsers, with its worker. Ends cleanly on Ctrl-C and SIGTERM."""
    if bool(tls_cert) != bool(tls_key):
        raise BadInput(problem="--tls-cert and --tls-key belong together; one of them is missing.")
    if host != "localhost" and not is_loopback(host) and tls_cert is None and not behind_proxy:
        raise PlainHttp(host=host)
    if Home.locate().exists:
        open_home()
    config: dict[str, object] = {"server.port": port, "server.address": host}
    hosts = list(names)
    if tls_cert and tls_key:
        hosts += names_in(tls_cert, tls_key)
        config |= {
            "server.sslCertFile": str(tls_cert.expanduser().resolve()),
            "server.sslKeyFile": str(tls_key.expanduser().resolve()),
        }
    if behind_proxy:
        os.environ["BALLAST_TRUSTED_PROXY"] = behind_proxy
    if hosts:
        known = [os.environ["BALLAST_HOSTS"]] if os.environ.get("BALLAST_HOSTS") else []
        os.environ["BALLAST_HOSTS"] = ",".join([*known, *hosts])
    os.environ["BALLAST_HOME"] = str(Home.locate().path)
    if os.environ.get("BALLAST_KEY_FILE"):
        os.environ["BALLAST_KEY_FILE"] = str(Path(os.environ["BALLAST_KEY_FILE"]).expanduser().resolve())
    os.chdir(ROOT)  # Streamlit looks for .streamlit/config.toml where it runs
    if wants_json():
        sys.stdout.flush()
        os.dup2(2, 1)  # the JSON document is all that standard output gets; Streamlit's greeting goes elsewhere
    gc.disable()
    import streamlit_app

    gc.enable()
    streamlit_app.app.run(config=config)


def names_in(certificate: Path, key: Path) -> list[str]:
    """The host names and addresses a certificate is made for; raises BadCertificate when it or its key is no use."""
    import ssl

    from cryptography import x509

    for path in (certificate, key):
        if not path.is_file():
            raise BadCertificate(path=path, problem="there is no such file.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        alternatives = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except (ssl.SSLError, ValueError, OSError):
        raise BadCertificate(path=certificate, problem="it is damaged, or the key does not belong to it.") from None
    addresses = [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
    return [*alternatives.get_values_for_type(x509.DNSName), *addresses]
