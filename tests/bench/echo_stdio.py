"""The echo server over stdio: a blocking loop, one message a line."""

import argparse
import os

from echo import Echo


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=2)
    parser.add_argument("--hang", type=float, default=0, help="seconds to sleep inside the first handshake")
    args = parser.parse_args()
    echo = Echo(args.tools, args.hang)
    rest = b""
    while data := os.read(0, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        answers = [answer for line in lines if line.strip() and (answer := echo.handle(line)) is not None]
        write(b"".join(answer + b"\n" for answer in answers))


if __name__ == "__main__":
    main()
