"""The load of bench/ingest.py: many connections, one message outstanding on each; says what was answered, and how long each took.

`python -m bench._ingest_client <port> <connections> <seconds> <first number>`. A loop over epoll, so that it is not the bottleneck.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

SIZE = 1_500  # bytes of a message
_HEAD = rb"MSH|^~\&|SCHED|ALDER|VESTIBULE|ALDER|20261120090715||SIU^S12|"
_TAIL = b"\r".join(
    (
        b"|P|2.3",
        b"SCH|1|700123|||||||20|MIN|^^^202611231430|77^RIVERS^ANA^^^^|(555)555-0101|1 EXAMPLE RD^^^|||||||||||1^SCH",
        b"PID|||Z100200||CANARY^MIRA^^^^||19800101|F|||2 SAMPLE ST^^OTHERTOWN^MN^55555||555-0134",
        b"PV1||O|CARD||||||||||||||||5001|",
        b"RGS|1||1^CARDIOLOGY",
        b"AIS|1||001^FOLLOW UP",
        b"AIP|1||400^OKAFOR^REMI|1^MD||202603051430|0|MIN|20|MIN",
        b"NTE|1||" + b"x" * 1_060,
        b"",
    )
)


def main(port: int, connections: int, seconds: float, first: int) -> dict[str, float]:
    poll, socks, sent, number = select.epoll(), {}, {}, first
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(sock, select.EPOLLIN)
        socks[sock.fileno()] = sock
    clock, took, parts = time.perf_counter, [], dict.fromkeys(socks, b"")
    began = clock()
    until = began + seconds
    for fd, sock in socks.items():
        sent[fd] = clock()
        sock.send(b"\x0b%s%d%s\x1c\r" % (_HEAD, number, _TAIL))
        number += 1
    while (now := clock()) < until:
        for fd, _ in poll.poll(1):
            data = parts[fd] + socks[fd].recv(4096)
            if data[-2:] != b"\x1c\r":
                parts[fd] = data
                continue
            parts[fd] = b""
            assert b"MSA|AA" in data, data
            now = clock()
            took.append(now - sent[fd])
            sent[fd] = now
            socks[fd].send(b"\x0b%s%d%s\x1c\r" % (_HEAD, number, _TAIL))
            number += 1
    took.sort()
    return {"rate": len(took) / (now - began), "p99": took[len(took) * 99 // 100] * 1000, "sent": number - first, "answered": len(took)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))))
