"""A certificate authority of the user's own, for Azure host names that end on this machine.

Token credentials refuse http, so the proxy must speak TLS as, say, *.cognitiveservices.azure.com. The authority's key
is readable by its user only, its certificate is constrained to Azure's names, and nothing is installed system-wide: the
processes that `start()` prepared trust it, through a bundle named in their environment, and no other.
"""

import datetime
import functools
import hashlib
import os
import ssl
import tempfile
import time
from pathlib import Path

from .hosts import AZURE_SUFFIXES
from .userdata import home, write_private

AUTHORITY_DAYS = 365
RENEW_DAYS = 30  # a younger authority is made when fewer days than this remain
LEAF_HOURS = 24
NAME = "local_azure, loopback only"


def _now():
    return datetime.datetime.now(datetime.UTC)


def _builder(subject, issuer, public_key, lifetime):
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - datetime.timedelta(hours=1))  # clocks differ
        .not_valid_after(_now() + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(**true):
    from cryptography import x509

    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: true.get(name, False) for name in names})


def _make_authority():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(suffix.lstrip(".")) for suffix in AZURE_SUFFIXES]
    certificate = (
        _builder(NAME, NAME, key.public_key(), datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(home() / "authority.key", pem)
    write_private(home() / "authority.pem", certificate.public_bytes(serialization.Encoding.PEM))


def ensure_authority():
    """Path of the authority's certificate (PEM), made or renewed where needed. Call it under the server's lock."""
    path = home() / "authority.pem"
    names = hashlib.sha256("\n".join(AZURE_SUFFIXES).encode()).hexdigest()
    stamp = home() / "authority.names"  # an authority made for fewer names would be refused for the new ones
    young = path.exists() and time.time() - path.stat().st_mtime < (AUTHORITY_DAYS - RENEW_DAYS) * 86400
    if not (young and (home() / "authority.key").exists() and stamp.exists() and stamp.read_text() == names):
        _make_authority()
        write_private(stamp, names.encode())
    return path


def bundle(base):
    """Path of a file with the certificates of `base` and our authority's.

    base: the bundle in force before us (a company's, or certifi's).
    """
    data = Path(base).read_bytes() + b"\n" + (home() / "authority.pem").read_bytes()
    path = home() / f"bundle-{hashlib.sha256(data).hexdigest()[:16]}.pem"
    if not path.exists():
        write_private(path, data)
    return path


@functools.cache
def _authority():
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((home() / "authority.key").read_bytes(), None)
    return key, x509.load_pem_x509_certificate((home() / "authority.pem").read_bytes())


_contexts = {}  # host -> (context, monotonic time until which it is used)


def server_context(host):
    """An `ssl.SSLContext` with which this process can speak as `host`. Kept in memory for half its leaf's life."""
    context, until = _contexts.get(host, (None, 0))
    if time.monotonic() < until:
        return context
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key, authority = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    issued_by = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    leaf = (
        _builder(host[:64], NAME, key.public_key(), datetime.timedelta(hours=LEAF_HOURS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issued_by), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = leaf.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    handle, name = tempfile.mkstemp(dir=home())  # the ssl module loads a key from a file only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        context.load_cert_chain(name)
    finally:
        os.unlink(name)
    _contexts[host] = context, time.monotonic() + LEAF_HOURS * 1800
    return context
