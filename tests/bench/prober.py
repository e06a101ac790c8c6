"""Asks the gateway for nothing (`ping`), again and again, until its standard input ends; prints the slowest answer.

Run as a program of its own, so that nobody else's work is in its figures: `prober.py PORT KEY`. Prints JSON: the median
and the slowest answer in milliseconds.
"""

import http.client
import json
import select
import statistics
import sys
import time

PAUSE = 0.002
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def main(port: int, key: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    took: list[float] = []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        began = time.perf_counter()
        connection.request("POST", "/mcp", PING, headers)
        connection.getresponse().read()
        took.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"median_ms": statistics.median(took), "worst_ms": max(took), "count": len(took)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
