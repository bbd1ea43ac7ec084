"""A certificate authority of the tests' own, made by the openssl program."""

import datetime
import ssl
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Writes NAME.pem and NAME.key into its folder."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                "-out", self.certificate, "-days", 3, "-subj", f"/CN=tests {name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, subject, server=False, ended=False):
        """(certificate, key) with this subject; for a server it is good for localhost."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n" if server
                              else "extendedKeyUsage=clientAuth\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", subject, "-utf8")
        settings = self.folder / "ca.cnf"
        settings.write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
                            "unique_subject=no\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\norganizationName=optional\n")
        (self.folder / "index").touch()
        now = datetime.datetime.now(datetime.UTC)
        start, end = (now + datetime.timedelta(days=days) for days in ((-2, -1) if ended else (-1, 2)))
        openssl("ca", "-batch", "-notext", "-preserveDN", "-utf8", "-config", settings, "-in", request, "-cert", self.certificate,
                "-keyfile", self.key, "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}",
                "-out", certificate, "-extfile", extensions)
        return certificate, key

    def serve_tls(self, server, name="listener"):
        """Makes a server of http.server speak TLS, with a certificate for this machine."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, self.issue(name, "/CN=localhost", server=True)))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    def trusting(self, client=None):
        """A client's context that trusts this authority and shows `client`, a pair of issue()."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if client:
            context.load_cert_chain(*map(str, client))
        return context
