#!/usr/bin/python3
"""Receives RTP, and writes the payloads of each port or connection, as they come, to a file.

rtp_receiver.py udp ADDRESS PORT PORTS FOLDER      PORTS even ports from PORT on, a file each
rtp_receiver.py accept ADDRESS PORT FOLDER         RFC 4571, the gateway connects
rtp_receiver.py connect ADDRESS PORT FOLDER        RFC 4571, to the gateway

A file is FOLDER/PORT.ps. Prints `ready` once it listens, `PORT: packets N frames N` for each 25 frames
(marker bits), and `PORT ended: packets N frames N`. It ends on SIGTERM when nothing is left to read, or
with the connection.
"""

import os
import pathlib
import select
import signal
import socket
import sys


class Stream:
    """One RTP stream, and the file its payloads go to."""

    def __init__(self, port, folder):
        self.port = port
        self.file = open(pathlib.Path(folder) / f"{port}.ps", "wb")
        self.packets = 0
        self.frames = 0

    def take(self, packet):
        """Takes one packet (RFC 3550 §5.1)."""
        if len(packet) < 12 or packet[0] >> 6 != 2:
            sys.exit(f"no RTP packet: {packet[:16].hex()}")
        start = 12 + 4 * (packet[0] & 15)
        if packet[0] & 16:
            start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
        end = len(packet) - (packet[-1] if packet[0] & 32 else 0)
        self.file.write(packet[start:end])
        self.packets += 1
        if packet[1] & 128:
            self.frames += 1
            if self.frames % 25 == 0:
                self.file.flush()
                print(f"{self.port}: packets {self.packets} frames {self.frames}", flush=True)

    def end(self):
        """Writes what is left, and says how much came."""
        self.file.close()
        print(f"{self.port} ended: packets {self.packets} frames {self.frames}", flush=True)


def udp(address, port, ports, folder):
    streams = {}
    for number in range(int(port), int(port) + 2 * int(ports), 2):
        streams[bind(address, number)] = Stream(number, folder)
    # Sender reports come to the odd ports; they are taken, and told apart by who reads the capture.
    reports = [bind(address, stream.port + 1) for stream in streams.values()]
    over, end = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(end, b"."))
    print("ready", flush=True)
    while (readable := select.select([*streams, *reports, over], [], [])[0]) != [over]:
        for receiver in readable:
            if receiver in streams:
                streams[receiver].take(receiver.recv(65536))
            elif receiver in reports:
                receiver.recv(65536)
    for stream in streams.values():
        stream.end()


def bind(address, port):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    receiver.bind((address, port))
    return receiver


def accept(address, port, folder):
    listener = socket.create_server((address, int(port)))
    print("ready", flush=True)
    connection, _ = listener.accept()
    framed(connection, Stream(port, folder))


def connect(address, port, folder):
    connection = socket.create_connection((address, int(port)))
    print("ready", flush=True)
    framed(connection, Stream(port, folder))


def framed(connection, stream):
    """Reads RFC 4571: two bytes of length before each packet."""
    reader = connection.makefile("rb")
    while head := reader.read(2):
        length = int.from_bytes(head, "big")
        packet = reader.read(length)
        if len(packet) < length:
            sys.exit(f"the connection ended within a packet: {len(packet)} of {length} bytes")
        stream.take(packet)
    stream.end()


{"udp": udp, "accept": accept, "connect": connect}[sys.argv[1]](*sys.argv[2:])
