"""Loaded by every Python client before anything else: it can reach the gateway's edge and nothing else.

`CLIENTS_ROUTE` is `HOST:PORT=ADDRESS:PORT`: what the client believes to call, and where it is. Every other destination
is refused and noted, one `HOST:PORT` a line, in the file `CLIENTS_ATTEMPTS`.
"""

import os
import socket
import sys


def _place(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


CALLED, REAL = map(_place, os.environ["CLIENTS_ROUTE"].split("="))
ATTEMPTS = os.environ["CLIENTS_ATTEMPTS"]
# What the called name resolves to. Nobody dials it: some libraries take only the address out of an answer and
# keep the port they know, so the real place is put in when they connect.
MARK = "127.93.7.1"

_getaddrinfo = socket.getaddrinfo
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def _refuse(host, port):
    with open(ATTEMPTS, "a") as out:
        out.write(f"{host}:{port}\n")
    return ConnectionRefusedError(f"a client of the tests may not call {host}:{port}")


def _resolve(host, port, *args, **options):
    name = host.decode() if isinstance(host, bytes) else host
    if name == CALLED[0]:
        return _getaddrinfo(MARK, port, *args, **options)
    if name in (MARK, REAL[0]):
        return _getaddrinfo(name, port, *args, **options)
    raise _refuse(name, port)


def _real(address):
    return REAL if isinstance(address, tuple) and tuple(address[:2]) == (MARK, CALLED[1]) else address


def _watch(event, args):
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if isinstance(address, tuple) and tuple(address[:2]) != REAL:
            raise _refuse(*address[:2])


socket.getaddrinfo = _resolve
socket.socket.connect = lambda self, address: _connect(self, _real(address))
socket.socket.connect_ex = lambda self, address: _connect_ex(self, _real(address))
sys.addaudithook(_watch)
