"""A mail server for tests: aiosmtpd, which writes each message that it takes as a line of JSON.

Arguments: host, security (none, starttls, tls), certificate, key, user, password ("" for none).
The first line is the port.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

host, security, certificate, key, user, password = sys.argv[1:]


class Handler:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "isEncrypted": session.ssl is not None or security == "tls",
            "isLoggedIn": bool(session.authenticated),
            "message": envelope.content.decode(),
        }), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (user.encode(), password.encode())
    return AuthResult(success=right, handled=right)


context = None
if security != "none":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)


async def serve():
    loop = asyncio.get_running_loop()
    settings = {
        "tls_context": context if security == "starttls" else None,
        "require_starttls": security == "starttls",
        "authenticator": authenticate if user else None,
        "auth_required": bool(user),
        "auth_require_tls": security == "starttls",
        "loop": loop,
    }
    server = await loop.create_server(
        lambda: SMTP(Handler(), **settings),
        host,
        0,
        ssl=context if security == "tls" else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
