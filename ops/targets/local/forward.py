"""A TCP forward on loopback: stands at the pooled port where no pgbouncer is installed.

It proves that two ports and two URLs are wired; it pools nothing.

    python -m ops.targets.local.forward --listen PORT --to PORT
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket

CHUNK = 65536


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()


async def _serve(listen: int, to: int) -> None:
    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            writer.close()
            far_writer.close()

    hosts = ["127.0.0.1", *(["::1"] if _has_ipv6() else [])]
    server = await asyncio.start_server(joined, host=hosts, port=listen)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    server.close()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def main() -> None:
    """Forward until told to stop."""
    parser = argparse.ArgumentParser(description="forward one loopback TCP port to another")
    parser.add_argument("--listen", type=int, required=True, help="port to listen on, on 127.0.0.1 and ::1")
    parser.add_argument("--to", type=int, required=True, help="port on 127.0.0.1 to connect to")
    options = parser.parse_args()
    asyncio.run(_serve(options.listen, options.to))


if __name__ == "__main__":
    main()
